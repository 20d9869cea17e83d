"""The seams of the connector, next to their consumer, the cycle; no implementation lives here."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from engine.records import EntityReference, Row
from engine.sellers import Directory


@dataclass(frozen=True, slots=True, kw_only=True)
class TableQuery:
    """What a table is asked for.

    `columns` are wire names (`_ownerid_value`); `expand` maps an N:1, 1:N or N:N navigation property to
    the wire names wanted below it (nested paths are joined by "/"). Change tracking refuses expansion, so
    `expand` only counts when rows are fetched by id.
    """

    table: str
    columns: tuple[str, ...]
    expand: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    page_size: int = 5000


@dataclass(frozen=True, slots=True, kw_only=True)
class RowPage:
    """One page of a table or of its changes: the unit of progress.

    Intermediate pages carry `next_link`, the last one `delta_link`. Links are opaque.
    """

    table: str
    rows: Sequence[Row]
    deleted: Sequence[str] = ()
    next_link: str | None = None
    delta_link: str | None = None


class RowSource(Protocol):
    """Reads rows and changes of tables."""

    def fetch_first_page(self, query: TableQuery) -> RowPage:
        """Start the tracked read of a whole table."""
        ...

    def fetch_page(self, query: TableQuery, link: str) -> RowPage:
        """Follow a next or delta link verbatim; raises ResyncRequired when it is no longer honoured."""
        ...

    def fetch_rows(self, query: TableQuery, ids: Sequence[str]) -> Sequence[Row]:
        """Read rows by id, related rows included; an id that is gone is absent from the answer."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class RowWrite:
    """One write to one row, guarded by its row version.

    `columns` are plain values by logical name; `binds` are lookups by logical column name (the writer finds
    the navigation name in the metadata), None clears one.
    """

    table: str
    id: str
    etag: str | None
    columns: Mapping[str, str | int | bool | None] = field(default_factory=dict)
    binds: Mapping[str, EntityReference | None] = field(default_factory=dict)
    queue: EntityReference | None = None


class WriteOutcome(StrEnum):
    """How a write ended."""

    APPLIED = "applied"
    ALREADY_SO = "already_so"
    CONFLICT = "conflict"
    ROW_GONE = "row_gone"
    FORBIDDEN = "forbidden"
    REFUSED = "refused"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteResult:
    """The outcome of one write; `etag` is the new row version when it was applied."""

    table: str
    id: str
    outcome: WriteOutcome
    etag: str | None = None
    attempts: int = 1
    request_id: str | None = None
    message: str | None = None


class RowWriter(Protocol):
    """Writes rows."""

    def write_rows(self, writes: Sequence[RowWrite]) -> Iterator[WriteResult]:
        """Yield one result for each write, as they finish; never raises for a single row."""
        ...


class DirectorySource(Protocol):
    """Reads the people work can go to."""

    def fetch_directory(self) -> Directory:
        """Sellers, teams and queues as the tenant has them now; clocks and consumption come from the store."""
        ...


class Clock(Protocol):
    """The time; aware and in UTC."""

    def now(self) -> datetime:
        """The current instant."""
        ...
