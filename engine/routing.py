"""The rules of a segment, top-down; whom one rule assigns to is in `assigning`."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import NamedTuple, Protocol

from engine.decisions import CandidateTrace, FailedCondition, RuleTrace
from engine.predicates import Evaluator, RowTest
from engine.records import EntityReference, Record
from engine.ruleset import Rule
from engine.statuses import RoutingStatus, failure_rank


class Attempt(NamedTuple):
    """What one rule came to for one row."""

    status: RoutingStatus
    target: EntityReference | None = None
    secondary: tuple[EntityReference, ...] = ()


class RoutingOutcome(NamedTuple):
    """What the rules of a segment came to; `rule` assigned, or is the one whose failure counts."""

    rule: str | None
    attempt: Attempt
    traces: tuple[RuleTrace, ...] = ()


class Assigner(Protocol):
    """The assign-to part of a rule."""

    def assign(self, record: Record, now: datetime) -> Attempt:
        """Choose somebody and move their clock, or say why there is nobody."""
        ...

    def trace(self, record: Record, now: datetime) -> tuple[CandidateTrace, ...]:
        """Every candidate with the stage it reached; asked before `assign`."""
        ...

    def preview(self, record: Record, now: datetime) -> EntityReference | None:
        """Who would get the row; nothing moves."""
        ...

    def list_counterfactuals(self, record: Record, now: datetime) -> tuple[str, ...]:
        """Single changes that would have chosen somebody else; asked before `assign`."""
        ...


_RANKS = {status: failure_rank(status) for status in RoutingStatus}
_NO_RULE = RoutingOutcome(None, Attempt(RoutingStatus.NO_ASSIGNMENT_RULE))


class RuleRunner:
    """One rule, compiled: conditions, then the row's age, then whom it is assigned to."""

    def __init__(self, rule: Rule, test: RowTest | None, assigner: Assigner) -> None:
        self.rule = rule
        self.name = rule.name
        self._test = test
        self._assigner = assigner
        hours = rule.created_within_hours
        self._oldest = None if hours is None else timedelta(hours=hours)

    def holds(self, record: Record, now: datetime) -> bool:
        """Whether the row meets the rule's conditions."""
        return self._test is None or self._test(record.row, now)

    def is_too_old(self, record: Record, now: datetime) -> bool:
        """Whether the row was created before the rule's window; exactly N hours ago is within."""
        if self._oldest is None:
            return False
        return record.created_on is None or now - record.created_on > self._oldest

    def run(self, record: Record, now: datetime) -> Attempt:
        """Assign a row that meets the conditions, unless it is too old."""
        return _TOO_OLD if self.is_too_old(record, now) else self._assigner.assign(record, now)

    def trace(self, record: Record, now: datetime, evaluator: Evaluator) -> RuleTrace:
        """What the rule will come to and why, before it runs."""
        if not self.holds(record, now):
            return self._trace_conditions(record, now, evaluator)
        if self.is_too_old(record, now):
            return RuleTrace(
                rule=self.name,
                status=RoutingStatus.RECORD_TOO_OLD,
                failed=self._describe_age(record),
                counterfactuals=self._would_assign("the row were young enough", record, now),
            )
        return RuleTrace(
            rule=self.name,
            status=RoutingStatus.IN_PROGRESS,
            candidates=self._assigner.trace(record, now),
            counterfactuals=self._assigner.list_counterfactuals(record, now),
        )

    def _trace_conditions(self, record: Record, now: datetime, evaluator: Evaluator) -> RuleTrace:
        context = evaluator.context(now, record.table)
        failures = evaluator.list_failures(self.rule.when, record.row, context)
        failed = failures[0]
        changes: tuple[str, ...] = ()
        if len(failures) == 1 and not self.is_too_old(record, now):
            changes = self._would_assign(f"{failed.condition} held", record, now)
        return RuleTrace(
            rule=self.name,
            status=RoutingStatus.RECORD_MEETS_NO_CONDITIONS,
            failed=failed,
            counterfactuals=changes,
        )

    def _would_assign(self, change: str, record: Record, now: datetime) -> tuple[str, ...]:
        target = self._assigner.preview(record, now)
        return () if target is None else (f"if {change}, {target.name} would get the row",)

    def _describe_age(self, record: Record) -> FailedCondition:
        created = record.created_on
        seen = "createdon is null" if created is None else f"createdon is {created.isoformat()}"
        hours = self.rule.created_within_hours
        return FailedCondition(condition=f"created within {hours} hours", seen=seen)


_TOO_OLD = Attempt(RoutingStatus.RECORD_TOO_OLD)
_NOT_MET = Attempt(RoutingStatus.RECORD_MEETS_NO_CONDITIONS)


class SegmentRouter:
    """The active rules of one segment in their order.

    A rule that finds nobody passes the row on to the next one, unless failures stop the search:
    then the first rule whose conditions hold is the last one tried.
    """

    def __init__(
        self, runners: Sequence[RuleRunner], evaluator: Evaluator, *, stops_on_failure: bool
    ) -> None:
        self._runners = tuple(runners)
        self._evaluator = evaluator
        self._stops = stops_on_failure

    def route(self, record: Record, now: datetime, *, trace: bool = False) -> RoutingOutcome:
        """Run the rules for a row until one assigns it."""
        failed: RoutingOutcome = _NO_RULE
        traces: list[RuleTrace] = []
        for runner in self._runners:
            before = runner.trace(record, now, self._evaluator) if trace else None
            holds = runner.holds(record, now)
            attempt = runner.run(record, now) if holds else _NOT_MET
            if before is not None:
                traces.append(replace(before, status=attempt.status))
            if attempt.target is not None:
                return RoutingOutcome(runner.name, attempt, tuple(traces))
            failed = _worse(failed, RoutingOutcome(runner.name, attempt))
            if holds and self._stops:
                break
        return failed._replace(traces=tuple(traces)) if trace else failed


def _worse(first: RoutingOutcome, second: RoutingOutcome) -> RoutingOutcome:
    """The failure to report: the higher ranked, at equal rank the earlier."""
    if first.rule is None:
        return second
    is_worse = _RANKS[second.attempt.status] < _RANKS[first.attempt.status]
    return second if is_worse else first
