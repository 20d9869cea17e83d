"""What queries return: rows with their raw stored values and what was expanded; no JSON here."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from connector.emulator.catalog.table_definition import ColumnDefinition, TableDefinition
from connector.emulator.query.sql.fragments import SqlValue

LARGEST_PAGE = 5000
"""How many rows Dataverse answers with at the most."""


@dataclass(slots=True)
class ResultRow:
    """One row.

    `columns` are to be shown, in order. `values` are stored values by SQL column name: at least the
    shown columns, their `__type` columns, the primary key and `versionnumber`. `expanded` has an
    entry for every expanded navigation property, in order.
    """

    table: TableDefinition
    columns: tuple[ColumnDefinition, ...]
    values: Mapping[str, SqlValue]
    expanded: "dict[str, Expanded]" = field(default_factory=dict[str, "Expanded"])

    @property
    def id(self) -> str:
        """The primary key."""
        return str(self.values[self.table.primary_id])


@dataclass(slots=True)
class ExpandedRow:
    """An expanded lookup: None when it is empty. `is_reference` was asked as `/$ref`.

    `is_principal`: an owner, of which only `ownerid` is shown, with its `@odata.type`.
    """

    row: ResultRow | None
    is_reference: bool = False
    is_principal: bool = False


@dataclass(slots=True)
class ExpandedRows:
    """An expanded collection.

    `link_query` is the query string of `<nav>@odata.nextLink` behind `<set>(<id>)/<nav>`.
    """

    rows: list[ResultRow]
    link_query: str = ""


Expanded = ExpandedRow | ExpandedRows


@dataclass(slots=True)
class ResultPage:
    """One page.

    `next_token` is the value of `$skiptoken`, ready to stand in a link. `total` is capped at 5,000
    (None when `$count` was not asked), `total_exceeded` says that it was.
    """

    rows: list[ResultRow]
    next_token: str | None = None
    total: int | None = None
    total_exceeded: bool = False


@dataclass(slots=True)
class Cell:
    """One value of an aggregated or fetched row under the key it has on the wire.

    `definition` is the column of `table` it comes from (None for counts and date parts); `target`
    the table a lookup points to.
    """

    key: str
    value: SqlValue
    definition: ColumnDefinition | None = None
    table: TableDefinition | None = None
    target: str | None = None


@dataclass(slots=True)
class CellRow:
    """A row of cells without the null ones; `id` and `version` are those of the table's own row."""

    cells: list[Cell]
    id: str | None = None
    version: int | None = None


@dataclass(slots=True)
class CellPage:
    """The answer to `$apply` or FetchXML; `paging_cookie` is the value of its annotation."""

    table: TableDefinition
    rows: list[CellRow]
    more_records: bool = False
    paging_cookie: str | None = None
    total: int | None = None
    total_exceeded: bool = False
