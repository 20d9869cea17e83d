"""Connecting rows to sequences and putting them into queues.

https://learn.microsoft.com/dynamics365/sales/developer/msdyn-connectsequence-action
"""

from connector.emulator.catalog.table_definition import TableDefinition
from connector.emulator.operations.call import Call, Handler
from connector.emulator.organization.clock import timestamp
from connector.emulator.protocol.error_codes import ErrorCode
from connector.emulator.protocol.errors import ODataError, invalid_argument
from connector.emulator.protocol.guids import parse_guid
from connector.emulator.protocol.json_shapes import Json, as_object
from connector.emulator.protocol.messages import Response, empty_response
from connector.emulator.query.odata.path import resolve_uri
from connector.emulator.rows.bodies import row_not_found
from connector.emulator.storage.database import StoredRow, StoredValue
from connector.emulator.storage.sql_names import type_column

_FIRST_STEP: dict[str, Json] = {
    "msdyn_currentstepname": "Step 1",
    "msdyn_currentsteptype": 4202,
    "msdyn_currentstepcount": 1,
    "statecode": 0,
    "statuscode": 2,
}
_CONNECTABLE = ("lead", "opportunity", "account", "contact")


def _connect_sequence(call: Call) -> Response:
    """Connect a row to a sequence: one target, and the step it stands at."""
    body = call.request.json_object()
    table, row = _regarding(call, body)
    sequence = _row(call, "msdyn_sequence", body.get("SequenceId"), "SequenceId")
    _raise_if_not_active(sequence, table)
    target = _target_body(call, table, row, sequence)
    if body.get("SegmentId"):
        target["msdyn_segment@odata.bind"] = f"/msdyn_segments({body['SegmentId']})"
    tables = call.organization.catalog.tables
    target_id = call.writer.create(tables["msdyn_sequencetarget"], target)
    call.writer.create(tables["msdyn_sequencetargetstep"], _step_body(call, target_id))
    return call.answer("msdyn_ConnectSequenceResponse", {"SequenceTargetId": target_id})


def _raise_if_not_active(sequence: StoredRow, table: TableDefinition) -> None:
    name = table.logical_name
    if sequence["statecode"] != 1 or sequence["msdyn_regardingentityname"] != name:
        message = f"The sequence '{sequence['msdyn_name']}' is not active for {name}."
        raise ODataError(400, ErrorCode.ISV_ABORTED, message)


def _target_body(
    call: Call, table: TableDefinition, row: StoredRow, sequence: StoredRow
) -> dict[str, Json]:
    row_id, sequence_id = row[table.primary_id], sequence["msdyn_sequenceid"]
    bind = f"/msdyn_sequences({sequence_id})"
    return {
        "msdyn_name": str(sequence["msdyn_name"] or "")[:100],
        "msdyn_regarding": str(row.get(table.primary_name or "") or row_id)[:200],
        "msdyn_parentsequence@odata.bind": bind,
        "msdyn_appliedsequenceinstance@odata.bind": bind,
        f"msdyn_target_{table.logical_name}@odata.bind": f"/{table.entity_set}({row_id})",
        "msdyn_parentsequenceversion": sequence["msdyn_version"],
        "msdyn_totalstepcount": sequence["msdyn_maxstepcount"],
        "msdyn_sequencetargetuniquekey": f"{row_id}:{sequence_id}:{call.organization.new_id()}",
        "ownerid@odata.bind": call.owner_of(row),
        **_FIRST_STEP,
    }


def _step_body(call: Call, target_id: str) -> dict[str, Json]:
    return {
        "msdyn_name": "Step 1",
        "msdyn_sequencetarget@odata.bind": f"/msdyn_sequencetargets({target_id})",
        "msdyn_sequencestepid": call.organization.new_id(),
        "msdyn_type": 4202,
        "msdyn_subtype": 0,
        "msdyn_waitstate": 0,
        "msdyn_duetime": timestamp(call.organization.clock.now()),
    }


def _disconnect_sequence(call: Call) -> Response:
    """End the active connections of a row, all or those to one sequence."""
    body = call.request.json_object()
    table, row = _regarding(call, body)
    targets = call.organization.catalog.tables["msdyn_sequencetarget"]
    wanted = _active("msdyn_target", table, row[table.primary_id])
    if body.get("SequenceId") is not None:
        wanted["msdyn_parentsequence"] = parse_guid(body["SequenceId"])
    found = call.organization.storage.fetch_rows_where(targets, wanted)
    for target in found:
        changes = {"statecode": 1, "statuscode": 5, "msdyn_deactivatereason": 0}
        call.writer.update(targets, target, changes)
    return call.answer("msdyn_DisconnectSequenceResponse", {"DisconnectedCount": len(found)})


def _active(column: str, table: TableDefinition, row_id: StoredValue) -> dict[str, StoredValue]:
    """The values of active rows whose polymorphic lookup points to a row."""
    return {column: row_id, type_column(column): table.logical_name, "statecode": 0}


def _regarding(call: Call, body: dict[str, Json]) -> tuple[TableDefinition, StoredRow]:
    name = body.get("RegardingEntityName")
    if name not in _CONNECTABLE:
        raise invalid_argument(
            f"'RegardingEntityName' must be one of {', '.join(_CONNECTABLE)}.",
        )
    table = call.organization.catalog.tables[str(name)]
    return table, _row(call, str(name), body.get("RegardingEntityId"), "RegardingEntityId")


def _row(call: Call, table_name: str, given: Json, parameter: str) -> StoredRow:
    row_id = parse_guid(given) if isinstance(given, str) else None
    if row_id is None:
        raise invalid_argument(f"'{parameter}' must be a GUID.")
    table = call.organization.catalog.tables[table_name]
    row = call.organization.storage.fetch_row(table, row_id)
    if row is None:
        raise row_not_found(table, row_id)
    return row


def _add_to_queue(call: Call) -> Response:
    """Put a row into a queue; a row that is in one already moves.

    https://learn.microsoft.com/power-apps/developer/data-platform/webapi/reference/addtoqueue
    """
    bind = f"/queues({call.bound_row('queue')['queueid']})"
    table, row_id = _queue_target(call, call.request.json_object().get("Target"))
    items = call.organization.catalog.tables["queueitem"]
    wanted = _active("objectid", table, row_id)
    found = call.organization.storage.fetch_rows_where(items, wanted)
    if found:
        call.writer.update(items, found[0], {"queueid@odata.bind": bind})
        item_id = str(found[0]["queueitemid"])
    else:
        item_id = call.writer.create(items, _item_body(call, table, row_id, bind))
    return call.answer("AddToQueueResponse", {"QueueItemId": item_id})


def _item_body(call: Call, table: TableDefinition, row_id: str, bind: str) -> dict[str, Json]:
    row = call.organization.storage.fetch_row(table, row_id) or {}
    return {
        "title": row.get(table.primary_name or ""),
        "objecttypecode": table.object_type_code,
        "enteredon": timestamp(call.organization.clock.now()),
        "queueid@odata.bind": bind,
        f"objectid_{table.logical_name}@odata.bind": f"/{table.entity_set}({row_id})",
    }


def _queue_target(call: Call, target: Json) -> tuple[TableDefinition, str]:
    table, row_id = _named_row(call, as_object(target) or {})
    if table is None or row_id is None or table.logical_name not in ("lead", "opportunity"):
        raise invalid_argument("'Target' must name a lead or an opportunity with its key.")
    if call.organization.storage.fetch_row(table, row_id) is None:
        raise row_not_found(table, row_id)
    return table, row_id


def _named_row(call: Call, members: dict[str, Json]) -> tuple[TableDefinition | None, str | None]:
    catalog, uri = call.organization.catalog, members.get("@odata.id")
    if isinstance(uri, str):
        resource = resolve_uri(uri, catalog)
        return resource.table, resource.key.id if resource.key else None
    table = catalog.table(str(members.get("@odata.type", "")).rpartition(".")[2])
    return table, parse_guid(members.get(table.primary_id)) if table else None


def _remove_from_queue(call: Call) -> Response:
    """Take an item out of its queue."""
    call.writer.delete(call.bound_table(), call.bound_row("queueitem", "a queue item"))
    return empty_response()


CONNECTING_OPERATIONS: dict[str, tuple[str, Handler]] = {
    "msdyn_ConnectSequence": ("POST", _connect_sequence),
    "msdyn_DisconnectSequence": ("POST", _disconnect_sequence),
    "AddToQueue": ("POST", _add_to_queue),
    "RemoveFromQueue": ("POST", _remove_from_queue),
}
