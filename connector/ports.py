"""The seams of the connector, next to their consumer, the cycle; no implementation lives here.

Those of the state that outlives a process are in `state.session`.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from engine.records import EntityReference, Row
from engine.schema import TableSchema


@dataclass(frozen=True, slots=True, kw_only=True)
class TableQuery:
    """What a table is asked for.

    `columns` are wire names (`_ownerid_value`); `expand` maps an N:1, 1:N or N:N navigation
    property to the wire names wanted below it (nested paths are joined by "/"). Change tracking
    refuses expansion, so `expand` only counts when rows are fetched by id. `labelled` are the
    columns whose annotations (formatted value, table of a lookup) are read beside the value; None
    keeps those of every column.
    """

    table: str
    columns: tuple[str, ...]
    expand: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    labelled: tuple[str, ...] | None = None
    page_size: int = 5000


@dataclass(frozen=True, slots=True, kw_only=True)
class RowPage:
    """One page of a table or of its changes: the unit of progress.

    Intermediate pages carry `next_link`, the last one `delta_link`. Links are opaque. Without
    `sees_deletions` the table is followed in a way that cannot tell which rows are gone: they are
    found by comparing versions now and then.
    """

    table: str
    rows: Sequence[Row]
    deleted: Sequence[str] = ()
    next_link: str | None = None
    delta_link: str | None = None
    sees_deletions: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionPage:
    """Row versions (etags) by id, for all rows of a table, page by page."""

    table: str
    versions: Mapping[str, str]
    next_link: str | None = None


class RowSource(Protocol):
    """Reads rows and changes of tables."""

    def fetch_first_page(self, query: TableQuery) -> RowPage:
        """Start the tracked read of a whole table."""
        ...

    def fetch_page(self, query: TableQuery, link: str) -> RowPage:
        """Follow a next or delta link verbatim.

        Raises ResyncRequired when it is no longer honoured.
        """
        ...

    def fetch_rows(self, query: TableQuery, ids: Sequence[str]) -> Sequence[Row]:
        """Read rows by id, related rows included; an id that is gone is absent from the answer."""
        ...

    def fetch_versions(self, query: TableQuery, link: str | None = None) -> VersionPage:
        """Ids and versions of all rows, from the start or from a link on; cheap.

        Raises ResyncRequired when the link is no longer honoured.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class RowWrite:
    """One write to one row, guarded by its row version.

    `columns` are plain values by logical name; `binds` are lookups by logical column name (the
    writer finds the navigation name in the metadata), None clears one. `rule` is the rule that
    decided it: what a write carries besides may depend on it.
    """

    table: str
    id: str
    etag: str | None
    columns: Mapping[str, str | int | bool | None] = field(
        default_factory=dict[str, str | int | bool | None]
    )
    binds: Mapping[str, EntityReference | None] = field(
        default_factory=dict[str, EntityReference | None]
    )
    queue: EntityReference | None = None
    rule: str | None = None


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
        """Yield a result for each write begun before a stop; never raises for a single row."""
        ...


class Clock(Protocol):
    """The time; aware and in UTC."""

    def now(self) -> datetime:
        """The current instant."""
        ...


class SequenceConnector(Protocol):
    """Connects sequences through the platform's action, for tenants without a sequence column."""

    def connect_sequence(
        self, row: EntityReference, sequence_id: str, *, segment_id: str | None = None
    ) -> WriteResult:
        """Connect a sequence to a row, unless it is connected already."""
        ...


class Comparator(StrEnum):
    """How a column is compared with a value, as both OData and conditions name it."""

    EQ = "eq"
    NE = "ne"
    GT = "gt"
    GE = "ge"
    LT = "lt"
    LE = "le"


@dataclass(frozen=True, slots=True)
class Comparison:
    """What a row must satisfy to be read; `column` is a wire name, and a lookup holds an id."""

    column: str
    operator: Comparator
    value: str | int | bool | None


def equals(column: str, value: str | int | bool | None) -> Comparison:
    """The rows whose column has this value; None = no value."""
    return Comparison(column, Comparator.EQ, value)


IS_ACTIVE = equals("statecode", 0)


class TableReader(Protocol):
    """Reads rows of small tables in full."""

    def read_rows(
        self,
        table: str,
        columns: Sequence[str],
        *,
        expand: Mapping[str, Sequence[str]] | None = None,
        where: Sequence[Comparison] = (),
    ) -> Iterator[Row]:
        """Every row that satisfies all comparisons, with the wire columns asked for."""
        ...


class TableDescriber(Protocol):
    """Knows the tables of the environment."""

    def __call__(self, logical_name: str) -> TableSchema:
        """The table as the environment defines it; raises ConfigProblem when there is none."""
        ...
