"""Whom a rule could give a row to, by name or by condition; who of them gets it is elsewhere."""

from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from engine.assignment.compiled_rules import TargetCondition
from engine.assignment.evaluator import Attributes
from engine.decisions.decision import CandidateTrace, Stage
from engine.nearest import ask_nearest
from engine.records import EntityReference, Record, Row
from engine.sellers import Directory, Queue, Seller, Team

_REMEMBERED = 4096
_ACCESS_TEAM = 1
HAD_IT = (Stage.HAD_IT, "the row was taken back from this seller")
"""Why somebody who is passed over is no candidate."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A seller, team or queue as the rules see it.

    `position` is its place in the pool (queues: in the directory's queues). `barred` = it cannot be
    given anything, with the stage and the reason; `unreadable` = only the right to read is lacking.
    """

    position: int
    reference: EntityReference
    row: Row
    attributes: Attributes | None = None
    barred: tuple[Stage, str] | None = None
    unreadable: bool = False


class CandidateSet(NamedTuple):
    """Positions that may be chosen; `lacks_permission` = somebody matched but may not read."""

    positions: frozenset[int]
    lacks_permission: bool


def list_sellers(directory: Directory, table: str) -> tuple[Candidate, ...]:
    """Every seller, barred when disabled or switched off ("Stop assigning work to sellers")."""
    return tuple(
        Candidate(
            position=position,
            reference=seller.reference(),
            row=seller.row,
            attributes=seller.attributes,
            barred=_seller_bar(seller),
            unreadable=seller.readable_tables is not None and table not in seller.readable_tables,
        )
        for position, seller in enumerate(directory.sellers)
    )


def _seller_bar(seller: Seller) -> tuple[Stage, str] | None:
    if seller.is_disabled:
        return Stage.DISABLED, "the user is disabled"
    if not seller.is_assignable:
        return Stage.NOT_ASSIGNABLE, "the assignment of work to this seller is switched off"
    return None


def list_teams(directory: Directory) -> tuple[Candidate, ...]:
    """Every team, behind the sellers in the pool; access teams are barred: they cannot own rows."""
    first = len(directory.sellers)
    return tuple(
        Candidate(
            position=first + index,
            reference=team.reference(),
            row=team.row,
            barred=_team_bar(team),
        )
        for index, team in enumerate(directory.teams)
    )


def _team_bar(team: Team) -> tuple[Stage, str] | None:
    if team.team_type == _ACCESS_TEAM:
        return Stage.NOT_ASSIGNABLE, "an access team cannot own rows"
    return None


def list_queues(queues: Sequence[Queue]) -> tuple[Candidate, ...]:
    """Every queue."""
    return tuple(
        Candidate(position=index, reference=queue.reference(), row=queue.row)
        for index, queue in enumerate(queues)
    )


class _Group(NamedTuple):
    """Candidates whom a condition cannot tell apart: one answers for all."""

    row: Row
    attributes: Attributes | None
    readers: frozenset[int]
    others: frozenset[int]


class CandidateFinder:
    """The candidates of a rule; equal answers are one object, the key of the pool's index.

    Without a condition everybody listed is a candidate. A condition that looks at the record is
    answered once for each combination of the values it looks at, and for each group of candidates
    that are alike in what it looks at. `passed_over` are positions that are no candidates this
    time.
    """

    def __init__(self, candidates: Sequence[Candidate], condition: TargetCondition | None) -> None:
        self.candidates = tuple(candidates)
        self.references = {found.position: found.reference for found in candidates}
        self._condition = condition
        self._key = None if condition is None else condition.record_key
        self._timed = condition is not None and condition.is_timed
        self._groups = _group(self.candidates, condition)
        self._sets: dict[Hashable, CandidateSet] = {}
        self._shared: dict[CandidateSet, CandidateSet] = {}
        self._fixed: CandidateSet | None = None

    def find(self, record: Record, now: datetime, passed_over: frozenset[int]) -> CandidateSet:
        """The candidates for a record."""
        if passed_over:
            return self._find_others(record, now, passed_over)
        if self._fixed is not None:
            return self._fixed
        if self._key is None and not self._timed:
            self._fixed = self._collect(record.row, now)
            return self._fixed
        key: Hashable = None if self._key is None else self._key(record.row)
        if self._timed:
            key = key, now
        found = self._sets.get(key)
        if found is None:
            found = self._remember(key, self._collect(record.row, now))
        return found

    def _find_others(
        self, record: Record, now: datetime, passed_over: frozenset[int]
    ) -> CandidateSet:
        key = passed_over, now, None if self._key is None else self._key(record.row)
        found = self._sets.get(key)
        if found is None:
            found = self._remember(key, self._collect(record.row, now, passed_over))
        return found

    def trace_dropped(
        self, record: Record, now: datetime, passed_over: frozenset[int]
    ) -> tuple[CandidateTrace, ...]:
        """Those who are no candidates for the record, and why."""
        barriers = (
            (candidate, next(self._list_barriers(candidate, record.row, now, passed_over), None))
            for candidate in self.candidates
        )
        return tuple(
            CandidateTrace(target=candidate.reference, stage=found[0], detail=found[1])
            for candidate, found in barriers
            if found is not None
        )

    def _remember(self, key: Hashable, found: CandidateSet) -> CandidateSet:
        """Equal sets share one object; the memory is emptied when it grows too large."""
        if len(self._sets) >= _REMEMBERED:
            self._sets.clear()
            self._shared.clear()
        self._sets[key] = self._shared.setdefault(found, found)
        return self._sets[key]

    def _collect(
        self, record: Row, now: datetime, passed_over: frozenset[int] = frozenset()
    ) -> CandidateSet:
        test = None if self._condition is None else self._condition.test
        matching = [
            group
            for group in self._groups
            if test is None or test(group.row, group.attributes, record, now)
        ]
        return CandidateSet(
            frozenset().union(*(group.readers for group in matching)) - passed_over,
            any(group.others - passed_over for group in matching),
        )

    def list_near_misses(
        self, record: Record, now: datetime, passed_over: frozenset[int]
    ) -> dict[int, Stage]:
        """The positions of those whom one thing alone keeps out, with its stage."""
        barriers = {
            found.position: list(self._list_barriers(found, record.row, now, passed_over))
            for found in self.candidates
        }
        return {position: stages[0][0] for position, stages in barriers.items() if len(stages) == 1}

    def _list_barriers(
        self, candidate: Candidate, record: Row, now: datetime, passed_over: frozenset[int]
    ) -> Iterator[tuple[Stage, str]]:
        """What keeps a candidate out before the pool is asked, in the order of the stages."""
        if candidate.barred is not None:
            yield candidate.barred
        elif candidate.position in passed_over:
            yield HAD_IT
        failures = (
            []
            if self._condition is None
            else self._condition.list_failures(candidate.row, candidate.attributes, record, now)
        )
        if failures:
            yield Stage.CONDITION, f"needs {failures[0].condition}, but {failures[0].seen}"
        if candidate.unreadable:
            yield Stage.PERMISSION, "the seller may not read the row's table"


def _group(
    candidates: Sequence[Candidate], condition: TargetCondition | None
) -> tuple[_Group, ...]:
    """Everybody who is not barred, grouped by what the condition looks at."""
    key = None if condition is None else condition.target_key
    alike: dict[Hashable, list[Candidate]] = {}
    for found in candidates:
        if found.barred is None:
            own: Hashable = found.position if condition is not None else None
            mark = own if key is None else key(found.row, found.attributes)
            alike.setdefault(mark, []).append(found)
    return tuple(
        _Group(
            row=group[0].row,
            attributes=group[0].attributes,
            readers=frozenset(found.position for found in group if not found.unreadable),
            others=frozenset(found.position for found in group if found.unreadable),
        )
        for group in alike.values()
    )


def pick_named(
    candidates: Sequence[Candidate], names: Iterable[str], kind: str
) -> tuple[list[Candidate], list[tuple[int, str]]]:
    """The candidates with these ids or names; position and sentence for each name of no use.

    Ids go before names; names compare without case.
    """
    by_id = {candidate.reference.id.lower(): candidate for candidate in candidates}
    by_name: dict[str, list[Candidate]] = {}
    for candidate in candidates:
        by_name.setdefault((candidate.reference.name or "").casefold(), []).append(candidate)
    picked: dict[int, Candidate] = {}
    problems: list[tuple[int, str]] = []
    for position, name in enumerate(names):
        wanted = name.strip().removeprefix("{").removesuffix("}").lower()
        found = [by_id[wanted]] if wanted in by_id else by_name.get(name.strip().casefold(), [])
        if len(found) == 1:
            picked[found[0].position] = found[0]
        else:
            problems.append((position, _explain_name(name, kind, found, by_name)))
    return list(picked.values()), problems


def _explain_name(
    name: str, kind: str, found: Sequence[Candidate], by_name: Mapping[str, Sequence[Candidate]]
) -> str:
    if found:
        ids = ", ".join(candidate.reference.id for candidate in found)
        return f'"{name}" is the name of {len(found)} {kind}s; name one by its id: {ids}'
    known = (each[0].reference.name or "" for each in by_name.values())
    return f'the directory has no {kind} "{name}"{ask_nearest(name, known, folds=True)}'
