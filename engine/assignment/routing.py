"""The rules of a segment, top-down; whom one rule assigns to is in `assigners`."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import NamedTuple, Protocol, cast

from engine.assignment.compiled_rules import CompiledRule, CompiledSegment
from engine.decisions.decision import CandidateTrace, FailedCondition, RuleTrace
from engine.distribution.pool import SellerPool
from engine.instants import print_instant
from engine.records import EntityReference, Record
from engine.statuses import RoutingStatus, failure_rank


class Attempt(NamedTuple):
    """What a rule came to for one row; None as status = rules have nothing to say."""

    status: RoutingStatus | None
    target: EntityReference | None = None
    secondary: tuple[EntityReference, ...] = ()
    rule: str | None = None


class Assigner(Protocol):
    """The assign-to part of a rule; clocks and capacity are in the pool it is handed."""

    def assign(self, record: Record, now: datetime, pool: SellerPool) -> Attempt:
        """Choose somebody and move their clock, or say why there is nobody."""
        ...

    def trace(self, record: Record, now: datetime, pool: SellerPool) -> tuple[CandidateTrace, ...]:
        """Every candidate with the stage it reached; asked before `assign`."""
        ...

    def preview(self, record: Record, now: datetime, pool: SellerPool) -> EntityReference | None:
        """Who would get the row; nothing moves."""
        ...

    def list_counterfactuals(
        self, record: Record, now: datetime, pool: SellerPool
    ) -> tuple[str, ...]:
        """Single changes that would have chosen somebody else; asked before `assign`."""
        ...


Run = Callable[[Record, datetime, SellerPool], Attempt]
_NO_RULE = Attempt(RoutingStatus.NO_ASSIGNMENT_RULE)
_RANKS: dict[RoutingStatus | None, int] = {status: failure_rank(status) for status in RoutingStatus}


class RuleRunner:
    """One rule over people: conditions, then the row's age, then whom it is assigned to."""

    def __init__(self, compiled: CompiledRule, assigner: Assigner) -> None:
        self.name = compiled.rule.name
        self.not_met = Attempt(RoutingStatus.RECORD_MEETS_NO_CONDITIONS, rule=self.name)
        self.holds = compiled.holds
        self._too_old = Attempt(RoutingStatus.RECORD_TOO_OLD, rule=self.name)
        self._compiled = compiled
        self._assigner = assigner
        self.run: Run = assigner.assign if compiled.oldest is None else self._run_if_young
        """Assign a row that meets the conditions, unless it is too old."""

    def _run_if_young(self, record: Record, now: datetime, pool: SellerPool) -> Attempt:
        if self._compiled.is_too_old(record, now):
            return self._too_old
        return self._assigner.assign(record, now, pool)

    def trace(self, record: Record, now: datetime, pool: SellerPool) -> RuleTrace:
        """What the rule will come to and why, before it runs."""
        if not self.holds(record, now):
            return self._trace_conditions(record, now, pool)
        if self._compiled.is_too_old(record, now):
            return RuleTrace(
                rule=self.name,
                failed=self._describe_age(record),
                counterfactuals=self._would_assign("the row were young enough", record, now, pool),
            )
        return RuleTrace(
            rule=self.name,
            candidates=self._assigner.trace(record, now, pool),
            counterfactuals=self._assigner.list_counterfactuals(record, now, pool),
        )

    def _trace_conditions(self, record: Record, now: datetime, pool: SellerPool) -> RuleTrace:
        failures = self._compiled.list_failures(record, now)
        failed = failures[0]
        changes: tuple[str, ...] = ()
        if len(failures) == 1 and not self._compiled.is_too_old(record, now):
            changes = self._would_assign(f"{failed.condition} held", record, now, pool)
        return RuleTrace(rule=self.name, failed=failed, counterfactuals=changes)

    def _would_assign(
        self, change: str, record: Record, now: datetime, pool: SellerPool
    ) -> tuple[str, ...]:
        target = self._assigner.preview(record, now, pool)
        return () if target is None else (f"{target.name} would have been chosen if {change}",)

    def _describe_age(self, record: Record) -> FailedCondition:
        created = record.created_on
        seen = "createdon is null" if created is None else f"createdon is {print_instant(created)}"
        hours = self._compiled.rule.created_within_hours
        return FailedCondition(condition=f"created within {hours} hours", seen=seen)


class SegmentRouter:
    """The active rules of one segment in their order.

    A rule that finds nobody passes the row on to the next one, unless failures stop the search:
    then the first rule whose conditions hold is the last one tried.
    """

    def __init__(
        self, compiled: CompiledSegment, runners: Sequence[RuleRunner], *, stops_on_failure: bool
    ) -> None:
        self._runners = tuple(runners)
        self._stops = stops_on_failure
        self._runs = tuple(runner.run for runner in self._runners)
        self._find = compiled.find

    def route(
        self,
        record: Record,
        now: datetime,
        pool: SellerPool,
        traces: list[RuleTrace] | None = None,
    ) -> Attempt:
        """Run the rules for a row until one assigns it; `traces` collects what was tried."""
        if traces is not None:
            return self._go_through(record, now, pool, traces)
        first = self._find(record.row, now)
        if first < 0:
            return self._runners[0].not_met
        attempt = self._runs[first](record, now, pool)
        if attempt.target is not None:
            return attempt
        failed = _worse(self._runners[0].not_met, attempt) if first else attempt
        if self._stops:
            return failed
        return self._go_on(record, now, pool, failed, self._runners[first + 1 :])

    def _go_on(
        self,
        record: Record,
        now: datetime,
        pool: SellerPool,
        failed: Attempt,
        runners: Sequence[RuleRunner],
    ) -> Attempt:
        """Try the rules that are left; what failed before counts where none of them assigns."""
        for runner in runners:
            holds = runner.holds(record, now)
            attempt = runner.run(record, now, pool) if holds else runner.not_met
            if attempt.target is not None:
                return attempt
            failed = _worse(failed, attempt)
        return failed

    def _go_through(
        self, record: Record, now: datetime, pool: SellerPool, traces: list[RuleTrace]
    ) -> Attempt:
        """The same with a trace of every rule, taken before it runs."""
        failed: Attempt | None = None
        for runner in self._runners:
            traces.append(runner.trace(record, now, pool))
            holds = runner.holds(record, now)
            attempt = runner.run(record, now, pool) if holds else runner.not_met
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
