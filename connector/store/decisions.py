"""Decisions in SQL: the history of what was decided about each row."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import fields
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Select, delete, func, insert, select

from connector.state.decision_document import parse_kind
from connector.state.records import DecisionRecord, Outcome, Previous
from connector.store.statements import Statements, chunk_ids
from connector.store.tables import decisions
from engine.records import EntityReference

_WITHOUT_TRACE = [column for column in decisions.columns if column.name != "trace"]
"""A trace is most of a decision, and nobody but a reader of the history wants it."""

_FIELDS = tuple(field.name for field in fields(DecisionRecord))


class DecisionSession(Statements):
    """Decisions within one transaction."""

    def add_decisions(self, records: Sequence[DecisionRecord]) -> None:
        """Append decisions; none is ever changed."""
        if records:
            values = [_decision_values(decision) for decision in records]
            self._connection.execute(insert(decisions), values)

    def list_decisions(
        self, *, row: EntityReference | None = None, cycle_id: str | None = None, limit: int = 1000
    ) -> Sequence[DecisionRecord]:
        """Decisions of one row or one cycle, newest first."""
        query = select(decisions).order_by(decisions.c.number.desc()).limit(limit)
        if row is not None:
            query = query.where(decisions.c.table == row.table, decisions.c.row_id == row.id)
        if cycle_id is not None:
            query = query.where(decisions.c.cycle_id == cycle_id)
        return [decision for _, decision in self._read_numbered(query)]

    def page_decisions(self, *, after: int, limit: int) -> Sequence[tuple[int, DecisionRecord]]:
        """Decisions behind a number, oldest first, each with its own number."""
        number = decisions.c.number
        query = select(decisions).where(number > after).order_by(number).limit(limit)
        return self._read_numbered(query)

    def page_cycle(
        self, cycle_id: str, *, after: int, limit: int
    ) -> Sequence[tuple[int, DecisionRecord]]:
        """Decisions of a cycle behind a number, oldest first, each with its own; without traces."""
        number = decisions.c.number
        query = (
            select(*_WITHOUT_TRACE)
            .where(decisions.c.cycle_id == cycle_id, number > after)
            .order_by(number)
            .limit(limit)
        )
        return self._read_numbered(query)

    def list_recorded(self, cycle_id: str, plan_checksum: str) -> Sequence[str]:
        """Ids of the rows that a plan of a cycle has decisions of."""
        query = select(decisions.c.row_id).where(
            decisions.c.cycle_id == cycle_id, decisions.c.plan_checksum == plan_checksum
        )
        return list(self._connection.execute(query).scalars())

    def load_latest(
        self, table: str, ids: Sequence[str], outcomes: Collection[Outcome]
    ) -> Mapping[str, DecisionRecord]:
        """Of each of the rows `ids` the last decision that ended in one of `outcomes`, by row id.

        They come without traces.
        """
        found: dict[str, DecisionRecord] = {}
        for chunk in chunk_ids(ids):
            latest = (
                select(func.max(decisions.c.number))
                .where(decisions.c.table == table, decisions.c.row_id.in_(chunk))
                .where(decisions.c.outcome.in_([outcome.value for outcome in outcomes]))
                .group_by(decisions.c.row_id)
            )
            found |= self._load_numbered(latest)
        return found

    def load_before(
        self, numbers: Sequence[int], outcomes: Collection[Outcome]
    ) -> Mapping[str, DecisionRecord]:
        """What other cycles decided of rows before the decisions with these numbers, by row id.

        Of each row it is the last decision that ended in one of `outcomes`, without its trace.
        """
        found: dict[str, DecisionRecord] = {}
        given, older = decisions, decisions.alias()
        last = (
            select(older.c.number)
            .where(
                older.c.table == given.c.table,
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

    def prune_decisions(self, table: str, before: datetime) -> int:
        """Forget decisions of a table that are older; how many."""
        older = decisions.c.table == table, decisions.c.decided_at < before
        return self._connection.execute(delete(decisions).where(*older)).rowcount

    def _read_numbered(self, query: Select[Any]) -> list[tuple[int, DecisionRecord]]:
        return [(row["number"], _read_decision(row)) for row in self._load(query)]

    def _load_numbered(self, numbers: Select[tuple[int]]) -> dict[str, DecisionRecord]:
        query = select(*_WITHOUT_TRACE).where(decisions.c.number.in_(numbers))
        return {decision.row_id: decision for _, decision in self._read_numbered(query)}


def _read_decision(values: dict[str, Any]) -> DecisionRecord:
    if values["kind"] is None:
        kind, previous = parse_kind(Outcome(values["outcome"]), values["after"])
        values |= {"kind": kind.value, "previous": msgspec.to_builtins(previous)}
    values["previous"] = values["previous"] or {}
    return msgspec.convert(values, DecisionRecord)


def _decision_values(decision: DecisionRecord) -> dict[str, object]:
    # The trace, which is most of a decision and plain data already, is not copied.
    values = {name: getattr(decision, name) for name in _FIELDS}
    is_plain = decision.previous == Previous()
    values["previous"] = None if is_plain else msgspec.to_builtins(decision.previous)
    return {**values, "outcome": decision.outcome.value, "kind": decision.kind.value}
