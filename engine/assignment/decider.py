"""The whole decision for one row: segment, rule, owner, sequence. Nothing is written here.

This is the one way from rows to decisions: what simulates and what runs for real both take it.
"""

from collections.abc import Mapping
from datetime import datetime

from engine.assignment.assembly import AssembledRules
from engine.assignment.assigners import give_without_rule, owner_id_of
from engine.assignment.candidates import Candidate
from engine.assignment.compiled_rules import CompiledRuleSet
from engine.assignment.evaluator import Hierarchies, Samples
from engine.assignment.routing import Attempt
from engine.assignment.segments import SegmentTable
from engine.decisions.decision import AssignmentDecision, RuleTrace, Trace
from engine.distribution.pool import SellerPool
from engine.records import Record
from engine.rules.rule_set import RuleSet
from engine.schema import Schema
from engine.sellers import Consumed, Directory, SellerClock, read_clocks, read_consumed
from engine.statuses import RoutingStatus


class Decider:
    """Decides row after row by rules over people, moving clocks and capacity as it goes.

    It starts from `clocks` and `consumed`, both by id; the rules stay as they are and serve any
    number of deciders, one after the other. Not for several threads.
    """

    def __init__(
        self, rules: AssembledRules, clocks: Mapping[str, SellerClock], consumed: Consumed
    ) -> None:
        self._rules = rules
        self._outcomes = rules.outcomes
        self._counted = rules.compiled.counted_tables
        self._keeps_with_creator = rules.compiled.rule_set.keep_with_creator
        self._pool = SellerPool(rules.members, clocks, consumed)
        self._tables: dict[str, SegmentTable] = {}

    def decide(
        self,
        record: Record,
        now: datetime,
        *,
        trace: bool = False,
        passed_over: frozenset[str] = frozenset(),
    ) -> AssignmentDecision:
        """Decide one row as of `now`; an assignment moves the seller's clock and consumes units.

        The sellers whose ids are `passed_over` do not get it: it was taken back from them.
        """
        pool = self._pool
        if passed_over or pool.passed_over:
            pool.passed_over = self._rules.seller_positions(passed_over)
        table = self._tables.get(record.table) or self._add_table(record.table)
        outcome = self._outcomes.find(table.match(record, now))
        if record.creator_id is not None and record.is_open:
            self._count_creation(record)
        attempt, router = outcome.settled, outcome.router
        tried: list[RuleTrace] | None = [] if trace else None
        if router is not None:
            is_kept = self._keeps_with_creator and _is_self_created(record)
            attempt = _keep(record) if is_kept else router.route(record, now, pool, tried)
            if attempt.target is None and outcome.fallback is not None:
                attempt = self._fall_back(outcome.fallback, record, now, attempt)
        return AssignmentDecision(
            record.table,
            record.id,
            now,
            outcome.status,
            outcome.segment,
            outcome.segment_id,
            attempt.rule,
            attempt.target,
            attempt.secondary,
            outcome.sequence,
            attempt.status,
            outcome.sequence_status,
            None if tried is None else _build_trace(table, record, now, tried),
        )

    def list_moved(self) -> dict[str, SellerClock]:
        """The clocks that moved since the start, by id."""
        return self._pool.list_moved()

    def snapshot(self) -> Directory:
        """The directory with its clocks and counts as they stand; a decider of it goes on."""
        return self._pool.snapshot()

    def observe_assignment(self, owner_id: str, table: str, at: datetime) -> None:
        """A row was given to somebody by hand: their clock moves, if the table has rules.

        Clocks never move back. Ids that the directory lacks are passed over.
        """
        if table in self._counted and self._is_later(owner_id, at):
            self._pool.touch(owner_id, at)

    def _add_table(self, table: str) -> SegmentTable:
        self._tables[table] = self._rules.compiled.segments_of(table)
        return self._tables[table]

    def _count_creation(self, record: Record) -> None:
        """A row that its creator owns counts as given to them when it was created."""
        owner_id = owner_id_of(record)
        if owner_id is not None and owner_id == record.creator_id and record.created_on is not None:
            self.observe_assignment(owner_id, record.table, record.created_on)

    def _is_later(self, owner_id: str, at: datetime) -> bool:
        clock = self._pool.clock_of(owner_id)
        return clock is None or clock < at

    def _fall_back(
        self, fallback: Candidate, record: Record, now: datetime, attempt: Attempt
    ) -> Attempt:
        """Nobody was found: the row goes to whom the rule set names for that case."""
        if fallback.position in self._pool.passed_over:
            return attempt
        give_without_rule(self._pool, record, now, fallback.reference)
        return Attempt(RoutingStatus.OWNER_ASSIGNED, fallback.reference)


def open_decider(
    rule_set: RuleSet,
    directory: Directory,
    *,
    schema: Schema | None = None,
    hierarchies: Hierarchies | None = None,
    samples: Samples | None = None,
) -> Decider:
    """A decider of a rule set over a directory that carries its own clocks and counts.

    Compiles and assembles everything; `CompiledRuleSet` has the parameters. Raises InvalidDocument
    when the rules name sellers, teams or queues that the directory lacks or knows several of.
    """
    compiled = CompiledRuleSet(rule_set, schema=schema, hierarchies=hierarchies, samples=samples)
    rules = AssembledRules(compiled, directory)
    return Decider(rules, read_clocks(directory), read_consumed(directory))


def _build_trace(
    table: SegmentTable, record: Record, now: datetime, tried: list[RuleTrace]
) -> Trace:
    return Trace(segments=table.trace(record, now), rules=tuple(tried))


def _keep(record: Record) -> Attempt:
    """A row that stays with its owner."""
    return Attempt(RoutingStatus.OWNER_ASSIGNED_MANUALLY, record.owner)


def _is_self_created(record: Record) -> bool:
    return record.owner is not None and record.owner.id == record.creator_id
