"""The rules of a segment, top-down; whom one rule assigns to is in `assigning`."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import NamedTuple, Protocol, cast

from engine.decisions import CandidateTrace, FailedCondition, RuleTrace
from engine.predicates import Evaluator, RowTest
from engine.records import EntityReference, Record
from engine.ruleset import Rule
from engine.statuses import RoutingStatus, failure_rank


class Attempt(NamedTuple):
    """What a rule came to for one row; None as status = rules have nothing to say."""

    status: RoutingStatus | None
    target: EntityReference | None = None
    secondary: tuple[EntityReference, ...] = ()
    rule: str | None = None


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


_NO_RULE = Attempt(RoutingStatus.NO_ASSIGNMENT_RULE)
_RANKS: dict[RoutingStatus | None, int] = {status: failure_rank(status) for status in RoutingStatus}


class RuleRunner:
    """One rule, compiled: conditions, then the row's age, then whom it is assigned to."""

    def __init__(self, rule: Rule, test: RowTest | None, assigner: Assigner) -> None:
        self.rule = rule
        self.name = rule.name
        self.not_met = Attempt(RoutingStatus.RECORD_MEETS_NO_CONDITIONS, rule=rule.name)
        self._too_old = Attempt(RoutingStatus.RECORD_TOO_OLD, rule=rule.name)
        self._test = test
        self._assigner = assigner
        hours = rule.created_within_hours
        self._oldest = None if hours is None else timedelta(hours=hours)

    def holds(self, record: Record, now: datetime) -> bool:
        """Whether the row meets the rule's conditions."""
        return self._test is None or self._test(record.row, now) == 0

    def is_too_old(self, record: Record, now: datetime) -> bool:
        """Whether the row was created before the rule's window; exactly N hours ago is within."""
        if self._oldest is None:
            return False
        return record.created_on is None or now - record.created_on > self._oldest

    def run(self, record: Record, now: datetime) -> Attempt:
        """Assign a row that meets the conditions, unless it is too old."""
        return self._too_old if self.is_too_old(record, now) else self._assigner.assign(record, now)

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
        return () if target is None else (f"{target.name} would have been chosen if {change}",)

    def _describe_age(self, record: Record) -> FailedCondition:
        created = record.created_on
        seen = "createdon is null" if created is None else f"createdon is {created.isoformat()}"
        hours = self.rule.created_within_hours
        return FailedCondition(condition=f"created within {hours} hours", seen=seen)


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

    def route(
        self, record: Record, now: datetime, traces: list[RuleTrace] | None = None
    ) -> Attempt:
        """Run the rules for a row until one assigns it; `traces` collects what was tried."""
        failed: Attempt | None = None
        for runner in self._runners:
            if traces is not None:
                traces.append(runner.trace(record, now, self._evaluator))
            holds = runner.holds(record, now)
            attempt = runner.run(record, now) if holds else runner.not_met
            if traces is not None:
                traces[-1] = replace(traces[-1], status=cast("RoutingStatus", attempt.status))
            if attempt.target is not None:
                return attempt
            if failed is None or _RANKS[attempt.status] < _RANKS[failed.status]:
                failed = attempt
            if holds and self._stops:
                break
        return failed or _NO_RULE
