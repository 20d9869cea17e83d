"""What happened to a row, as webhooks are told: which steps it concerns and what they are sent.

https://learn.microsoft.com/power-apps/developer/data-platform/use-webhooks
Calls wait in the database, inside the transaction that caused them; sending is in
`background.webhooks`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import msgspec

from connector.emulator.catalog.table_definition import (
    ColumnDefinition,
    ColumnType,
    TableDefinition,
)
from connector.emulator.organization.organization import ORGANIZATION_ID, ROOT_UNIT_ID, Organization
from connector.emulator.protocol.guids import EMPTY_GUID
from connector.emulator.rows.shaping import lookup_target
from connector.emulator.storage.database import StoredRow

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One change of one row; `changed` are the columns written, `before` the row until then."""

    message: str
    table: TableDefinition
    row_id: str
    user_id: str
    changed: Mapping[str, Any] = field(default_factory=dict[str, Any])
    before: StoredRow | None = None


def record_event(organization: Organization, event: Event) -> None:
    """Note a call for every enabled webhook step that the change concerns."""
    name = event.table.logical_name
    if name in _QUIET_TABLES:
        return
    for found in organization.storage.query(_STEPS, (event.message, name)):
        step = dict(found)
        if _concerns(step, event):
            document = build_context(organization, event, step)
            organization.storage.query(
                "INSERT INTO emulator_outbox (step, document) VALUES (?, ?)",
                (step["sdkmessageprocessingstepid"], msgspec.json.encode(document).decode()),
            )


def _concerns(step: Mapping[str, Any], event: Event) -> bool:
    wanted = {each.strip() for each in str(step["filteringattributes"] or "").split(",")} - {""}
    return event.message != "Update" or not wanted or not wanted.isdisjoint(event.changed)


def build_context(
    organization: Organization, event: Event, step: Mapping[str, Any]
) -> dict[str, Any]:
    """The RemoteExecutionContext of one call."""
    operation = organization.new_id()
    now = organization.clock.now()
    return {
        "BusinessUnitId": ROOT_UNIT_ID,
        "CorrelationId": organization.new_id(),
        "Depth": 1,
        "InitiatingUserAzureActiveDirectoryObjectId": EMPTY_GUID,
        "InitiatingUserId": event.user_id,
        "InputParameters": [{"key": "Target", "value": _target(event)}],
        "IsExecutingOffline": False,
        "IsInTransaction": False,
        "IsOfflinePlayback": False,
        "IsolationMode": 1,
        "MessageName": event.message,
        "Mode": step["mode"],
        "OperationCreatedOn": _moment(now),
        "OperationId": operation,
        "OrganizationId": ORGANIZATION_ID,
        "OrganizationName": "emulated",
        "OutputParameters": _output(event),
        "OwningExtension": {
            "Id": step["sdkmessageprocessingstepid"],
            "KeyAttributes": [],
            "LogicalName": "sdkmessageprocessingstep",
            "Name": step["name"],
            "RowVersion": None,
        },
        "ParentContext": None,
        "PostEntityImages": _images(organization, event, step, after=True),
        "PreEntityImages": _images(organization, event, step, after=False),
        "PrimaryEntityId": event.row_id,
        "PrimaryEntityName": event.table.logical_name,
        "RequestId": operation,
        "SecondaryEntityName": "none",
        "SharedVariables": [],
        "Stage": step["stage"],
        "UserId": event.user_id,
    }


def _target(event: Event) -> dict[str, Any]:
    name = event.table.logical_name
    if event.message == "Delete":
        return _reference(name, event.row_id)
    shown = {
        column: value for column, value in event.changed.items() if column not in _BESIDE_OWNER
    }
    return _entity(event.table, event.row_id, {**shown, event.table.primary_id: event.row_id})


def _output(event: Event) -> list[dict[str, Any]]:
    return [{"key": "id", "value": event.row_id}] if event.message == "Create" else []


def _images(
    organization: Organization, event: Event, step: Mapping[str, Any], *, after: bool
) -> list[dict[str, Any]]:
    """The row before or after, under the alias of every image registered for that side."""
    row = event.before
    if after:
        row = organization.storage.fetch_row(event.table, event.row_id)
    if row is None:
        return []
    images = organization.storage.query(
        "SELECT entityalias, attributes FROM sdkmessageprocessingstepimage "
        "WHERE sdkmessageprocessingstepid = ? AND imagetype IN (?, 2) ORDER BY entityalias",
        (step["sdkmessageprocessingstepid"], int(after)),
    )
    return [_image(event, row, each["entityalias"], each["attributes"]) for each in images]


def _image(event: Event, row: StoredRow, alias: str, attributes: str | None) -> dict[str, Any]:
    wanted = {each.strip() for each in (attributes or "").split(",")} - {""}
    shown = {name: value for name, value in row.items() if not wanted or name in wanted}
    types = {name: value for name, value in row.items() if name.endswith("__type")}
    kept = {name: value for name, value in shown.items() if value is not None}
    return {"key": alias, "value": _entity(event.table, event.row_id, {**types, **kept})}


def _entity(table: TableDefinition, row_id: str, values: Mapping[str, Any]) -> dict[str, Any]:
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


def _reference(table: str, row_id: str) -> dict[str, Any]:
    return {
        "__type": f"EntityReference:{_CONTRACTS}",
        "Id": row_id,
        "KeyAttributes": [],
        "LogicalName": table,
        "Name": None,
        "RowVersion": None,
    }


def _value(column: ColumnDefinition, values: Mapping[str, Any]) -> Any:
    value = values[column.logical_name]
    if value is None:
        return None
    if column.type.is_lookup:
        return _reference(lookup_target(column, values), str(value))
    match column.type:
        case ColumnType.PICKLIST | ColumnType.STATE | ColumnType.STATUS:
            return {"__type": f"OptionSetValue:{_CONTRACTS}", "Value": value}
        case ColumnType.MULTISELECT:
            numbers = str(value).split(",")
            return [{"__type": f"OptionSetValue:{_CONTRACTS}", "Value": int(n)} for n in numbers]
        case ColumnType.MONEY:
            return {"__type": f"Money:{_CONTRACTS}", "Value": value}
        case ColumnType.DATETIME:
            moment = datetime.fromisoformat(str(value))
            return _moment(moment if moment.tzinfo else moment.replace(tzinfo=UTC))
        case ColumnType.BOOLEAN:
            return bool(value)
        case _:
            return value


def _moment(value: datetime) -> str:
    return f"/Date({int(value.timestamp() * 1000)})/"
