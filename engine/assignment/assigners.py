"""The assign-to parts of rules: sellers, teams, queues; which rule runs is in `routing`."""

import hashlib
from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple

from engine.assignment.candidates import CandidateFinder
from engine.assignment.routing import Attempt
from engine.conditions.evaluation.cells import read_cell, related_row
from engine.decisions.decision import CandidateTrace, Stage
from engine.distribution.model import DistributionRequest, DistributionSettings, Method
from engine.distribution.pool import SellerPool
from engine.distribution.rankings import kind_of
from engine.records import EntityReference, Record, Row
from engine.rules.models import Rule
from engine.statuses import RoutingStatus

_ACCOUNTS = (
    "parentaccountid",
    "customerid_account",
    "parentcustomerid_account",
    "msdyn_relatedrecord",
)
"""The navigation properties that lead from a row to its account."""


_LETTING_IN = {
    Stage.DISABLED: "the user were enabled",
    Stage.NOT_ASSIGNABLE: "the assignment of work to this seller were switched on",
    Stage.HAD_IT: "the row had not been taken back from this seller",
    Stage.CONDITION: "the rule's condition held",
    Stage.PERMISSION: "the seller could read the row's table",
}
"""What would have let somebody in who fell out at a stage before the pool."""


def owner_id_of(record: Record) -> str | None:
    """Who owns the row now."""
    return None if record.owner is None else record.owner.id


def give(pool: SellerPool, record: Record, now: datetime, *, rule: str, position: int) -> None:
    """Book a row on one seller or team of the pool without asking for capacity or availability."""
    request = DistributionRequest(
        rule=rule,
        candidates=frozenset((position,)),
        table=record.table,
        method="round_robin",
        now=now,
        owner_id=owner_id_of(record),
    )
    pool.assign(request, pool.choose(request))


def give_without_rule(
    pool: SellerPool, record: Record, now: datetime, target: EntityReference
) -> None:
    """Book a row on a seller or team that no rule chose."""
    owner_id = owner_id_of(record)
    pool.touch(target.id, now)
    if owner_id != target.id.lower():
        pool.consume(target.id, record.table)
        if owner_id is not None:
            pool.release(owner_id, record.table)


class PoolAssigner:
    """Sellers, or teams that work is spread over: the pool chooses."""

    def __init__(
        self,
        rule: Rule,
        finder: CandidateFinder,
        *,
        method: Method,
        settings: DistributionSettings,
        nobody: RoutingStatus,
    ) -> None:
        self._name = rule.name
        self._finder = finder
        self._method: Method = method
        self._is_sticky = rule.sticky_owner
        self._within_hours = rule.available_within_hours
        self._respects_capacity = rule.respect_capacity
        self._kind = kind_of(
            settings,
            method,
            rule=rule.name,
            within_hours=rule.available_within_hours,
            respect_capacity=rule.respect_capacity,
        )
        self._nobody = Attempt(nobody, rule=rule.name)
        self._lacks_permission = self._nobody._replace(
            status=RoutingStatus.SELLER_LACKS_PERMISSIONS
        )
        self._given: dict[int, Attempt] = {}

    def assign(self, record: Record, now: datetime, pool: SellerPool) -> Attempt:
        """The pool's choice among the candidates; clocks and capacity move."""
        positions, lacks_permission = self._finder.find(record, now, pool.passed_over)
        if not positions:
            return self._lacks_permission if lacks_permission else self._nobody
        if self._is_sticky:
            positions = self._prefer_account_owner(record, now, pool, positions)
        position = pool.first(pool.ranking(self._kind), positions, now)
        if position < 0:
            outcome = pool.choose(self._build_request(record, now, pool, positions))
            return Attempt(outcome.status, rule=self._name)
        pool.give(position, self._name, record.table, now, owner_id_of(record))
        return self._given.get(position) or self._add_given(position)

    def _add_given(self, position: int) -> Attempt:
        reference = self._finder.references[position]
        given = Attempt(RoutingStatus.OWNER_ASSIGNED, reference, rule=self._name)
        self._given[position] = given
        return given

    def trace(self, record: Record, now: datetime, pool: SellerPool) -> tuple[CandidateTrace, ...]:
        """Those the pool compares, best first, then those that never came so far."""
        positions = self._finder.find(record, now, pool.passed_over).positions
        compared: tuple[CandidateTrace, ...] = ()
        if positions:
            compared = pool.explain(self._build_request(record, now, pool, positions))
        return (*compared, *self._finder.trace_dropped(record, now, pool.passed_over))

    def preview(self, record: Record, now: datetime, pool: SellerPool) -> EntityReference | None:
        """Who the pool would choose."""
        positions = self._finder.find(record, now, pool.passed_over).positions
        if not positions:
            return None
        return pool.choose(self._build_request(record, now, pool, positions)).reference()

    def list_counterfactuals(
        self, record: Record, now: datetime, pool: SellerPool
    ) -> tuple[str, ...]:
        """The pool's smallest changes, then who would come first if the rule let everybody in."""
        positions = self._finder.find(record, now, pool.passed_over).positions
        changes: tuple[str, ...] = ()
        if positions:
            request = self._build_request(record, now, pool, positions)
            changes = (*pool.counterfactuals(request), *_name_next(pool, request))
        return (*changes, *self._name_outsider(record, now, pool, positions))

    def _name_outsider(
        self, record: Record, now: datetime, pool: SellerPool, positions: frozenset[int]
    ) -> tuple[str, ...]:
        """Who would come first without the one thing that keeps them out.

        Where the rule prefers the account's owner, nobody passes by an owner who is in.
        """
        outside = self._finder.list_near_misses(record, now, pool.passed_over)
        request = self._build_request(record, now, pool, positions | outside.keys())
        best = pool.explain(request)[:1]
        return tuple(
            f"{found.target.name} would have been chosen if {_LETTING_IN[outside[position]]}"
            for found in best
            if found.stage is Stage.CHOSEN
            and (position := pool.position_of(found.target.id)) in outside
        )

    def _build_request(
        self, record: Record, now: datetime, pool: SellerPool, positions: frozenset[int]
    ) -> DistributionRequest:
        if self._is_sticky:
            positions = self._prefer_account_owner(record, now, pool, positions)
        return DistributionRequest(
            self._name,
            positions,
            record.table,
            self._method,
            now,
            self._within_hours,
            self._respects_capacity,
            owner_id_of(record),
        )

    def _prefer_account_owner(
        self, record: Record, now: datetime, pool: SellerPool, positions: frozenset[int]
    ) -> frozenset[int]:
        """The account's owner alone, when a candidate who can take the row; else everybody."""
        owner_id = _account_owner_of(record.row)
        position = None if owner_id is None else pool.position_of(owner_id)
        if position is None or position not in positions:
            return positions
        alone = frozenset((position,))
        first = pool.first(pool.ranking(self._kind), alone, now)
        return alone if first == position else positions


def _name_next(pool: SellerPool, request: DistributionRequest) -> tuple[str, ...]:
    """Whom the row would go to without the one who gets it."""
    compared = pool.explain(request)
    chosen = [one.target.name for one in compared if one.stage is Stage.CHOSEN]
    later = [one.target.name for one in compared if one.stage is Stage.ORDER]
    return tuple(
        f"{name} would have been chosen if {first} had not been a candidate"
        for first, name in zip(chosen[:1], later[:1], strict=False)
    )


def _account_owner_of(row: Row) -> str | None:
    for navigation in _ACCOUNTS:
        owner_id = read_cell(related_row(row, (navigation,)), "ownerid")
        if isinstance(owner_id, str):
            return owner_id
    return None


class DrawStatuses(NamedTuple):
    """What a draw reports when nobody, and when several match."""

    nobody: RoutingStatus
    several: RoutingStatus


TEAM_DRAW = DrawStatuses(RoutingStatus.NO_TEAM, RoutingStatus.MULTIPLE_TEAMS)
QUEUE_DRAW = DrawStatuses(RoutingStatus.NO_QUEUE, RoutingStatus.MULTIPLE_QUEUES)


class DrawAssigner:
    """Teams or queues: the only one that matches, or one of several at random, or none of several.

    The draw depends on the row's id alone: a repeat chooses the same one, and another group added
    moves as few rows as possible. With `books` the row is booked on the chosen one; queues leave
    the owner as he is.
    """

    def __init__(
        self,
        rule: Rule,
        finder: CandidateFinder,
        statuses: DrawStatuses,
        *,
        books: bool,
    ) -> None:
        self._rule = rule
        self._finder = finder
        self._statuses = statuses
        self._books = books

    def assign(self, record: Record, now: datetime, pool: SellerPool) -> Attempt:
        """Choose, and book the row on a chosen team."""
        positions = self._finder.find(record, now, pool.passed_over).positions
        if not positions:
            return Attempt(self._statuses.nobody, rule=self._rule.name)
        position = self._choose(record, positions)
        if position is None:
            return Attempt(self._statuses.several, rule=self._rule.name)
        if self._books:
            give(pool, record, now, rule=self._rule.name, position=position)
        target = self._finder.references[position]
        return Attempt(RoutingStatus.OWNER_ASSIGNED, target, rule=self._rule.name)

    def trace(self, record: Record, now: datetime, pool: SellerPool) -> tuple[CandidateTrace, ...]:
        """The chosen one, the others that matched, then those that did not."""
        positions = self._finder.find(record, now, pool.passed_over).positions
        chosen = self._choose(record, positions) if positions else None
        matched = tuple(
            CandidateTrace(
                target=self._finder.references[position],
                stage=Stage.CHOSEN if position == chosen else Stage.ORDER,
                detail=_describe_draw(position == chosen, chosen is not None, len(positions)),
            )
            for position in sorted(positions, key=lambda position: (position != chosen, position))
        )
        return (*matched, *self._finder.trace_dropped(record, now, pool.passed_over))

    def preview(self, record: Record, now: datetime, pool: SellerPool) -> EntityReference | None:
        """The group that the row would go to."""
        positions = self._finder.find(record, now, pool.passed_over).positions
        position = self._choose(record, positions) if positions else None
        return None if position is None else self._finder.references[position]

    def list_counterfactuals(
        self, record: Record, now: datetime, pool: SellerPool
    ) -> tuple[str, ...]:
        """Drawing, where the rule gives the row to none of several."""
        positions = self._finder.find(record, now, pool.passed_over).positions
        if not positions or self._choose(record, positions) is not None:
            return ()
        name = self._finder.references[self._draw(record, positions)].name
        return (f"{name} would have been chosen if the rule drew one of several",)

    def _choose(self, record: Record, positions: frozenset[int]) -> int | None:
        if len(positions) > 1 and self._rule.when_several != "random":
            return None
        return self._draw(record, positions)

    def _draw(self, record: Record, positions: frozenset[int]) -> int:
        references = self._finder.references
        return draw(record.id, {references[at].id: at for at in positions})


def _describe_draw(is_chosen: bool, is_drawn: bool, count: int) -> str:
    if count == 1:
        return "the only one that matches"
    if not is_drawn:
        return f"one of {count} that match, and the rule assigns to none of several"
    return f"drawn by the row's id among {count}" if is_chosen else "not drawn"


def draw(record_id: str, among: Mapping[str, int]) -> int:
    """Draw one by its id, evenly, and the same again for the same row: the highest hash wins."""
    if len(among) == 1:
        return next(iter(among.values()))
    return among[max(among, key=lambda candidate_id: _hash(record_id, candidate_id))]


def _hash(record_id: str, candidate_id: str) -> bytes:
    return hashlib.sha256(f"{record_id} {candidate_id.lower()}".encode()).digest()
