"""The ledger of rows in SQL, with the open rows of each owner counted beside it.

The watched sets that its fingerprints are of are kept here, too.
"""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import Any, cast

import msgspec
from sqlalchemy import (
    ColumnElement,
    Select,
    and_,
    func,
    insert,
    or_,
    select,
    update,
)

from connector.state.records import LedgerRow
from connector.store.statements import Statements, build_values, match_ids, upsert_rows
from connector.store.tables import (
    backlog,
    handovers,
    ledger_rows,
    open_rows,
    quarantine,
    watched_sets,
)
from engine.statuses import RoutingStatus

OwnerKey = tuple[str, str, str]
"""Table, owner id, and the rule that gave the row to its owner ("" = none)."""

_NOBODY = {"table": None, "id": None, "name": None}


class WatchedSetSession(Statements):
    """Watched sets within one transaction."""

    def load_watched_set(self, watched_set: str) -> tuple[str, ...] | None:
        """The columns behind the name of a watched set."""
        query = select(watched_sets.c.columns).where(watched_sets.c.name == watched_set)
        columns = self._connection.execute(query).scalar_one_or_none()
        return None if columns is None else tuple(cast("list[str]", columns))

    def save_watched_set(self, watched_set: str, columns: Sequence[str]) -> None:
        """Remember the columns of a watched set."""
        upsert_rows(
            self._connection, watched_sets, [{"name": watched_set, "columns": list(columns)}]
        )


class LedgerSession(Statements):
    """The ledger within one transaction."""

    def load_rows(self, table: str, ids: Sequence[str]) -> Mapping[str, LedgerRow]:
        """The remembered rows among `ids`, by id."""
        return {
            row.id: row
            for those in match_ids(ledger_rows, table, ids)
            for row in self._read_rows(select(ledger_rows).where(those))
        }

    def save_rows(self, rows: Sequence[LedgerRow]) -> None:
        """Insert or replace rows and keep the count of open rows of each owner exact."""
        latest = {(row.table, row.id): row for row in rows}
        change: Counter[OwnerKey] = Counter()
        for table in sorted({row.table for row in latest.values()}):
            ids = [row.id for row in latest.values() if row.table == table]
            change.subtract(self._open_keys(table, ids))
        for row in latest.values():
            if row.is_open and row.owner is not None:
                change[row.table, row.owner.id, row.rule or ""] += 1
        upsert_rows(
            self._connection, ledger_rows, [_row_values(latest[key]) for key in sorted(latest)]
        )
        self._add_open(change)

    def mark_rows(self, table: str, ids: Sequence[str], generation: int) -> None:
        """Note that a full read saw these rows."""
        for those in match_ids(ledger_rows, table, ids):
            seen = update(ledger_rows).where(those).values(generation=generation)
            self._connection.execute(seen)

    def delete_rows(self, table: str, ids: Sequence[str]) -> int:
        """Forget rows and what waits for them; unknown ids are ignored; how many were known."""
        change: Counter[OwnerKey] = Counter()
        change.subtract(self._open_keys(table, ids))
        for kept in (backlog, quarantine, handovers):
            self._delete(kept, table, ids)
        known = self._delete(ledger_rows, table, ids)
        self._add_open(change)
        return known

    def find_unmarked(self, table: str, generation: int, limit: int) -> Sequence[str]:
        """Ids of rows that the full read `generation` did not see."""
        query = (
            select(ledger_rows.c.id)
            .where(ledger_rows.c.table == table, ledger_rows.c.generation < generation)
            .limit(limit)
        )
        return list(self._connection.execute(query).scalars())

    def list_undecided(
        self,
        table: str,
        after: LedgerRow | None,
        size: int,
        *,
        with_rules: Collection[str] = (),
    ) -> Sequence[LedgerRow]:
        """Open rows that no rule was ever asked about, oldest first, from behind `after` on.

        Rows of the segments `with_rules` are among them if these had no rules at the time.
        """
        was_left_alone = and_(
            ledger_rows.c.routing_status == RoutingStatus.NO_ASSIGNMENT_RULE.value,
            ledger_rows.c.segment.in_(sorted(with_rules)),
        )
        query = (
            select(ledger_rows)
            .where(ledger_rows.c.table == table, ledger_rows.c.is_open)
            .where(or_(ledger_rows.c.decided_at.is_(None), was_left_alone))
            # Databases differ in where rows without a date come.
            .order_by(ledger_rows.c.created_on.nulls_first(), ledger_rows.c.id)
            .limit(size)
        )
        if after is not None:
            query = query.where(_is_behind(after))
        return self._read_rows(query)

    def count_open(self) -> Mapping[OwnerKey, int]:
        """Open rows by table, owner id and the rule that assigned them ("" = none)."""
        query = select(open_rows).where(open_rows.c.rows != 0)
        rows = self._load(query)
        return {(row["table"], row["owner_id"], row["rule"]): row["rows"] for row in rows}

    def recount_open(self) -> Mapping[OwnerKey, int]:
        """The same figures, counted from the ledger: what a check compares with."""
        rule = func.coalesce(ledger_rows.c.rule, "")
        query = (
            select(ledger_rows.c.table, ledger_rows.c.owner_id, rule, func.count())
            .where(ledger_rows.c.is_open, ledger_rows.c.owner_id.is_not(None))
            .group_by(ledger_rows.c.table, ledger_rows.c.owner_id, rule)
        )
        found = self._connection.execute(query)
        return {(table, owner, rule): count for table, owner, rule, count in found}

    def count_rows(self, table: str, *, before_generation: int | None = None) -> int:
        """Rows of a table, or those last seen by an earlier full read."""
        query = select(func.count()).select_from(ledger_rows).where(ledger_rows.c.table == table)
        if before_generation is not None:
            query = query.where(ledger_rows.c.generation < before_generation)
        return self._connection.execute(query).scalar_one()

    def _read_rows(self, query: Select[Any]) -> list[LedgerRow]:
        return [_read_row(row) for row in self._load(query)]

    def _open_keys(self, table: str, ids: Sequence[str]) -> Counter[OwnerKey]:
        counts: Counter[OwnerKey] = Counter()
        for those in match_ids(ledger_rows, table, ids):
            # Whether a row is open is asked here, not in SQL: with it SQLite prefers the index of
            # open rows to the key, and reads all of them.
            query = select(ledger_rows.c.owner_id, ledger_rows.c.rule, ledger_rows.c.is_open)
            counts.update(
                (table, owner, rule or "")
                for owner, rule, is_open in self._connection.execute(query.where(those))
                if is_open and owner is not None
            )
        return counts

    def _add_open(self, change: Mapping[OwnerKey, int]) -> None:
        for (table, owner, rule), difference in sorted(change.items()):
            if not difference:
                continue
            changed = self._connection.execute(
                update(open_rows)
                .where(
                    open_rows.c.table == table,
                    open_rows.c.owner_id == owner,
                    open_rows.c.rule == rule,
                )
                .values(rows=open_rows.c.rows + difference)
            )
            if changed.rowcount == 0:
                self._connection.execute(
                    insert(open_rows).values(
                        table=table, owner_id=owner, rule=rule, rows=difference
                    )
                )


def _is_behind(last: LedgerRow) -> ColumnElement[bool]:
    at, ids = ledger_rows.c.created_on, ledger_rows.c.id
    if last.created_on is None:
        return or_(and_(at.is_(None), ids > last.id), at.is_not(None))
    return or_(at > last.created_on, and_(at == last.created_on, ids > last.id))


def _row_values(row: LedgerRow) -> dict[str, object]:
    values = build_values(row)
    owner = values.pop("owner") or _NOBODY
    return {**values, **{f"owner_{name}": owner[name] for name in _NOBODY}}


def _read_row(values: dict[str, Any]) -> LedgerRow:
    owner = {name: values.pop(f"owner_{name}") for name in _NOBODY}
    values["owner"] = None if owner["id"] is None else owner
    return msgspec.convert(values, LedgerRow)
