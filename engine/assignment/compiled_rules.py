"""A rule set's conditions, compiled once; whom its rules can assign to is in `assembly`."""

from collections.abc import Callable, Hashable, Mapping
from datetime import datetime, timedelta
from functools import cached_property

from engine.assignment.evaluator import (
    Attributes,
    Evaluator,
    Hierarchies,
    RowTest,
    Samples,
    TargetTest,
    build_record_key,
    build_target_key,
    depends_on_now,
)
from engine.assignment.segments import SegmentTable
from engine.conditions.language.model import Condition
from engine.decisions.decision import FailedCondition
from engine.distribution.capacity import CapacityUnits
from engine.distribution.model import DistributionSettings
from engine.distribution.newcomer_rules import FairnessSettings
from engine.records import Record, Row
from engine.rules.models import (
    AccessTeam,
    AccountColumn,
    AssignTo,
    Fairness,
    Queues,
    Rule,
    Segment,
    Sellers,
    Teams,
)
from engine.rules.rule_set import RuleSet
from engine.schema import Schema

SegmentKey = tuple[str, str]
"""A segment's table and name."""


class TargetCondition:
    """A condition on sellers, teams or queues, with what its answer depends on.

    `record_key` tells records apart that may have other answers (None: all have the same one),
    `target_key` the targets (None: every one has an answer of its own). With `is_timed` the time
    alone can change an answer.
    """

    def __init__(self, condition: Condition, table: str, evaluator: Evaluator) -> None:
        self.text = repr(condition)
        self.test: TargetTest = evaluator.compile_target_test(condition, table)
        self.record_key: Callable[[Row], Hashable] | None = build_record_key(condition)
        self.target_key = build_target_key(condition)
        self.is_timed = depends_on_now(condition)
        self._condition = condition
        self._table = table
        self._evaluator = evaluator

    def list_failures(
        self, row: Row, attributes: Attributes | None, record: Row, now: datetime
    ) -> list[FailedCondition]:
        """Of the conditions that all have to hold those that do not."""
        context = self._evaluator.context(now, self._table, record=record, attributes=attributes)
        return self._evaluator.list_failures(self._condition, row, context)


class CompiledRule:
    """A rule: its conditions on rows, the age it minds, and its conditions on whom it assigns to.

    `matching` is on the sellers, teams or queues; `primary` and `secondary` are on the people
    behind an insight.
    """

    def __init__(self, rule: Rule, evaluator: Evaluator) -> None:
        self.rule = rule
        self._evaluator = evaluator
        hours = rule.created_within_hours
        self.oldest = None if hours is None else timedelta(hours=hours)
        target = rule.assign_to
        self.matching = _compile_matching(target, evaluator)
        self.primary: TargetTest | None = None
        self.secondary: tuple[TargetTest, ...] = ()
        if isinstance(target, AccountColumn | AccessTeam):
            compile_test = evaluator.compile_target_test
            if target.primary is not None:
                self.primary = compile_test(target.primary, "systemuser")
            self.secondary = tuple(compile_test(each, "systemuser") for each in target.secondary)

    @cached_property
    def _test(self) -> RowTest | None:
        return self._evaluator.compile_row_test(self.rule.when, self.rule.table)

    def holds(self, record: Record, now: datetime) -> bool:
        """Whether the row meets the rule's conditions."""
        return self._test is None or self._test(record.row, now) == 0

    def is_too_old(self, record: Record, now: datetime) -> bool:
        """Whether the row was created before the rule's window; exactly N hours ago is within."""
        if self.oldest is None:
            return False
        return record.created_on is None or now - record.created_on > self.oldest

    def list_failures(self, record: Record, now: datetime) -> list[FailedCondition]:
        """The conditions on the row that do not hold."""
        context = self._evaluator.context(now, record.table)
        return self._evaluator.list_failures(self.rule.when, record.row, context)


class CompiledSegment:
    """The active rules of a segment, at least one; `find` gives the first whose conditions hold."""

    def __init__(self, rules: tuple[CompiledRule, ...], evaluator: Evaluator) -> None:
        self.rules = rules
        conditions = [compiled.rule.when for compiled in rules]
        self.find = evaluator.compile_first_match(conditions, rules[0].rule.table)


class CompiledRuleSet:
    """A rule set, compiled for a schema and for hierarchies; any number of people can follow it.

    `hierarchies` maps a table to id → id of the parent; `samples` are some rows of each table, for
    speed alone. What only some rows need (a segment that rows leave, a rule behind one that found
    nobody) is compiled when the first of them comes. Not for several threads at once.
    """

    def __init__(
        self,
        rule_set: RuleSet,
        *,
        schema: Schema | None = None,
        hierarchies: Hierarchies | None = None,
        samples: Samples | None = None,
    ) -> None:
        self.rule_set = rule_set
        self.hierarchies = hierarchies or {}
        self.evaluator = Evaluator(rule_set, schema or {}, self.hierarchies, samples)
        self.settings = build_settings(rule_set)
        self.counted_tables = rule_set.counted_tables
        self._tables = {
            table: SegmentTable(rule_set, table, self.evaluator) for table in rule_set.tables
        }
        self.segments: Mapping[SegmentKey, CompiledSegment | None] = {
            key_of(segment): self._compile(segment)
            for segment in rule_set.segments
            if segment.active
        }

    def segments_of(self, table: str) -> SegmentTable:
        """The segments of a table; a table without any matches nothing."""
        if table not in self._tables:
            self._tables[table] = SegmentTable(self.rule_set, table, self.evaluator)
        return self._tables[table]

    def _compile(self, segment: Segment) -> CompiledSegment | None:
        rules = self.rule_set.rules_of(segment)
        compiled = tuple(CompiledRule(rule, self.evaluator) for rule in rules)
        return CompiledSegment(compiled, self.evaluator) if compiled else None


def key_of(segment: Segment) -> SegmentKey:
    """What tells a segment from all others."""
    return segment.table, segment.name


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
        fairness=None if fairness is None else _read_fairness(fairness),
    )


def _read_fairness(fairness: Fairness) -> FairnessSettings:
    return FairnessSettings(absence_days=fairness.absence_days, ramp_days=fairness.ramp_days)


def _compile_matching(target: AssignTo, evaluator: Evaluator) -> TargetCondition | None:
    match target:
        case Sellers(sellers=selection):
            table = "systemuser"
        case Teams(teams=selection):
            table = "team"
        case Queues(queues=selection):
            table = "queue"
        case _:
            return None
    condition = selection.matching
    return None if condition is None else TargetCondition(condition, table, evaluator)
