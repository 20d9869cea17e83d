"""What happened to a row, as webhooks are told: which steps it concerns and what they are sent.

https://learn.microsoft.com/power-apps/developer/data-platform/use-webhooks
Calls wait in the database, inside the transaction that caused them; sending is in
`background.webhooks`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

import msgspec

from connector.emulator.catalog.table_definition import (
    ColumnDefinition,
    ColumnType,
    TableDefinition,
)
from connector.emulator.organization.organization import ORGANIZATION_ID, ROOT_UNIT_ID, Organization
from connector.emulator.protocol.guids import EMPTY_GUID
from connector.emulator.protocol.json_shapes import Json
from connector.emulator.rows.shaping import lookup_target
from connector.emulator.storage.database import StoredRow, StoredValue

_CONTRACTS = "http://schemas.microsoft.com/xrm/2011/Contracts"
_QUIET_TABLES = frozenset({"asyncoperation", "bulkdeleteoperation"})
_BESIDE_OWNER = frozenset({"owninguser", "owningteam", "owningbusinessunit"})
_STEPS = (
    "SELECT s.* FROM sdkmessageprocessingstep s "
    "JOIN sdkmessage m ON m.sdkmessageid = s.sdkmessageid "
    "JOIN serviceendpoint e ON e.serviceendpointid = s.eventhandler AND e.contract = 8 "
    "LEFT JOIN sdkmessagefilter f ON f.sdkmessagefilterid = s.sdkmessagefilterid "
    "WHERE s.statecode = 0 AND m.name = ? AND COALESCE(f.primaryobjecttypecode, ?2) = ?2 "
    "ORDER BY s.rank, s.sdkmessageprocessingstepid"
)

_NOTE_CALL = "INSERT INTO emulator_outbox (step, document) VALUES (?, ?)"
_IMAGES = (
    "SELECT entityalias, attributes FROM sdkmessageprocessingstepimage "
    "WHERE sdkmessageprocessingstepid = ? AND imagetype IN (?, 2) ORDER BY entityalias"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One change of one row; `changed` are the columns written, `before` the row until then."""

    message: str
    table: TableDefinition
    row_id: str
    user_id: str
    changed: Mapping[str, StoredValue] = field(default_factory=dict[str, StoredValue])
    before: StoredRow | None = None


def record_event(organization: Organization, event: Event) -> None:
    """Note a call for every enabled webhook step that the change concerns."""
    name = event.table.logical_name
    if name in _QUIET_TABLES:
        return
    for found in organization.storage.query(_STEPS, (event.message, name)):
        step = dict(found)
        if _concerns(step, event):
            document = msgspec.json.encode(build_context(organization, event, step)).decode()
            call = (step["sdkmessageprocessingstepid"], document)
            organization.storage.query(_NOTE_CALL, call)


def _concerns(step: StoredRow, event: Event) -> bool:
    wanted = _names(step["filteringattributes"])
    return event.message != "Update" or not wanted or not wanted.isdisjoint(event.changed)


_CONTEXT: dict[str, Json] = {
    "BusinessUnitId": ROOT_UNIT_ID,
    "CorrelationId": None,
    "Depth": 1,
    "InitiatingUserAzureActiveDirectoryObjectId": EMPTY_GUID,
    "InitiatingUserId": None,
    "InputParameters": None,
    "IsExecutingOffline": False,
    "IsInTransaction": False,
    "IsOfflinePlayback": False,
    "IsolationMode": 1,
    "MessageName": None,
    "Mode": None,
    "OperationCreatedOn": None,
    "OperationId": None,
    "OrganizationId": ORGANIZATION_ID,
    "OrganizationName": "emulated",
    "OutputParameters": None,
    "OwningExtension": None,
    "ParentContext": None,
    "PostEntityImages": None,
    "PreEntityImages": None,
    "PrimaryEntityId": None,
    "PrimaryEntityName": None,
    "RequestId": None,
    "SecondaryEntityName": "none",
    "SharedVariables": [],
    "Stage": None,
    "UserId": None,
}
"""The members of a RemoteExecutionContext in the platform's order; None is filled in."""


def build_context(organization: Organization, event: Event, step: StoredRow) -> dict[str, Json]:
    """The RemoteExecutionContext of one call."""
    operation = organization.new_id()
    return {
        **_CONTEXT,
        **_describe_event(event),
        **_describe_step(step),
        "CorrelationId": organization.new_id(),
        "OperationCreatedOn": _moment(organization.clock.now()),
        "OperationId": operation,
        "PostEntityImages": _images(organization, event, step, after=True),
        "PreEntityImages": _images(organization, event, step, after=False),
        "RequestId": operation,
    }


def _describe_event(event: Event) -> dict[str, Json]:
    return {
        "InitiatingUserId": event.user_id,
        "InputParameters": [{"key": "Target", "value": _target(event)}],
        "MessageName": event.message,
        "OutputParameters": _output(event),
        "PrimaryEntityId": event.row_id,
        "PrimaryEntityName": event.table.logical_name,
        "UserId": event.user_id,
    }


def _describe_step(step: StoredRow) -> dict[str, Json]:
    extension: dict[str, Json] = {
        "Id": step["sdkmessageprocessingstepid"],
        "KeyAttributes": [],
        "LogicalName": "sdkmessageprocessingstep",
        "Name": step["name"],
        "RowVersion": None,
    }
    return {"Mode": step["mode"], "OwningExtension": extension, "Stage": step["stage"]}


def _target(event: Event) -> dict[str, Json]:
    name = event.table.logical_name
    if event.message == "Delete":
        return _reference(name, event.row_id)
    shown = {
        column: value for column, value in event.changed.items() if column not in _BESIDE_OWNER
    }
    return _entity(event.table, event.row_id, {**shown, event.table.primary_id: event.row_id})


def _output(event: Event) -> list[dict[str, Json]]:
    return [{"key": "id", "value": event.row_id}] if event.message == "Create" else []


def _images(
    organization: Organization, event: Event, step: StoredRow, *, after: bool
) -> list[dict[str, Json]]:
    """The row before or after, under the alias of every image registered for that side."""
    row = event.before
    if after:
        row = organization.storage.fetch_row(event.table, event.row_id)
    if row is None:
        return []
    wanted = (step["sdkmessageprocessingstepid"], int(after))
    images = organization.storage.query(_IMAGES, wanted)
    return [_image(event, row, each["entityalias"], each["attributes"]) for each in images]


def _image(event: Event, row: StoredRow, alias: str, attributes: str | None) -> dict[str, Json]:
    wanted = _names(attributes)
    types = {name: value for name, value in row.items() if name.endswith("__type")}
    shown = {
        name: value
        for name, value in row.items()
        if value is not None and (not wanted or name in wanted)
    }
    return {"key": alias, "value": _entity(event.table, event.row_id, {**types, **shown})}


def _names(listed: StoredValue) -> set[str]:
    """Logical names from a column that holds them between commas."""
    return {name.strip() for name in str(listed or "").split(",")} - {""}


def _entity(table: TableDefinition, row_id: str, values: Mapping[str, Json]) -> dict[str, Json]:
    attributes = [
        {"key": name, "value": _value(column, values)}
        for name in sorted(values)
        if (column := table.column(name)) is not None
    ]
    return {
        "__type": f"Entity:{_CONTRACTS}",
        "Attributes": attributes,
        "EntityState": None,
        "FormattedValues": [],
        "Id": row_id,
        "KeyAttributes": [],
        "LogicalName": table.logical_name,
        "RelatedEntities": [],
        "RowVersion": None,
    }


def _reference(table: str, row_id: str) -> dict[str, Json]:
    return {
        "__type": f"EntityReference:{_CONTRACTS}",
        "Id": row_id,
        "KeyAttributes": [],
        "LogicalName": table,
        "Name": None,
        "RowVersion": None,
    }


def _value(column: ColumnDefinition, values: Mapping[str, Json]) -> Json:
    value = values[column.logical_name]
    if value is None:
        return None
    if column.type.is_lookup:
        return _reference(lookup_target(column, values), str(value))
    if column.type.is_choice:
        return _typed("OptionSetValue", value)
    match column.type:
        case ColumnType.MULTISELECT:
            return [_typed("OptionSetValue", int(number)) for number in str(value).split(",")]
        case ColumnType.MONEY:
            return _typed("Money", value)
        case ColumnType.DATETIME:
            moment = datetime.fromisoformat(str(value))
            return _moment(moment if moment.tzinfo else moment.replace(tzinfo=UTC))
        case ColumnType.BOOLEAN:
            return bool(value)
        case _:
            return value


def _typed(kind: str, value: Json) -> dict[str, Json]:
    return {"__type": f"{kind}:{_CONTRACTS}", "Value": value}


def _moment(value: datetime) -> str:
    return f"/Date({int(value.timestamp() * 1000)})/"
