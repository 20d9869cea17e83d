"""A compiled rule set over the people of a directory: names resolved, candidates listed.

Clocks and counts are in `decider`.
"""

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import replace
from functools import cached_property
from typing import assert_never

from engine.assignment.assigners import QUEUE_DRAW, TEAM_DRAW, DrawAssigner, PoolAssigner
from engine.assignment.candidates import (
    Candidate,
    CandidateFinder,
    list_queues,
    list_sellers,
    list_teams,
    pick_named,
)
from engine.assignment.compiled_rules import (
    CompiledRule,
    CompiledRuleSet,
    CompiledSegment,
    TargetCondition,
    key_of,
)
from engine.assignment.insights import InsightAssigner, People
from engine.assignment.routing import Assigner, RuleRunner, SegmentRouter
from engine.assignment.segment_outcomes import SegmentOutcomes
from engine.distribution.members import PoolMembers
from engine.errors import InvalidDocument, Path, Problem
from engine.rules.models import (
    AccessTeam,
    AccountColumn,
    AnySeller,
    Fallback,
    Queues,
    Rule,
    Segment,
    Selection,
    Sellers,
    Teams,
)
from engine.sellers import Directory
from engine.statuses import RoutingStatus


class AssembledRules:
    """The rules over a directory, without clocks and counts: any number of deciders start from it.

    Raises InvalidDocument when the rules name sellers, teams or queues that the directory lacks or
    knows several of. Not for several threads at once.
    """

    def __init__(self, compiled: CompiledRuleSet, directory: Directory) -> None:
        self.compiled = compiled
        self.directory = directory
        assembly = _Assembly(compiled, directory)
        active = [segment for segment in compiled.rule_set.segments if segment.active]
        routers = {
            key_of(segment): assembly.build_router(compiled.segments[key_of(segment)])
            for segment in active
        }
        fallbacks = {key_of(segment): assembly.find_fallback(segment) for segment in active}
        assembly.raise_if_problems()
        self.outcomes = SegmentOutcomes(compiled.rule_set, routers, fallbacks)
        self.members = PoolMembers(assembly.directory, compiled.settings)

    def seller_positions(self, ids: Iterable[str]) -> frozenset[int]:
        """The positions of those sellers of the directory who have one of these ids."""
        found = (self.members.positions.get(seller_id) for seller_id in ids)
        count = len(self.directory.sellers)
        return frozenset(
            position for position in found if position is not None and position < count
        )


class _Assembly:
    """The parts that rules are run by; collects what is wrong with the names in them.

    What rules with the same question share is built once: candidates found for one serve them all.
    """

    def __init__(self, compiled: CompiledRuleSet, directory: Directory) -> None:
        self._rule_set = compiled.rule_set
        self._settings = compiled.settings
        self._problems: list[Problem] = []
        self._sellers: dict[str, Sequence[Candidate]] = {}
        self._finders: dict[Hashable, CandidateFinder] = {}
        self.directory = self._with_weights(directory)

    def raise_if_problems(self) -> None:
        """Raise InvalidDocument when a name could not be resolved."""
        if self._problems:
            raise InvalidDocument(self._problems)

    def build_router(self, segment: CompiledSegment | None) -> SegmentRouter | None:
        """The segment's active rules; None when there is none."""
        if segment is None:
            return None
        runners = [RuleRunner(rule, self._build_assigner(rule)) for rule in segment.rules]
        stops = self._rule_set.on_rule_failure == "stop"
        return SegmentRouter(segment, runners, stops_on_failure=stops)

    def find_fallback(self, segment: Segment) -> Candidate | None:
        """Who gets the rows that the segment's rules give to nobody."""
        fallback = segment.fallback or self._rule_set.fallback
        if fallback is None:
            return None
        path: Path = ("fallback",)
        if segment.fallback is not None:
            path = ("segments", self._rule_set.segments.index(segment), "fallback")
        return self._resolve_fallback(fallback, segment.table, path)

    def _resolve_fallback(self, fallback: Fallback, table: str, path: Path) -> Candidate | None:
        if fallback.seller is not None:
            sellers = self._list_sellers(table)
            found = self._pick(sellers, (fallback.seller,), "seller", [(*path, "seller")])
        else:
            found = self._pick(self._teams, (fallback.team or "",), "team", [(*path, "team")])
        return next((who for who in found if who.barred is None and not who.unreadable), None)

    def _build_assigner(self, compiled: CompiledRule) -> Assigner:
        rule = compiled.rule
        path: Path = ("rules", self._rule_set.rules.index(rule), "assign_to")
        match rule.assign_to:
            case AnySeller() | Sellers():
                return self._assign_to_sellers(compiled, path)
            case Teams(teams=selection):
                found = self._find(self._teams, compiled, selection, "team", (*path, "teams"))
                return self._assign_to_teams(rule, found)
            case Queues(queues=selection):
                found = self._find(self._queues, compiled, selection, "queue", (*path, "queues"))
                return DrawAssigner(rule, found, QUEUE_DRAW, books=False)
            case AccountColumn() | AccessTeam():
                people = People(self._list_sellers(rule.table), self.directory.teams)
                return InsightAssigner(
                    rule, people, primary=compiled.primary, secondary=compiled.secondary
                )
            case _:
                assert_never(rule.assign_to)

    def _assign_to_sellers(self, compiled: CompiledRule, path: Path) -> Assigner:
        rule = compiled.rule
        sellers = self._list_sellers(rule.table)
        selection = rule.assign_to.sellers if isinstance(rule.assign_to, Sellers) else None
        return PoolAssigner(
            rule,
            self._find(sellers, compiled, selection, "seller", (*path, "sellers")),
            method=rule.distribute_by or "round_robin",
            settings=self._settings,
            nobody=RoutingStatus.NO_SELLERS_MEET_CONDITIONS,
        )

    def _assign_to_teams(self, rule: Rule, found: CandidateFinder) -> Assigner:
        if rule.when_several in {None, "none", "random"}:
            return DrawAssigner(rule, found, TEAM_DRAW, books=True)
        by_load = rule.when_several == "load_balancing"
        return PoolAssigner(
            rule,
            found,
            method="load_balancing" if by_load else "round_robin",
            settings=self._settings,
            nobody=RoutingStatus.NO_TEAM,
        )

    def _find(
        self,
        everybody: Sequence[Candidate],
        compiled: CompiledRule,
        selection: Selection | None,
        kind: str,
        path: Path,
    ) -> CandidateFinder:
        whose: Hashable = kind, compiled.rule.table
        if selection is not None and selection.named is not None:
            places = [(*path, "named", index) for index in range(len(selection.named))]
            everybody = self._pick(everybody, selection.named, kind, places)
            whose = whose, tuple(found.position for found in everybody)
        return self._share_finder(whose, everybody, compiled.matching)

    def _share_finder(
        self, whose: Hashable, everybody: Sequence[Candidate], matching: TargetCondition | None
    ) -> CandidateFinder:
        question = whose, None if matching is None else matching.text
        if question not in self._finders:
            self._finders[question] = CandidateFinder(everybody, matching)
        return self._finders[question]

    def _pick(
        self,
        everybody: Sequence[Candidate],
        names: Sequence[str],
        kind: str,
        places: Sequence[Path],
    ) -> Sequence[Candidate]:
        picked, problems = pick_named(everybody, names, kind)
        self._problems.extend(Problem(places[position], text) for position, text in problems)
        return picked

    def _list_sellers(self, table: str) -> Sequence[Candidate]:
        """Every seller, once for each table: the right to read it counts."""
        if table not in self._sellers:
            self._sellers[table] = list_sellers(self.directory, table)
        return self._sellers[table]

    @cached_property
    def _teams(self) -> Sequence[Candidate]:
        return list_teams(self.directory)

    @cached_property
    def _queues(self) -> Sequence[Candidate]:
        return list_queues(self.directory.queues)

    def _with_weights(self, directory: Directory) -> Directory:
        """The directory with the weights that the rule set gives to sellers by id or name."""
        sellers = list(directory.sellers)
        everybody = list_sellers(directory, "") if self._rule_set.weights else ()
        for name, weight in self._rule_set.weights.items():
            for found in self._pick(everybody, (name,), "seller", [("weights", name)]):
                sellers[found.position] = replace(sellers[found.position], weight=weight)
        return replace(directory, sellers=tuple(sellers))
