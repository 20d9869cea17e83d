"""The JSON of `$apply`, FetchXML and `?sql=` answers; compiling and running them is in `query/`."""

import sqlite3
from dataclasses import dataclass

from connector.emulator.catalog.table_definition import TableDefinition
from connector.emulator.protocol.errors import bad_query
from connector.emulator.protocol.json_shapes import Json
from connector.emulator.protocol.messages import Request
from connector.emulator.query.fetch.fetchxml import Fetch, parse_fetchxml
from connector.emulator.query.fetch.plan import FetchPlan, plan_fetch, run_fetch
from connector.emulator.query.fetch.select_statement import parse_select_statement
from connector.emulator.query.odata.aggregation import plan_aggregate, run_aggregate
from connector.emulator.query.odata.options import QueryOptions, parse_count_option
from connector.emulator.query.odata.plan import Parent, parent_restriction
from connector.emulator.query.sql.context import QueryContext
from connector.emulator.query.sql.fragments import Sql, all_of
from connector.emulator.query.sql.results import Cell, CellPage, CellRow
from connector.emulator.rows.shaping import FORMATTED, RowShaper, WireRow, etag_of, wire_value
from connector.emulator.storage.sql_names import type_column

COOKIE = "Microsoft.Dynamics.CRM.fetchxmlpagingcookie"
MORE_RECORDS = "Microsoft.Dynamics.CRM.morerecords"
TOTAL = "Microsoft.Dynamics.CRM.totalrecordcount"
TOTAL_EXCEEDED = "Microsoft.Dynamics.CRM.totalrecordcountlimitexceeded"


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryRead:
    """One GET of a set with `$apply`, `fetchXml` or `sql`.

    `restriction` is the caller's row security, `parent` the row whose collection is read.
    """

    request: Request
    options: QueryOptions
    table: TableDefinition
    context: QueryContext
    connection: sqlite3.Connection
    shaper: RowShaper
    restriction: Sql | None = None
    parent: Parent | None = None

    @property
    def conditions(self) -> Sql | None:
        """Everything that limits the rows besides the query itself."""
        if self.parent is None:
            return self.restriction
        collection = parent_restriction(self.parent, self.context)
        return collection if self.restriction is None else all_of([collection, self.restriction])


def is_query(options: QueryOptions) -> bool:
    """Whether the request is answered here."""
    return "$apply" in options or "fetchXml" in options or "sql" in options


def read_query(read: QueryRead) -> dict[str, Json]:
    """The document that answers the request; raises ODataError."""
    if "$apply" not in read.options:
        return _read_fetch(read)
    plan = plan_aggregate(read.table, read.options, read.context, restriction=read.conditions)
    page = run_aggregate(plan, read.connection)
    return {
        "@odata.context": f"{read.request.base}/$metadata#{read.table.entity_set}",
        "value": [_shape(read.shaper, row) for row in page.rows],
    }


def _read_fetch(read: QueryRead) -> dict[str, Json]:
    for name, _ in read.options.pairs:
        if name.startswith("$") and name != "$count":
            raise bad_query(f"The query option '{name}' can't be combined with fetchXml or sql.")
    plan = plan_fetch(
        read.table,
        _tree(read),
        read.context,
        page_size=read.request.preferences.max_page_size,
        restriction=read.conditions,
    )
    wants_count = parse_count_option(read.options.get("$count"))
    page = run_fetch(plan, read.connection, count=wants_count)
    document: dict[str, Json] = {"@odata.context": _context(read, plan)}
    if wants_count and page.total is not None:
        document["@odata.count"] = page.total
    document.update(_annotations(read, page))
    document["value"] = [_shape(read.shaper, row) for row in page.rows]
    return document


def _tree(read: QueryRead) -> Fetch:
    statement = read.options.get("sql")
    if statement is not None:
        return parse_select_statement(statement)
    return parse_fetchxml(read.options.get("fetchXml") or "")


def _context(read: QueryRead, plan: FetchPlan) -> str:
    names = ",".join(output.key for output in plan.outputs if "." not in output.key)
    return f"{read.request.base}/$metadata#{read.table.entity_set}({names})"


def _annotations(read: QueryRead, page: CellPage) -> dict[str, Json]:
    wants = read.request.preferences.wants_annotation
    found: dict[str, Json] = {}
    if wants(TOTAL):
        found[f"@{TOTAL}"] = -1 if page.total is None else page.total
    if wants(TOTAL_EXCEEDED):
        found[f"@{TOTAL_EXCEEDED}"] = page.total_exceeded
    if page.paging_cookie is not None and wants(COOKIE):
        found[f"@{COOKIE}"] = page.paging_cookie
    if wants(MORE_RECORDS):
        found[f"@{MORE_RECORDS}"] = page.more_records
    return found


def _shape(shaper: RowShaper, row: CellRow) -> WireRow:
    wire: WireRow = {}
    if row.version is not None:
        wire["@odata.etag"] = etag_of(row.version)
    for cell in row.cells:
        wire.update(_cell_annotations(shaper, cell))
        wire[cell.key] = _value(cell)
    return wire


def _value(cell: Cell) -> Json:
    return wire_value(cell.definition, cell.value) if cell.definition is not None else cell.value


def _cell_annotations(shaper: RowShaper, cell: Cell) -> WireRow:
    if cell.definition is None or cell.table is None:
        return {f"{cell.key}@{FORMATTED}": f"{cell.value:,}"} if shaper.is_formatted else {}
    name = cell.definition.logical_name
    stored = {name: cell.value, type_column(name): cell.target}
    return shaper.annotations(cell.table, cell.definition, stored, cell.key)
