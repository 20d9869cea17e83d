"""A key table for each way of comparing candidates, in step with the standings and the time."""

from datetime import datetime
from typing import NamedTuple

from engine.distribution.keys import KeyLayout
from engine.distribution.model import DistributionSettings, Method
from engine.distribution.smallest_key import KeyTable, SmallestKeyIndex
from engine.distribution.standings import Standings
from engine.distribution.windows import TimelineShelf, Window


class RankingKind(NamedTuple):
    """A way of comparing candidates; `rule` None = by the organization's clock."""

    by_load: bool
    rule: str | None
    within_hours: int | None
    respect_capacity: bool


def kind_of(
    settings: DistributionSettings,
    method: Method,
    *,
    rule: str,
    within_hours: int | None,
    respect_capacity: bool,
) -> RankingKind:
    """The way of comparing that a rule asks for."""
    scope = rule if settings.round_robin_scope == "rule" else None
    return RankingKind(method == "load_balancing", scope, within_hours, respect_capacity)


_MOST_POOLS = 20_000
"""Beyond so many different candidate sets the index is started afresh, to bound its memory."""


class Ranking:
    """The current key of every target under one way of comparing, and a pool for each set of
    candidates that was asked for.

    Who cannot be chosen now, for want of capacity or time, is blocked.
    """

    def __init__(
        self, kind: RankingKind, standings: Standings, layout: KeyLayout, shelf: TimelineShelf
    ) -> None:
        self._by_load = kind.by_load
        self._respect_capacity = kind.respect_capacity
        self._every_bucket = standings.settings.load_balance_every_bucket
        self._standings = standings
        self._available = standings.available
        self._layout = layout
        self._rank_of = layout.rank_of
        self._rule = kind.rule or ""
        self._clocks = None if kind.rule or standings.settings.fairness else standings.clock
        self._is_line = kind == RankingKind(False, None, None, False) and self._clocks is not None
        self._window: Window | None = None
        if kind.within_hours is not None:
            self._window = Window(shelf, kind.within_hours, len(standings.targets))
        keys = [self._key(position) for position in layout.position_of]
        self._table = KeyTable(keys, layout.mask, layout.blocked, layout.load_shift)
        self._pools: dict[frozenset[int], SmallestKeyIndex] = {}

    def first(self, candidates: frozenset[int], now: datetime) -> int:
        """The rank of the one who comes first as of `now`, -1 when all are blocked."""
        pool = self._pools.get(candidates) or self._add_pool(candidates)
        self._table.calls += 1
        if self._window is not None:
            for position in self._window.advance(now):
                self.refresh(position)
        return pool.first()

    def _add_pool(self, candidates: frozenset[int]) -> SmallestKeyIndex:
        if len(self._pools) >= _MOST_POOLS:
            self._pools.clear()
        pool = SmallestKeyIndex(self._table, map(self._layout.rank_of.__getitem__, candidates))
        self._pools[candidates] = pool
        return pool

    def refresh(self, position: int, line: int | None = None) -> None:
        """Something about the target at `position` moved; `line` is its place by its own clock."""
        key = line if self._is_line and line is not None else self._key(position, line)
        self._table.set(self._rank_of[position], key)

    def _key(self, position: int, line: int | None = None) -> int:
        layout = self._layout
        bucket = 0 if self._window is None else self._window.buckets[position]
        available = self._available[position] if self._respect_capacity else None
        if bucket is None or (available is not None and available <= 0):
            return layout.blocked
        if self._clocks is None:
            key = layout.line(position, self._standings.line_clock(position, self._rule))
        else:
            key = layout.line(position, self._clocks[position]) if line is None else line
        if self._by_load and (bucket == 0 or self._every_bucket):
            key += layout.load(position)
        return key + layout.bucket(bucket) if bucket else key
