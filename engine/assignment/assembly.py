"""From a rule set and a directory to runnable rules: names resolved, conditions compiled.

Running them is in `routing`.
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field, replace
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
from engine.assignment.evaluator import Evaluator
from engine.assignment.insights import InsightAssigner, People
from engine.assignment.routing import Assigner, RuleRunner, SegmentRouter
from engine.distribution.capacity import CapacityUnits
from engine.distribution.newcomer_rules import FairnessSettings
from engine.distribution.pool import DistributionSettings, SellerPool
from engine.errors import InvalidDocument, Path, Problem
from engine.rules.models import (
    AccessTeam,
    AccountColumn,
    AnySeller,
    Fairness,
    Fallback,
    Queues,
    Rule,
    Segment,
    Selection,
    Sellers,
    Teams,
)
from engine.rules.rule_set import RuleSet
from engine.sellers import Directory, Seller
from engine.statuses import RoutingStatus


@dataclass(slots=True)
class Assembly:
    """The parts that rules are built from; collects what is wrong with the names in them.

    `finders` holds what rules with the same question share: candidates found once serve them all.
    """

    rule_set: RuleSet
    directory: Directory
    evaluator: Evaluator
    pool: SellerPool = field(init=False)
    finders: dict[Hashable, CandidateFinder] = field(
        default_factory=dict[Hashable, CandidateFinder]
    )
    problems: list[Problem] = field(default_factory=list[Problem])

    def __post_init__(self) -> None:
        self.directory = self._with_weights()
        self.pool = SellerPool(self.directory, build_settings(self.rule_set))

    def raise_if_problems(self) -> None:
        """Raise InvalidDocument when a name could not be resolved."""
        if self.problems:
            raise InvalidDocument(self.problems)

    def build_router(self, segment: Segment) -> SegmentRouter | None:
        """The segment's active rules; None when there is none."""
        rules = self.rule_set.rules_of(segment)
        stops = self.rule_set.on_rule_failure == "stop"
        runners = [self._build_runner(rule) for rule in rules]
        return SegmentRouter(runners, self.evaluator, stops_on_failure=stops) if runners else None

    def find_fallback(self, segment: Segment) -> Candidate | None:
        """Who gets the rows that the segment's rules give to nobody."""
        fallback = segment.fallback or self.rule_set.fallback
        if fallback is None:
            return None
        path: Path = ("fallback",)
        if segment.fallback is not None:
            path = ("segments", self.rule_set.segments.index(segment), "fallback")
        return self._resolve_fallback(fallback, segment.table, path)

    def _resolve_fallback(self, fallback: Fallback, table: str, path: Path) -> Candidate | None:
        if fallback.seller is not None:
            sellers = list_sellers(self.directory, table)
            found = self._pick(sellers, (fallback.seller,), "seller", [(*path, "seller")])
        else:
            teams = list_teams(self.directory)
            found = self._pick(teams, (fallback.team or "",), "team", [(*path, "team")])
        return next((who for who in found if who.barred is None and not who.unreadable), None)

    def _build_runner(self, rule: Rule) -> RuleRunner:
        path: Path = ("rules", self.rule_set.rules.index(rule), "assign_to")
        return RuleRunner(rule, self.evaluator, self._build_assigner(rule, path))

    def _build_assigner(self, rule: Rule, path: Path) -> Assigner:
        match rule.assign_to:
            case AnySeller() | Sellers():
                return self._assign_to_sellers(rule, path)
            case Teams(teams=selection):
                return self._assign_to_teams(rule, selection, (*path, "teams"))
            case Queues(queues=selection):
                queues = list_queues(self.directory.queues)
                found = self._find(queues, selection, "queue", (*path, "queues"))
                return DrawAssigner(rule, found, QUEUE_DRAW, pool=None)
            case AccountColumn() | AccessTeam():
                return self._assign_insights(rule, rule.assign_to)
            case _:
                assert_never(rule.assign_to)

    def _assign_to_sellers(self, rule: Rule, path: Path) -> Assigner:
        sellers = list_sellers(self.directory, rule.table)
        selection = rule.assign_to.sellers if isinstance(rule.assign_to, Sellers) else None
        return PoolAssigner(
            rule,
            self._find(sellers, selection, "seller", (*path, "sellers")),
            self.pool,
            method=rule.distribute_by or "round_robin",
            nobody=RoutingStatus.NO_SELLERS_MEET_CONDITIONS,
        )

    def _assign_to_teams(self, rule: Rule, selection: Selection, path: Path) -> Assigner:
        found = self._find(list_teams(self.directory), selection, "team", path)
        if rule.when_several in {None, "none", "random"}:
            return DrawAssigner(rule, found, TEAM_DRAW, pool=self.pool)
        by_load = rule.when_several == "load_balancing"
        return PoolAssigner(
            rule,
            found,
            self.pool,
            method="load_balancing" if by_load else "round_robin",
            nobody=RoutingStatus.NO_TEAM,
        )

    def _assign_insights(self, rule: Rule, target: AccountColumn | AccessTeam) -> Assigner:
        sellers = list_sellers(self.directory, rule.table)
        compile_test = self.evaluator.compile_target_test
        primary = target.primary
        return InsightAssigner(
            rule,
            People(sellers, self.directory.teams),
            self.pool,
            primary=None if primary is None else compile_test(primary, "systemuser"),
            secondary=[compile_test(condition, "systemuser") for condition in target.secondary],
        )

    def _find(
        self, everybody: Sequence[Candidate], selection: Selection | None, kind: str, path: Path
    ) -> CandidateFinder:
        condition = None if selection is None else selection.matching
        if selection is not None and selection.named is not None:
            places = [(*path, "named", index) for index in range(len(selection.named))]
            everybody = self._pick(everybody, selection.named, kind, places)
        positions = tuple((found.position, found.unreadable) for found in everybody)
        question = (kind, positions, repr(condition))
        if question not in self.finders:
            self.finders[question] = CandidateFinder(
                everybody, condition, evaluator=self.evaluator, table=_TABLES[kind]
            )
        return self.finders[question]

    def _pick(
        self,
        everybody: Sequence[Candidate],
        names: Sequence[str],
        kind: str,
        places: Sequence[Path],
    ) -> Sequence[Candidate]:
        picked, problems = pick_named(everybody, names, kind)
        self.problems.extend(Problem(places[position], text) for position, text in problems)
        return picked

    def _with_weights(self) -> Directory:
        """The directory with the weights that the rule set gives to sellers by id or name."""
        sellers = list(self.directory.sellers)
        for name, weight in self.rule_set.weights.items():
            everybody = list_sellers(self.directory, "")
            for found in self._pick(everybody, (name,), "seller", [("weights", name)]):
                sellers[found.position] = _weighted(sellers[found.position], weight)
        return replace(self.directory, sellers=tuple(sellers))


_TABLES = {"seller": "systemuser", "team": "team", "queue": "queue"}


def _weighted(seller: Seller, weight: int) -> Seller:
    return replace(seller, weight=weight)


def build_settings(rule_set: RuleSet) -> DistributionSettings:
    """How the pool spreads work, from the rule set."""
    fairness = rule_set.fairness
    by_rule = {
        rule.name: rule.capacity_units for rule in rule_set.rules if rule.capacity_units is not None
    }
    return DistributionSettings(
        default_capacity=rule_set.default_capacity,
        round_robin_scope=rule_set.round_robin_scope,
        load_balance_every_bucket=rule_set.load_balance_every_bucket,
        use_weights=rule_set.use_weights or bool(rule_set.weights),
        units=CapacityUnits(by_table=rule_set.capacity_units, by_rule=by_rule),
        counted_tables=rule_set.counted_tables,
        fairness=None if fairness is None else _calibration(fairness),
    )


def _calibration(fairness: Fairness) -> FairnessSettings:
    return FairnessSettings(absence_days=fairness.absence_days, ramp_days=fairness.ramp_days)
