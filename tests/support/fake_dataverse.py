"""An in-memory environment behind the cycle's ports: loud about everything it does not know.

It keeps row versions, change tracking with deletions, and preconditions; it speaks no HTTP.
"""

import operator
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from connector.errors import ResyncRequired
from connector.ports import (
    Comparator,
    Comparison,
    RowPage,
    RowWrite,
    TableQuery,
    VersionPage,
    WriteOutcome,
    WriteResult,
)
from engine.errors import ConfigProblem
from engine.records import EntityReference, Row
from engine.schema import Schema, TableSchema
from engine.sellers import Directory

START = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
LOOKUP = "@Microsoft.Dynamics.CRM.lookuplogicalname"


APPLICATION_USER = "00000000-0000-0000-0009-000000000001"
"""Whom our writes are shown as."""

SOMEBODY = "00000000-0000-0000-0009-000000000002"
"""Whom other clients' writes are shown as, unless they say otherwise."""


ORGANIZATION = "00000000-0000-0000-0009-000000000003"
"""Whom all rows belong to, unless the environment is told to be another one."""


_START = -1
"""In place of a version: a first read knows of no deletions."""

_IN_FORCE = frozenset({WriteOutcome.APPLIED, WriteOutcome.ALREADY_SO})
_COMPARE: Mapping[Comparator, Callable[[Any, Any], object]] = {
    Comparator.EQ: operator.eq,
    Comparator.NE: operator.ne,
    Comparator.GT: operator.gt,
    Comparator.GE: operator.ge,
    Comparator.LT: operator.lt,
    Comparator.LE: operator.le,
}


class Crash(BaseException):
    """The process dies here: no handler of the product may catch it."""


@dataclass
class FakeClock:
    """A clock that stands still until it is moved."""

    at: datetime = START

    def now(self) -> datetime:
        """The instant it was set to."""
        return self.at

    def advance(self, by: timedelta) -> None:
        """Move it forward."""
        self.at += by


@dataclass(frozen=True)
class FakeIdentity:
    """Who the connector is in the environment."""

    organization_id: str
    user_id: str = APPLICATION_USER


@dataclass(frozen=True)
class FakeDefinition:
    """A table's definition."""

    schema: TableSchema
    change_tracking: bool

    def to_schema(self) -> TableSchema:
        """The table as the engine knows tables."""
        return self.schema


@dataclass
class FakeDataverse:
    """Tables by logical name; `navigations` maps a navigation property to (lookup column, table)."""

    clock: FakeClock = field(default_factory=FakeClock)
    directory: Directory = field(default_factory=Directory)
    schema: Schema = field(default_factory=dict[str, TableSchema])
    organization_id: str = ORGANIZATION
    navigations: Mapping[str, tuple[str, str]] = field(default_factory=dict[str, tuple[str, str]])
    page_size: int = 5000
    tables: dict[str, dict[str, dict[str, object]]] = field(
        default_factory=dict[str, dict[str, dict[str, object]]]
    )
    version: int = 0
    writes: list[RowWrite] = field(default_factory=list[RowWrite])
    reads: int = 0
    before_write: Callable[[RowWrite], None] = lambda _write: None
    after_write: Callable[[RowWrite], None] = lambda _write: None
    is_stopping: Callable[[], bool] = lambda: False
    before_versions: Callable[[Sequence[str]], None] = lambda _ids: None
    refused: set[str] = field(default_factory=set[str])
    forbidden: set[str] = field(default_factory=set[str])
    expired_before: int = 0
    silent: bool = False
    queued: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    connected: dict[str, str] = field(default_factory=dict[str, str])
    before_action: Callable[[str], None] = lambda _row_id: None
    is_tracked: bool = True
    _deleted: dict[str, dict[str, int]] = field(default_factory=dict[str, dict[str, int]])

    def put_row(self, table: str, row_id: str, **columns: object) -> None:
        """Create or change a row as another client would."""
        rows = self.tables.setdefault(table, {})
        row = rows.setdefault(row_id, {f"{table}id": row_id, "statecode": 0})
        if "createdon" not in row:
            row["createdon"] = self.clock.now().strftime("%Y-%m-%dT%H:%M:%SZ")
        row.update({"_modifiedby_value": SOMEBODY, **columns})
        self._stamp(row)

    def set_owner(self, table: str, row_id: str, owner: EntityReference) -> None:
        """Assign a row by hand."""
        self.put_row(
            table, row_id, _ownerid_value=owner.id, **{f"_ownerid_value{LOOKUP}": owner.table}
        )

    def delete_row(self, table: str, row_id: str) -> None:
        """Delete a row as another client would."""
        del self.tables[table][row_id]
        self.version += 1
        self._deleted.setdefault(table, {})[row_id] = self.version

    def owner_of(self, table: str, row_id: str) -> object:
        """The owner's id of a row."""
        return self.tables[table][row_id].get("_ownerid_value")

    def expire_links(self) -> None:
        """Every delta link handed out so far is no longer honoured."""
        self.expired_before = self.version + 1
        self.version += 1

    @property
    def url(self) -> str:
        """An address that nobody asks."""
        return "https://fake.crm.dynamics.com"

    def start_cycle(self, limit: timedelta | None = None) -> None:
        """Nothing here takes time."""

    def who_am_i(self) -> FakeIdentity:
        """The application user."""
        return FakeIdentity(self.organization_id)

    def describe_table(self, logical_name: str) -> FakeDefinition:
        """A table of the schema; raises ConfigProblem for any other."""
        if logical_name not in self.schema:
            raise ConfigProblem(f"the environment has no table {logical_name}")
        return FakeDefinition(self.schema[logical_name], self.is_tracked)

    def fetch_token_life_days(self) -> int | None:
        """Links live until they are expired."""
        return None

    def save_governor(self) -> dict[str, object]:
        """There are no limits to learn."""
        return {}

    def restore_governor(self, data: Mapping[str, object]) -> None:
        """There are no limits to keep."""

    def save_metadata(self) -> dict[str, object] | None:
        """The definitions are at hand anyway."""
        return None

    def restore_metadata(self, data: Mapping[str, object] | None) -> None:
        """The definitions are at hand anyway."""

    def close(self) -> None:
        """There is no connection."""

    def read_rows(
        self,
        table: str,
        columns: Sequence[str],
        *,
        expand: Mapping[str, Sequence[str]] | None = None,
        where: Sequence[Comparison] = (),
    ) -> Iterator[Row]:
        """The rows of a table that satisfy all comparisons."""
        assert expand is None, "the fake reads no related rows here"
        query = TableQuery(table=table, columns=tuple(columns))
        for row in list(self.tables.get(table, {}).values()):
            if all(_holds(each, row) for each in where):
                yield self._selected(row, query)

    def fetch_directory(self) -> Directory:
        """The people, without clocks."""
        return self.directory

    def fetch_first_page(self, query: TableQuery) -> RowPage:
        """Start a tracked read of a table."""
        return self._page(query, start=0, since=_START, upto=self.version)

    def fetch_page(self, query: TableQuery, link: str) -> RowPage:
        """Follow a link of ours; any other is an error of the test.

        A next link holds the version its page begins behind, a delta link the version it saw last.
        """
        kind, start, since, upto = link.split(":")
        if kind == "delta":
            if int(start) < self.expired_before:
                raise ResyncRequired("the version stamp has expired")
            return self._page(query, start=int(start), since=int(start), upto=self.version)
        assert kind == "next", link
        return self._page(query, start=int(start), since=int(since), upto=int(upto))

    def fetch_rows(self, query: TableQuery, ids: Sequence[str]) -> Sequence[Row]:
        """Rows by id with their N:1 rows."""
        self.reads += 1
        rows = self.tables.get(query.table, {})
        return [self._expanded(rows[row_id], query) for row_id in ids if row_id in rows]

    def fetch_versions(self, query: TableQuery, link: str | None = None) -> VersionPage:
        """Row versions by id; a link is the last id of the page before."""
        self.reads += 1
        rows = self.tables.get(query.table, {})
        rest = [row_id for row_id in sorted(rows) if row_id > (link or "")]
        here = rest[: self.page_size]
        self.before_versions(here)
        return VersionPage(
            table=query.table,
            versions={row_id: str(rows[row_id]["@odata.etag"]) for row_id in here},
            next_link=here[-1] if len(here) < len(rest) else None,
        )

    def write_rows(self, writes: Sequence[RowWrite]) -> Iterator[WriteResult]:
        """Write rows one after the other until a stop; hooks run before and after each."""
        for write in writes:
            if self.is_stopping():
                return
            self.before_write(write)
            self.writes.append(write)
            result = self._apply(write) if write.binds or write.columns else None
            self.after_write(write)
            is_in_force = result is None or result.outcome in _IN_FORCE
            if write.queue is not None and is_in_force:
                result = self._enqueue(write, write.queue.id, result)
            yield self._hide(result or self._result(write, WriteOutcome.ALREADY_SO, write.etag))

    def connect_sequence(
        self, row: EntityReference, sequence_id: str, *, segment_id: str | None = None
    ) -> WriteResult:
        """Connect a sequence unless it is connected; the row itself stays as it is."""
        self.before_action(row.id)
        if row.id not in self.tables.get(row.table, {}):
            return WriteResult(table=row.table, id=row.id, outcome=WriteOutcome.ROW_GONE)
        is_known = self.connected.get(row.id) == sequence_id
        self.connected[row.id] = sequence_id
        outcome = WriteOutcome.ALREADY_SO if is_known else WriteOutcome.APPLIED
        return WriteResult(table=row.table, id=row.id, outcome=outcome)

    def _enqueue(self, write: RowWrite, queue_id: str, written: WriteResult | None) -> WriteResult:
        self.before_action(write.id)
        is_known = (write.id, queue_id) in self.queued
        if not is_known:
            self.queued.append((write.id, queue_id))
        outcome = WriteOutcome.ALREADY_SO if is_known else WriteOutcome.APPLIED
        return written or self._result(write, outcome)

    def _hide(self, result: WriteResult) -> WriteResult:
        """With `silent` the writes arrive, but no answer does."""
        if not self.silent:
            return result
        return WriteResult(
            table=result.table, id=result.id, outcome=WriteOutcome.FAILED, message="no answer"
        )

    def _apply(self, write: RowWrite) -> WriteResult:
        row = self.tables[write.table].get(write.id)
        if row is None:
            return self._result(write, WriteOutcome.ROW_GONE)
        if write.id in self.refused:
            return self._result(write, WriteOutcome.REFUSED, message="a plug-in said no")
        if write.id in self.forbidden:
            return self._result(write, WriteOutcome.FORBIDDEN, message="no privilege to write")
        wanted = _wire_columns(write)
        etag = str(row["@odata.etag"])
        if write.etag not in {None, etag}:
            is_so = all(row.get(name) == value for name, value in wanted.items())
            outcome = WriteOutcome.ALREADY_SO if is_so else WriteOutcome.CONFLICT
            return self._result(write, outcome, etag)
        row |= {**wanted, "_modifiedby_value": APPLICATION_USER}
        self._stamp(row)
        return self._result(write, WriteOutcome.APPLIED, str(row["@odata.etag"]))

    def _result(
        self,
        write: RowWrite,
        outcome: WriteOutcome,
        etag: str | None = None,
        *,
        message: str | None = None,
    ) -> WriteResult:
        return WriteResult(
            table=write.table, id=write.id, outcome=outcome, etag=etag, message=message
        )

    def _stamp(self, row: dict[str, object]) -> None:
        self.version += 1
        row["@odata.etag"] = f'W/"{self.version}"'
        row["modifiedon"] = self.clock.now().strftime("%Y-%m-%dT%H:%M:%SZ")

    def _page(self, query: TableQuery, *, start: int, since: int, upto: int) -> RowPage:
        self.reads += 1
        rows = self.tables.get(query.table, {}).values()
        changed = sorted((row for row in rows if _version(row) > start), key=_version)
        size = min(self.page_size, query.page_size)
        here = [self._selected(row, query) for row in changed[:size]]
        if size < len(changed):
            link = f"next:{_version(changed[size - 1])}:{since}:{upto}"
            return RowPage(table=query.table, rows=here, next_link=link)
        deleted = self._deleted.get(query.table, {}) if self.is_tracked else {}
        alive = self.tables.get(query.table, {})
        gone = [
            row_id
            for row_id, version in deleted.items()
            if version > since != _START and row_id not in alive
        ]
        return RowPage(
            table=query.table,
            rows=here,
            deleted=gone,
            delta_link=f"delta:{upto}:0:0",
            sees_deletions=self.is_tracked,
        )

    def _selected(self, row: Mapping[str, object], query: TableQuery) -> dict[str, object]:
        key = f"{query.table}id"
        plain = dict.fromkeys(query.columns)
        return plain | {
            name: value
            for name, value in row.items()
            if name.startswith("@") or name.split("@")[0] in {*query.columns, key}
        }

    def _expanded(self, row: Mapping[str, object], query: TableQuery) -> dict[str, object]:
        answer = self._selected(row, query)
        for path in query.expand:
            assert "/" not in path, f"the fake expands one level only, not {path}"
            column, table = self.navigations[path]
            answer[path] = self.tables.get(table, {}).get(str(row.get(f"_{column}_value")))
        return answer


def _version(row: Mapping[str, object]) -> int:
    return int(str(row["@odata.etag"]).removeprefix('W/"').removesuffix('"'))


def _wire_columns(write: RowWrite) -> dict[str, object]:
    """What a row holds once the write is applied."""
    wanted: dict[str, object] = dict(write.columns)
    for column, target in write.binds.items():
        wanted[f"_{column}_value"] = target.id if target else None
        wanted[f"_{column}_value{LOOKUP}"] = target.table if target else None
    return wanted


def _holds(comparison: Comparison, row: Mapping[str, object]) -> bool:
    """As the database compares: text without case, and nothing is neither equal nor unequal."""
    found, wanted = _comparable(row.get(comparison.column)), _comparable(comparison.value)
    if wanted is None:
        return (found is None) == (comparison.operator is Comparator.EQ)
    return found is not None and bool(_COMPARE[comparison.operator](found, wanted))


def _comparable(value: object) -> Any:
    return value.casefold() if isinstance(value, str) else value
