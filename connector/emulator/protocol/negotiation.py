"""Answers in the form a client accepts: more or less control information, compressed.

https://learn.microsoft.com/power-apps/developer/data-platform/webapi/compose-http-requests-handle-errors
"""

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from gzip import compress

from connector.emulator.catalog.catalog import Catalog
from connector.emulator.catalog.table_definition import (
    ColumnDefinition,
    ColumnType,
    TableDefinition,
)
from connector.emulator.protocol.json_shapes import Json, as_list, as_object
from connector.emulator.protocol.messages import JSON_TYPE, Request, Response, encode

SMALLEST_COMPRESSED = 2048
_LEVEL = re.compile(r"odata\.metadata\s*=\s*(none|full)", re.IGNORECASE)
_SET = re.compile(r"\$metadata#(\w+)(?:\(|/\$entity|$)")
_NO_GZIP = re.compile(r"gzip\s*;\s*q=0(?:\.0*)?\s*(?:,|$)")
_KEPT = ("@odata.nextLink", "@odata.deltaLink", "@odata.count", "@odata.id")
_TYPES = {
    ColumnType.BIGINT: "#Int64",
    ColumnType.DATETIME: "#DateTimeOffset",
    ColumnType.DECIMAL: "#Decimal",
    ColumnType.MONEY: "#Decimal",
    ColumnType.UNIQUEIDENTIFIER: "#Guid",
}


def with_metadata_level(response: Response, request: Request, catalog: Catalog) -> Response:
    """The answer with no or full control information when `Accept` asks for that."""
    level = _LEVEL.search(request.header("accept") or "")
    if level is None or response.status >= 300 or response.header("Content-Type") != JSON_TYPE:
        return response
    wanted = level[1].lower()
    document = json.loads(response.body, parse_float=Decimal)
    shown = _bare(document) if wanted == "none" else _full(document, request, catalog)
    kind = JSON_TYPE.replace("minimal", wanted)
    headers = tuple(
        (name, kind if name == "Content-Type" else value) for name, value in response.headers
    )
    return replace(response, headers=headers, body=encode(shown))


def compressed(response: Response, headers: Mapping[str, str]) -> Response:
    """The answer as gzip where the client takes it and it is worth it."""
    accepted = headers.get("accept-encoding", "").lower()
    if len(response.body) < SMALLEST_COMPRESSED or "gzip" not in accepted:
        return response
    if _NO_GZIP.search(accepted):
        return response
    more = (("Content-Encoding", "gzip"), ("Vary", "Accept-Encoding"))
    return replace(
        response, headers=(*response.headers, *more), body=compress(response.body, 1, mtime=0)
    )


def _bare(value: Json) -> Json:
    """Without control information, but for what a client cannot go on without."""
    members, items = as_object(value), as_list(value)
    if members is not None:
        return {
            name: _bare(member)
            for name, member in members.items()
            if "@odata." not in name or name.endswith(_KEPT)
        }
    return value if items is None else [_bare(item) for item in items]


def _full(document: Json, request: Request, catalog: Catalog) -> Json:
    """With type, id and edit link of every row, and the types JSON does not show."""
    members = as_object(document) or {}
    found = _SET.search(str(members.get("@odata.context", "")))
    table = catalog.table_of_set(found[1]) if found else None
    if table is None:
        return document
    rows = as_list(members.get("value"))
    if rows is None:
        return _full_row(members, table, request)
    return {**members, "value": [_full_row(as_object(row) or {}, table, request) for row in rows]}


def _full_row(row: dict[str, Json], table: TableDefinition, request: Request) -> dict[str, Json]:
    row_id = row.get(table.primary_id)
    if row_id is None:
        return row
    context = {name: value for name, value in row.items() if name == "@odata.context"}
    shown: dict[str, Json] = {
        **context,
        "@odata.type": f"#Microsoft.Dynamics.CRM.{table.logical_name}",
        "@odata.id": f"{request.base}/{table.entity_set}({row_id})",
        "@odata.editLink": f"{table.entity_set}({row_id})",
    }
    for name, value in row.items():
        column = table.columns_by_wire_name.get(name)
        kind = _type_of(column) if column is not None and value is not None else None
        if kind is not None:
            shown[f"{name}@odata.type"] = kind
        shown[name] = value
    return shown


def _type_of(column: ColumnDefinition) -> str | None:
    if column.type.is_lookup:
        return "#Guid"
    return "#Date" if column.is_date_only else _TYPES.get(column.type)
