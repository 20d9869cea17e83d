"""Wakes rows of the backlog whose obstacle went away, and says when it will at the latest."""

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import cast

from connector.cycle.context import Cycle
from connector.cycle.rows.backlog_entries import ROUTING_CODES
from connector.cycle.rows.seller_clocks import OpenRows
from connector.cycle.rows.take_back_watch import find_rule
from connector.state.records import DecisionRecord
from connector.state.session import DocumentState
from engine.calendars.availability import wait_until_free
from engine.rules.rule_set import RuleSet
from engine.sellers import Directory, Queue, Seller, Team
from engine.statuses import RoutingStatus

NO_CAPACITY = RoutingStatus.NO_CAPACITY.name.lower()
LONGEST_LOOK = timedelta(days=7)

_KIND = "situation"

Situation = Mapping[str, object]
"""What decisions depended on when a table was looked at last."""


def wake_for_rules(cycle: Cycle) -> None:
    """Make rows due if rules or people changed since the last cycle: any may find somebody now.

    To be called before a cycle decides rows: those are decided by the new rules already, and a
    second try would tell them nothing.
    """
    cycle.read_people()
    _wake_if(cycle, _describe_rules(cycle), _is_other, ROUTING_CODES)


def wake_for_room(cycle: Cycle) -> None:
    """Make rows that wait for capacity due if a seller has fewer open rows than before."""
    with cycle.store.begin() as session:
        load = _count_load(session.count_open())
    _wake_if(cycle, {"load": load}, _has_room, [NO_CAPACITY])


def list_woken_codes(cycle: Cycle, session: DocumentState, open_rows: OpenRows) -> frozenset[str]:
    """The codes of the rows that a cycle would wake now, with so many open rows; nothing is saved.

    The people must have been read.
    """
    before = session.load_document(_KIND, cycle.table.name) or {}
    codes: set[str] = set()
    if _helps(before, _describe_rules(cycle), _is_other):
        codes.update(ROUTING_CODES)
    if _helps(before, {"load": _count_load(open_rows)}, _has_room):
        codes.add(NO_CAPACITY)
    return frozenset(codes)


def _wake_if(
    cycle: Cycle,
    now: Situation,
    helps: Callable[[Situation, Situation], bool],
    codes: Sequence[str],
) -> None:
    """Note a part of the situation, and wake rows where its change since the last time helps."""
    table, at = cycle.table.name, cycle.now()
    with cycle.store.begin() as session:
        before = session.load_document(_KIND, table) or {}
        if {**before, **now} == before:
            return
        session.save_document(_KIND, table, document={**before, **now}, at=at)
        if _helps(before, now, helps):
            cycle.counts["woken"] += session.wake_backlog(table, codes, at)


def _helps(
    before: Situation, now: Situation, helps: Callable[[Situation, Situation], bool]
) -> bool:
    """A part of the situation was known before, and what became of it may help rows that wait."""
    return now.keys() <= before.keys() and helps(before, {**before, **now})


def _describe_rules(cycle: Cycle) -> Situation:
    return {"rules": cycle.rule_set.checksum, "people": _hash_people(cycle)}


def find_opening(directory: Directory, within_hours: int | None, now: datetime) -> datetime | None:
    """When the next seller comes into a rule's window; None when none does for a week.

    Sellers who are in it already were not eligible, or there would have been an assignment.
    """
    reach = timedelta(hours=within_hours or 0)
    waits = (
        wait_until_free(seller.calendar, now)
        for seller in directory.sellers
        if seller.calendar is not None and not seller.is_disabled
    )
    later = [wait - reach for wait in waits if wait is not None and wait > reach]
    soonest = min(later, default=None)
    return now + soonest if soonest is not None and soonest <= LONGEST_LOOK else None


class Openings:
    """When somebody comes into rules' windows as of one instant.

    Rows wait by the thousand when nobody works: every seller's calendar is asked once a window.
    """

    def __init__(self, rule_set: RuleSet, people: Directory, now: datetime) -> None:
        self._rule_set = rule_set
        self._people = people
        self.now = now
        self._known: dict[int | None, datetime | None] = {}

    def find_next_chance(self, decision: DecisionRecord) -> datetime | None:
        """When it is worth trying a row again for which nobody was available; None when unknown."""
        if decision.routing_status != RoutingStatus.NO_AVAILABILITY:
            return None
        rule = find_rule(self._rule_set, decision)
        within_hours = rule.available_within_hours if rule else None
        if within_hours not in self._known:
            self._known[within_hours] = find_opening(self._people, within_hours, self.now)
        return self._known[within_hours]


def _count_load(open_rows: OpenRows) -> dict[str, int]:
    load: Counter[str] = Counter()
    for (_, owner, _), count in open_rows.items():
        load[owner] += count
    return dict(sorted(load.items()))


def _hash_people(cycle: Cycle) -> str:
    """Everything the rules may look at; row versions move for reasons of their own."""
    directory = cycle.people
    people: list[Seller | Team | Queue] = [
        *directory.sellers,
        *directory.teams,
        *directory.queues,
    ]
    plain: list[object] = [
        {
            **asdict(person, dict_factory=_without_recurrences),
            # Part of what stores remember since the first of them, so that nobody is woken for it.
            **({"had_it": False} if isinstance(person, Seller) else {}),
            "row": {k: v for k, v in person.row.items() if not k.startswith("@")},
        }
        for person in people
    ]
    hierarchies = cycle.assembled_rules.compiled.hierarchies if cycle.assembled_rules else {}
    if hierarchies:
        plain.append(hierarchies)
    text = json.dumps(plain, sort_keys=True, default=str)
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def _without_recurrences(fields: list[tuple[str, object]]) -> dict[str, object]:
    """A calendar that has none hashes as it did before there were any: an update wakes no row."""
    return {name: value for name, value in fields if (name, value) != ("recurring", ())}


def _is_other(before: Situation, after: Situation) -> bool:
    return any(before[name] != after[name] for name in ("rules", "people"))


def _has_room(before: Situation, after: Situation) -> bool:
    old = cast("Mapping[str, int]", before["load"])
    new = cast("Mapping[str, int]", after["load"])
    return any(new.get(owner, 0) < count for owner, count in old.items())
