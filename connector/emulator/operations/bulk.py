"""CreateMultiple, UpdateMultiple and UpsertMultiple: many rows of one table in one transaction.

https://learn.microsoft.com/power-apps/developer/data-platform/bulk-operations
"""

from connector.emulator.catalog.table_definition import TableDefinition
from connector.emulator.operations.call import Call, Handler
from connector.emulator.protocol.error_codes import ErrorCode
from connector.emulator.protocol.errors import ODataError, invalid_argument, not_supported
from connector.emulator.protocol.guids import parse_guid
from connector.emulator.protocol.json_shapes import Json, as_list, as_object
from connector.emulator.protocol.messages import Response, empty_response
from connector.emulator.query.odata.path import RowKey, parse_path, resolve_path
from connector.emulator.rows.bodies import find_row, key_values, row_not_found

LARGEST_BULK = 5000


def _targets(call: Call, message: str) -> list[dict[str, Json]]:
    table = call.bound_table()
    if message not in table.bulk_messages:
        refusal = f"{message} has not yet been implemented for the table '{table.logical_name}'."
        raise ODataError(400, ErrorCode.MESSAGE_NOT_IMPLEMENTED, refusal)
    listed = as_list(call.request.json_object().get("Targets"))
    if not listed or len(listed) > LARGEST_BULK:
        raise invalid_argument("'Targets' must be a list with at least one row.")
    return [_typed_target(table, each) for each in listed]


def _typed_target(table: TableDefinition, value: Json) -> dict[str, Json]:
    target = as_object(value) or {}
    kind, name = target.get("@odata.type"), table.logical_name
    if not isinstance(kind, str) or kind.rpartition(".")[2] != name:
        wanted = f"'@odata.type': 'Microsoft.Dynamics.CRM.{name}'"
        message = f"Every member of 'Targets' needs {wanted}."
        raise ODataError(400, ErrorCode.BAD_PAYLOAD, message)
    return target


def _create_multiple(call: Call) -> Response:
    targets = _targets(call, "CreateMultiple")
    ids = [call.writer.create(call.bound_table(), target) for target in targets]
    return call.answer("CreateMultipleResponse", {"Ids": ids})


def _update_multiple(call: Call) -> Response:
    table = call.bound_table()
    seen: set[str] = set()
    for target in _targets(call, "UpdateMultiple"):
        row_id = _target_id(table, target)
        if row_id not in seen:
            seen.add(row_id)
            _update(call, table, row_id, target)
    return empty_response()


def _update(call: Call, table: TableDefinition, row_id: str, target: dict[str, Json]) -> None:
    row = call.organization.storage.fetch_row(table, row_id)
    if row is None:
        raise row_not_found(table, row_id)
    call.writer.update(table, row, target)


def _target_id(table: TableDefinition, target: dict[str, Json]) -> str:
    row_id = parse_guid(target.get(table.primary_id))
    if row_id is None:
        raise invalid_argument(f"Every member of 'Targets' needs its key '{table.primary_id}'.")
    return row_id


def _upsert_multiple(call: Call) -> Response:
    table = call.bound_table()
    seen: set[str] = set()
    for target in _targets(call, "UpsertMultiple"):
        key = _upsert_key(call, table, target)
        name = repr(key)
        if name in seen:
            raise invalid_argument("'Targets' names the same row twice in UpsertMultiple.")
        seen.add(name)
        _upsert(call, table, key, target)
    return empty_response()


def _upsert_key(call: Call, table: TableDefinition, target: dict[str, Json]) -> RowKey:
    uri = target.get("@odata.id")
    if isinstance(uri, str):
        resource = resolve_path(parse_path(uri.lstrip("/")), call.organization.catalog)
        if resource.table is table and resource.key is not None:
            return resource.key
        raise invalid_argument(f"'{uri[:200]}' names no row of this table.")
    return RowKey(id=_target_id(table, target))


def _upsert(call: Call, table: TableDefinition, key: RowKey, target: dict[str, Json]) -> None:
    row = find_row(call.organization, table, key)
    if key.columns and any(name in target for name, _ in key.columns):
        raise invalid_argument(
            "The columns of the alternate key in '@odata.id' must not be repeated in the target.",
        )
    if row is not None:
        call.writer.update(table, row, target)
        return
    columns = key_values(table, key) if key.id is None else None
    call.writer.create(table, target, row_id=key.id, key_columns=columns)


def _delete_multiple(call: Call) -> Response:
    raise not_supported(
        f"DeleteMultiple has not yet been implemented for '{call.bound_table().logical_name}'."
    )


BULK_OPERATIONS: dict[str, tuple[str, Handler]] = {
    "CreateMultiple": ("POST", _create_multiple),
    "UpdateMultiple": ("POST", _update_multiple),
    "UpsertMultiple": ("POST", _upsert_multiple),
    "DeleteMultiple": ("POST", _delete_multiple),
}
