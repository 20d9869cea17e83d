"""Checks and backups of a store; opening one is in `opening`."""

import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import func, make_url, select

from connector.store.opening import SqlStore, open_store
from connector.store.tables import metadata
from engine.errors import ConfigProblem


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreReport:
    """What a store holds, and where it does not agree with itself."""

    rows: Mapping[str, int]
    problems: Sequence[str]


def check_store(store: SqlStore) -> StoreReport:
    """Count the rows of each table; compare the counts of open rows with the ledger."""
    with store.engine.connect() as connection:
        rows = {
            table.name: connection.execute(select(func.count()).select_from(table)).scalar_one()
            for table in metadata.sorted_tables
        }
    with store.begin() as session:
        kept, counted = session.count_open(), session.recount_open()
    problems = [
        f"open rows of {table} owned by {owner} (rule {rule or 'none'}): {kept.get(key, 0)} noted, "
        f"{counted.get(key, 0)} in the ledger"
        for key in sorted(kept.keys() | counted.keys())
        if kept.get(key, 0) != counted.get(key, 0)
        for table, owner, rule in (key,)
    ]
    return StoreReport(rows=rows, problems=problems)


def back_up_store(url: str, file: Path) -> None:
    """Copy a SQLite store page by page; raises ConfigProblem for other databases."""
    parsed = make_url(url)
    if parsed.get_backend_name() != "sqlite":
        raise ConfigProblem("use pg_dump to back up a store in PostgreSQL")
    if file.exists():
        raise ConfigProblem(f"{file} exists already; name a new file")
    open_store(url).close()
    with (
        closing(sqlite3.connect(str(parsed.database))) as source,
        closing(sqlite3.connect(file)) as copy,
    ):
        source.backup(copy)
