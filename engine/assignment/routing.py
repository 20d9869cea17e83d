"""The rules of a segment, top-down; whom one rule assigns to is in `assigning`."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import cached_property
from typing import NamedTuple, Protocol, cast

from engine.assignment.evaluator import Evaluator, RowTest
from engine.decisions.decision import CandidateTrace, FailedCondition, RuleTrace
from engine.instants import print_instant
from engine.records import EntityReference, Record
from engine.rules.models import Rule
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


Run = Callable[[Record, datetime], Attempt]
_NO_RULE = Attempt(RoutingStatus.NO_ASSIGNMENT_RULE)
_RANKS: dict[RoutingStatus | None, int] = {status: failure_rank(status) for status in RoutingStatus}


class RuleRunner:
    """One rule, compiled: conditions, then the row's age, then whom it is assigned to."""

    def __init__(self, rule: Rule, evaluator: Evaluator, assigner: Assigner) -> None:
        self.rule = rule
        self.name = rule.name
        self.not_met = Attempt(RoutingStatus.RECORD_MEETS_NO_CONDITIONS, rule=rule.name)
        self._too_old = Attempt(RoutingStatus.RECORD_TOO_OLD, rule=rule.name)
        self._evaluator = evaluator
        self._assigner = assigner
        hours = rule.created_within_hours
        self._oldest = None if hours is None else timedelta(hours=hours)
        self.run: Run = assigner.assign if hours is None else self._run_if_young
        """Assign a row that meets the conditions, unless it is too old."""

    @cached_property
    def _test(self) -> RowTest | None:
        return self._evaluator.compile_row_test(self.rule.when, self.rule.table)

    def holds(self, record: Record, now: datetime) -> bool:
        """Whether the row meets the rule's conditions."""
        return self._test is None or self._test(record.row, now) == 0

    def is_too_old(self, record: Record, now: datetime) -> bool:
        """Whether the row was created before the rule's window; exactly N hours ago is within."""
        if self._oldest is None:
            return False
        return record.created_on is None or now - record.created_on > self._oldest

    def _run_if_young(self, record: Record, now: datetime) -> Attempt:
        return self._too_old if self.is_too_old(record, now) else self._assigner.assign(record, now)

    def trace(self, record: Record, now: datetime, evaluator: Evaluator) -> RuleTrace:
        """What the rule will come to and why, before it runs."""
        if not self.holds(record, now):
            return self._trace_conditions(record, now, evaluator)
        if self.is_too_old(record, now):
            return RuleTrace(
                rule=self.name,
                failed=self._describe_age(record),
                counterfactuals=self._would_assign("the row were young enough", record, now),
            )
        return RuleTrace(
            rule=self.name,
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
        return RuleTrace(rule=self.name, failed=failed, counterfactuals=changes)

    def _would_assign(self, change: str, record: Record, now: datetime) -> tuple[str, ...]:
        target = self._assigner.preview(record, now)
        return () if target is None else (f"{target.name} would have been chosen if {change}",)

    def _describe_age(self, record: Record) -> FailedCondition:
        created = record.created_on
        seen = "createdon is null" if created is None else f"createdon is {print_instant(created)}"
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
        conditions = [runner.rule.when for runner in runners]
        self._runs = tuple(runner.run for runner in self._runners)
        self._find = evaluator.compile_first_match(conditions, runners[0].rule.table)

    def route(
        self, record: Record, now: datetime, traces: list[RuleTrace] | None = None
    ) -> Attempt:
        """Run the rules for a row until one assigns it; `traces` collects what was tried."""
        if traces is not None:
            return self._go_through(record, now, traces)
        first = self._find(record.row, now)
        if first < 0:
            return self._runners[0].not_met
        attempt = self._runs[first](record, now)
        if attempt.target is not None:
            return attempt
        failed = _worse(self._runners[0].not_met, attempt) if first else attempt
        return failed if self._stops else self._go_on(record, now, failed, first + 1)

    def _go_on(self, record: Record, now: datetime, failed: Attempt, start: int) -> Attempt:
        """Try the rules from `start` on; what failed before counts where none of them assigns."""
        for runner in self._runners[start:]:
            holds = runner.holds(record, now)
            attempt = runner.run(record, now) if holds else runner.not_met
            if attempt.target is not None:
                return attempt
            failed = _worse(failed, attempt)
        return failed

    def _go_through(self, record: Record, now: datetime, traces: list[RuleTrace]) -> Attempt:
        """The same with a trace of every rule, taken before it runs."""
        failed: Attempt | None = None
        for runner in self._runners:
            traces.append(runner.trace(record, now, self._evaluator))
            holds = runner.holds(record, now)
            attempt = runner.run(record, now) if holds else runner.not_met
            traces[-1] = replace(traces[-1], status=cast("RoutingStatus", attempt.status))
            if attempt.target is not None:
                return attempt
            failed = attempt if failed is None else _worse(failed, attempt)
            if holds and self._stops:
                break
        return failed or _NO_RULE


def _worse(failed: Attempt, attempt: Attempt) -> Attempt:
    """Of two failures the one to report; the earlier one where they rank alike."""
    return attempt if _RANKS[attempt.status] < _RANKS[failed.status] else failed
