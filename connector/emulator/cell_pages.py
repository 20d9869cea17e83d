"""The JSON of `$apply` and FetchXML: rows of cells, nulls left out, FetchXML's paging annotations."""

from typing import Any

from connector.emulator.messages import Preferences
from connector.emulator.metadata import TableDefinition
from connector.emulator.query.rows import Cell, CellPage, CellRow
from connector.emulator.rows import RowShaper, WireRow, etag_of, wire_value
from connector.emulator.storage import type_column

PAGING_COOKIE = "Microsoft.Dynamics.CRM.fetchxmlpagingcookie"
MORE_RECORDS = "Microsoft.Dynamics.CRM.morerecords"


def shape_cell_page(shaper: RowShaper, page: CellPage) -> list[WireRow]:
    """The rows as the Web API shows them."""
    return [_shape_row(shaper, page.table, row) for row in page.rows]


def paging_annotations(page: CellPage, preferences: Preferences) -> dict[str, Any]:
    """FetchXML's substitute for a next link; the cookie is absent on the last page."""
    found: dict[str, Any] = {}
    if preferences.wants_annotation(PAGING_COOKIE) and page.paging_cookie is not None:
        found[f"@{PAGING_COOKIE}"] = page.paging_cookie
    if preferences.wants_annotation(MORE_RECORDS):
        found[f"@{MORE_RECORDS}"] = page.more_records
    return found


def _shape_row(shaper: RowShaper, table: TableDefinition, row: CellRow) -> WireRow:
    wire: WireRow = {} if row.version is None else {"@odata.etag": etag_of(row.version)}
    for cell in row.cells:
        wire.update(_shape_cell(shaper, table, cell))
    return wire


def _shape_cell(shaper: RowShaper, table: TableDefinition, cell: Cell) -> WireRow:
    column = cell.definition
    if column is None:
        return {cell.key: cell.value}
    stored = {column.logical_name: cell.value, type_column(column.logical_name): cell.target}
    wire = shaper.annotations(cell.table or table, column, stored, cell.key)
    return {**wire, cell.key: wire_value(column, cell.value)}
