"""Clocks, plans, decisions and the backlog in SQL."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, RowMapping, Select, delete, func, insert, or_, select, update

from connector.state.decision_document import parse_kind
from connector.state.plan_document import build_reference_data, parse_reference
from connector.state.records import (
    BacklogEntry,
    DecisionKind,
    DecisionRecord,
    OpenPlan,
    Outcome,
    Previous,
    SellerClock,
)
from connector.store.open_plans import build_open_plan_document, parse_open_plan
from connector.store.seller_clocks import CLOCK_LOCK
from connector.store.statements import chunk_ids, upsert_rows
from connector.store.tables import backlog, cycles, plans, seller_clocks
from connector.store.tables import decisions as decision_rows
from engine.instants import print_instant
from engine.records import EntityReference

_WITHOUT_TRACE = [column for column in decision_rows.columns if column.name != "trace"]
"""A trace is most of a decision, and nobody but a reader of the history wants it."""


class AssignmentSession:
    """Assignments within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def lock_clocks(self) -> None:
        """Keep every other session from deciding until this one ends.

        SQLite transactions exclude each other already.
        """
        if self._connection.dialect.name == "postgresql":
            self._connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({CLOCK_LOCK})")

    def load_clocks(self) -> Mapping[str, SellerClock]:
        """Every seller's clock, by seller id."""
        rows = self._connection.execute(select(seller_clocks)).mappings()
        return {row["seller_id"]: _read_clock(row) for row in rows}

    def save_clocks(self, clocks: Iterable[SellerClock]) -> None:
        """Insert or replace clocks."""
        values = [
            {
                "seller_id": clock.seller_id,
                "last_assigned_at": clock.last_assigned_at,
                "assignment_order": clock.order,
                "by_rule": {rule: print_instant(at) for rule, at in clock.by_rule.items()},
                "turns": clock.turns,
                "joined_at": clock.joined_at,
                "head_start": clock.head_start,
            }
            for clock in clocks
        ]
        upsert_rows(self._connection, seller_clocks, values)

    def save_open_plan(self, open_plan: OpenPlan) -> None:
        """Save an open plan."""
        self._connection.execute(
            insert(plans).values(
                id=open_plan.id,
                table_name=open_plan.table,
                cycle_id=open_plan.cycle_id,
                origin=open_plan.origin.value,
                checksum=open_plan.plan.checksum,
                created_at=open_plan.created_at,
                document=build_open_plan_document(open_plan),
            )
        )

    def list_open_plans(self, table: str) -> Sequence[OpenPlan]:
        """The open plans of a table, oldest first."""
        query = (
            select(plans)
            .where(plans.c.table_name == table, plans.c.closed_at.is_(None))
            .order_by(plans.c.created_at, plans.c.id)
        )
        return [parse_open_plan(row) for row in self._connection.execute(query).mappings()]

    def close_open_plan(self, plan_id: str, at: datetime) -> None:
        """Note that every outcome of a plan is saved."""
        self._connection.execute(update(plans).where(plans.c.id == plan_id).values(closed_at=at))

    def add_decisions(self, decisions: Sequence[DecisionRecord]) -> None:
        """Append decisions; none is ever changed."""
        if decisions:
            values = [_decision_values(decision) for decision in decisions]
            self._connection.execute(insert(decision_rows), values)

    def list_decisions(
        self, *, row: EntityReference | None = None, cycle_id: str | None = None, limit: int = 1000
    ) -> Sequence[DecisionRecord]:
        """Decisions of one row or one cycle, newest first."""
        query = select(decision_rows).order_by(decision_rows.c.number.desc()).limit(limit)
        if row is not None:
            query = query.where(
                decision_rows.c.table_name == row.table, decision_rows.c.row_id == row.id
            )
        if cycle_id is not None:
            query = query.where(decision_rows.c.cycle_id == cycle_id)
        return [read_decision(found) for found in self._connection.execute(query).mappings()]

    def page_decisions(self, *, after: int, limit: int) -> Sequence[tuple[int, DecisionRecord]]:
        """Decisions behind a number, oldest first, each with its own number."""
        number = decision_rows.c.number
        query = select(decision_rows).where(number > after).order_by(number).limit(limit)
        found = self._connection.execute(query).mappings()
        return [(row["number"], read_decision(row)) for row in found]

    def page_cycle(
        self, cycle_id: str, *, after: int, limit: int
    ) -> Sequence[tuple[int, DecisionRecord]]:
        """Decisions of a cycle behind a number, oldest first, each with its own; without traces."""
        number = decision_rows.c.number
        query = (
            select(*_WITHOUT_TRACE)
            .where(decision_rows.c.cycle_id == cycle_id, number > after)
            .order_by(number)
            .limit(limit)
        )
        found = self._connection.execute(query).mappings()
        return [(row["number"], read_decision(row)) for row in found]

    def list_recorded(self, cycle_id: str, plan_checksum: str) -> Sequence[str]:
        """Ids of the rows that a plan of a cycle has decisions of."""
        query = select(decision_rows.c.row_id).where(
            decision_rows.c.cycle_id == cycle_id, decision_rows.c.plan_checksum == plan_checksum
        )
        return list(self._connection.execute(query).scalars())

    def load_latest(
        self, table: str, ids: Sequence[str], outcomes: Collection[Outcome]
    ) -> Mapping[str, DecisionRecord]:
        """Of each of the rows `ids` the last decision that ended in one of `outcomes`, by row id.

        Without traces.
        """
        found: dict[str, DecisionRecord] = {}
        for chunk in chunk_ids(ids):
            latest = (
                select(func.max(decision_rows.c.number))
                .where(decision_rows.c.table_name == table, decision_rows.c.row_id.in_(chunk))
                .where(decision_rows.c.outcome.in_([outcome.value for outcome in outcomes]))
                .group_by(decision_rows.c.row_id)
            )
            found |= self._load_numbered(latest)
        return found

    def load_before(
        self, numbers: Sequence[int], outcomes: Collection[Outcome]
    ) -> Mapping[str, DecisionRecord]:
        """What other cycles decided of rows before the decisions with these numbers, by row id.

        Of each row the last decision that ended in one of `outcomes`; without traces.
        """
        found: dict[str, DecisionRecord] = {}
        given, older = decision_rows, decision_rows.alias()
        last = (
            select(older.c.number)
            .where(
                older.c.table_name == given.c.table_name,
                older.c.row_id == given.c.row_id,
                older.c.number < given.c.number,
                older.c.cycle_id != given.c.cycle_id,
                older.c.outcome.in_([outcome.value for outcome in outcomes]),
            )
            .order_by(older.c.number.desc())
            .limit(1)
            .scalar_subquery()
        )
        for chunk in chunk_ids(numbers):
            found |= self._load_numbered(select(last).where(given.c.number.in_(chunk)))
        return found

    def _load_numbered(self, numbers: Select[tuple[int]]) -> dict[str, DecisionRecord]:
        query = select(*_WITHOUT_TRACE).where(decision_rows.c.number.in_(numbers))
        rows = self._connection.execute(query).mappings()
        return {row["row_id"]: read_decision(row) for row in rows}

    def prune_history(self, table: str, before: datetime) -> int:
        """Forget decisions, cycles and closed plans of a table that are older; how many."""
        old = (
            (decision_rows, decision_rows.c.decided_at),
            (cycles, cycles.c.started_at),
            (plans, plans.c.closed_at),
        )
        return sum(
            self._connection.execute(
                delete(kept).where(kept.c.table_name == table, at < before)
            ).rowcount
            for kept, at in old
        )

    def save_backlog(self, entries: Sequence[BacklogEntry]) -> None:
        """Insert or replace waiting rows."""
        values = [
            {
                "table_name": entry.table,
                "row_id": entry.row_id,
                "reason": entry.reason,
                "code": entry.code,
                "since": entry.since,
                "next_try_at": entry.next_try_at,
                "attempts": entry.attempts,
                "segment": entry.segment,
                "created_on": entry.created_on,
            }
            for entry in entries
        ]
        upsert_rows(self._connection, backlog, values)

    def remove_backlog(self, table: str, ids: Sequence[str]) -> None:
        """Take rows off the backlog; unknown ids are ignored."""
        for chunk in chunk_ids(ids):
            self._connection.execute(
                delete(backlog).where(backlog.c.table_name == table, backlog.c.row_id.in_(chunk))
            )

    def load_backlog(self, table: str, ids: Sequence[str]) -> Mapping[str, BacklogEntry]:
        """The waiting rows among `ids`, by id."""
        found: dict[str, BacklogEntry] = {}
        for chunk in chunk_ids(ids):
            query = select(backlog).where(
                backlog.c.table_name == table, backlog.c.row_id.in_(chunk)
            )
            for row in self._connection.execute(query).mappings():
                found[row["row_id"]] = _read_entry(row)
        return found

    def list_backlog(
        self, *, table: str | None = None, due_at: datetime | None = None, limit: int = 1000
    ) -> Sequence[BacklogEntry]:
        """Waiting rows, longest first; with `due_at` only those to be tried by then."""
        query = select(backlog).order_by(backlog.c.since, backlog.c.table_name, backlog.c.row_id)
        if table is not None:
            query = query.where(backlog.c.table_name == table)
        if due_at is not None:
            query = query.where(backlog.c.next_try_at <= due_at)
        rows = self._connection.execute(query.limit(limit)).mappings()
        return [_read_entry(row) for row in rows]

    def list_unassigned(
        self, table: str, segment: str, *, codes: Sequence[str], limit: int
    ) -> Sequence[BacklogEntry]:
        """Waiting rows of a segment with one of the codes, those created first first."""
        query = (
            select(backlog)
            .where(
                backlog.c.table_name == table,
                backlog.c.segment == segment,
                backlog.c.code.in_(codes),
            )
            .order_by(backlog.c.created_on, backlog.c.row_id)
            .limit(limit)
        )
        return [_read_entry(row) for row in self._connection.execute(query).mappings()]

    def wake_backlog(self, table: str, codes: Sequence[str], at: datetime) -> int:
        """Make waiting rows with one of the codes due `at`, unless they are before; how many."""
        is_later = or_(backlog.c.next_try_at.is_(None), backlog.c.next_try_at > at)
        woken = self._connection.execute(
            update(backlog)
            .where(backlog.c.table_name == table, backlog.c.code.in_(codes), is_later)
            .values(next_try_at=at)
        )
        return woken.rowcount


def read_decision(row: RowMapping) -> DecisionRecord:
    """A row of `decisions` as the value it was saved from."""
    fields = {name: value for name, value in row.items() if name not in {"number", "table_name"}}
    outcome = Outcome(row["outcome"])
    kind, previous = _read_kind(row, outcome)
    fields |= {"outcome": outcome, "kind": kind, "previous": previous}
    return DecisionRecord(table=row["table_name"], **fields)


def _read_kind(row: RowMapping, outcome: Outcome) -> tuple[DecisionKind, Previous]:
    """What the row says, or the keys of one that a version before those columns wrote."""
    if row["kind"] is None:
        return parse_kind(outcome, row["after"])
    data: Mapping[str, Any] = row["previous"] or {}
    return DecisionKind(row["kind"]), Previous(
        **{**data, "owner": parse_reference(data.get("owner"))}
    )


def _previous_data(previous: Previous) -> dict[str, object] | None:
    if previous == Previous():
        return None
    return {
        "owner": build_reference_data(previous.owner),
        "was_decided": previous.was_decided,
        "was_manual": previous.was_manual,
    }


def _decision_values(decision: DecisionRecord) -> dict[str, object]:
    return {
        "table_name": decision.table,
        "row_id": decision.row_id,
        "cycle_id": decision.cycle_id,
        "decided_at": decision.decided_at,
        "outcome": decision.outcome.value,
        "plan_checksum": decision.plan_checksum,
        "rule_set_checksum": decision.rule_set_checksum,
        "kind": decision.kind.value,
        "previous": _previous_data(decision.previous),
        "segment": decision.segment,
        "rule": decision.rule,
        "segmentation_status": decision.segmentation_status,
        "routing_status": decision.routing_status,
        "sequence_status": decision.sequence_status,
        "before": dict(decision.before),
        "after": dict(decision.after),
        "trace": None if decision.trace is None else dict(decision.trace),
        "request_id": decision.request_id,
        "message": decision.message,
        "etag": decision.etag,
    }


def _read_clock(row: RowMapping) -> SellerClock:
    return SellerClock(
        seller_id=row["seller_id"],
        last_assigned_at=row["last_assigned_at"],
        order=row["assignment_order"],
        by_rule={rule: datetime.fromisoformat(at) for rule, at in row["by_rule"].items()},
        turns=row["turns"],
        joined_at=row["joined_at"],
        head_start=row["head_start"],
    )


def _read_entry(row: RowMapping) -> BacklogEntry:
    return BacklogEntry(
        table=row["table_name"],
        row_id=row["row_id"],
        reason=row["reason"],
        code=row["code"],
        since=row["since"],
        next_try_at=row["next_try_at"],
        attempts=row["attempts"],
        segment=row["segment"],
        created_on=row["created_on"],
    )
