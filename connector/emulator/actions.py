"""Functions and actions of the Web API: the registry, identity, counts and bulk messages.

Those that belong to selling are in `sales_actions`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from connector.emulator.bodies import find_row_id, row_not_found
from connector.emulator.messages import Request, Response, empty_response, json_response
from connector.emulator.metadata import TableDefinition
from connector.emulator.organization import ORGANIZATION_ID, Organization
from connector.emulator.privileges import Privileges
from connector.emulator.query.errors import (
    BAD_PAYLOAD,
    INVALID_ARGUMENT,
    ODataError,
    bad_query,
    not_supported,
)
from connector.emulator.query.path import Operation, Resource, RowKey, parse_path, resolve_path
from connector.emulator.resources import RowResource, method_not_allowed
from connector.emulator.storage import StoredRow, quote
from connector.emulator.values import parse_guid
from connector.emulator.writes import Writer

LARGEST_BULK = 5000


@dataclass(frozen=True, slots=True)
class Call:
    """One call of a function or action; `row` is the row a bound one was called on."""

    organization: Organization
    privileges: Privileges
    request: Request
    operation: Operation
    table: TableDefinition | None
    row: StoredRow | None

    @property
    def writer(self) -> Writer:
        """Writes as the caller."""
        return Writer(self.organization, self.privileges, self.request.caller)

    def bound_table(self) -> TableDefinition:
        """The table a bound operation was called on."""
        if self.table is None:
            raise bad_query(f"'{self.operation.name}' must be called on an entity set.")
        return self.table

    def bound_row(self) -> StoredRow:
        """The row a bound operation was called on."""
        if self.row is None:
            raise bad_query(f"'{self.operation.name}' must be called on a row.")
        return self.row

    def answer(self, kind: str, members: dict[str, Any]) -> Response:
        """A complex value as the answer."""
        context = f"{self.request.base}/$metadata#Microsoft.Dynamics.CRM.{kind}"
        return json_response({"@odata.context": context, **members})


Handler = Callable[[Call], Response]


def run_operation(
    organization: Organization, privileges: Privileges, request: Request, resource: Resource
) -> Response:
    """Run the function (GET) or action (POST) a path names; 501 for one that is not served."""
    operation = resource.operation
    if operation is None:
        raise bad_query("The path names no operation.")
    method, handler = _find(operation.name)
    if request.method != method:
        raise method_not_allowed(request.method)
    row = None
    if resource.table is not None and resource.key is not None:
        rows = RowResource(organization, privileges, request, resource.table)
        row = rows.find(resource.key)
    return handler(Call(organization, privileges, request, operation, resource.table, row))


def _find(name: str) -> tuple[str, Handler]:
    from connector.emulator.sales_actions import SALES_OPERATIONS  # noqa: PLC0415  it needs Call

    for table in (_OPERATIONS, SALES_OPERATIONS):
        if name in table:
            return table[name]
    raise not_supported(f"The operation '{name}' is not served by the emulator.")


def _who_am_i(call: Call) -> Response:
    caller = call.request.caller
    return call.answer(
        "WhoAmIResponse",
        {
            "BusinessUnitId": caller.business_unit_id,
            "UserId": caller.user_id,
            "OrganizationId": ORGANIZATION_ID,
        },
    )


def _total_record_count(call: Call) -> Response:
    names = call.operation.parameters.get("EntityNames")
    if not isinstance(names, list) or not names:
        raise bad_query("RetrieveTotalRecordCount needs EntityNames, a list of logical names.")
    counts: list[int] = []
    for name in names:
        table = call.organization.catalog.table(str(name))
        if table is None:
            raise ODataError(400, "0x80041102", f"The entity with a name = '{name}' was not found.")
        call.privileges.raise_if_denied(call.request.caller, "Read", table)
        sql = f"SELECT COUNT(*) FROM {quote(table.logical_name)}"
        counts.append(int(call.organization.storage.query(sql)[0][0]))
    collection = {"Count": len(names), "IsReadOnly": False, "Keys": names, "Values": counts}
    return call.answer(
        "RetrieveTotalRecordCountResponse", {"EntityRecordCountCollection": collection}
    )


def _targets(call: Call, message: str) -> list[dict[str, Any]]:
    table = call.bound_table()
    if message not in table.bulk_messages:
        raise ODataError(
            400,
            "0x80040800",
            f"{message} has not yet been implemented for the table '{table.logical_name}'.",
        )
    targets = call.request.json_object().get("Targets")
    if not isinstance(targets, list) or not targets or len(targets) > LARGEST_BULK:
        raise ODataError(400, INVALID_ARGUMENT, "'Targets' must be a list with at least one row.")
    for target in targets:
        kind = target.get("@odata.type") if isinstance(target, dict) else None
        if not isinstance(kind, str) or kind.rpartition(".")[2] != table.logical_name:
            raise ODataError(
                400,
                BAD_PAYLOAD,
                "Every member of 'Targets' needs '@odata.type': "
                f"'Microsoft.Dynamics.CRM.{table.logical_name}'.",
            )
    return targets


def _create_multiple(call: Call) -> Response:
    targets = _targets(call, "CreateMultiple")
    ids = [call.writer.create(call.bound_table(), target) for target in targets]
    return call.answer("CreateMultipleResponse", {"Ids": ids})


def _update_multiple(call: Call) -> Response:
    table = call.bound_table()
    seen: set[str] = set()
    for target in _targets(call, "UpdateMultiple"):
        row_id = _target_id(table, target)
        if row_id in seen:
            continue
        seen.add(row_id)
        row = call.organization.storage.fetch_row(table, row_id)
        if row is None:
            raise row_not_found(table, row_id)
        call.writer.update(table, row, target)
    return empty_response()


def _target_id(table: TableDefinition, target: dict[str, Any]) -> str:
    row_id = parse_guid(target.get(table.primary_id))
    if row_id is None:
        raise ODataError(
            400, INVALID_ARGUMENT, f"Every member of 'Targets' needs its key '{table.primary_id}'."
        )
    return row_id


def _upsert_multiple(call: Call) -> Response:
    table = call.bound_table()
    seen: set[str] = set()
    for target in _targets(call, "UpsertMultiple"):
        key = _upsert_key(call, table, target)
        name = repr(key)
        if name in seen:
            raise ODataError(
                400, INVALID_ARGUMENT, "'Targets' names the same row twice in UpsertMultiple."
            )
        seen.add(name)
        _upsert(call, table, key, target)
    return empty_response()


def _upsert_key(call: Call, table: TableDefinition, target: dict[str, Any]) -> RowKey:
    uri = target.get("@odata.id")
    if isinstance(uri, str):
        resource = resolve_path(parse_path(uri.lstrip("/")), call.organization.catalog)
        if resource.table is table and resource.key is not None:
            return resource.key
        raise ODataError(400, INVALID_ARGUMENT, f"'{uri[:200]}' names no row of this table.")
    return RowKey(id=_target_id(table, target))


def _upsert(call: Call, table: TableDefinition, key: RowKey, target: dict[str, Any]) -> None:
    from connector.emulator.bodies import find_row, key_values  # noqa: PLC0415

    row = find_row(call.organization, table, key)
    if key.columns and any(name in target for name, _ in key.columns):
        raise ODataError(
            400,
            INVALID_ARGUMENT,
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


def _publish(call: Call) -> Response:
    del call
    return empty_response()


_OPERATIONS: dict[str, tuple[str, Handler]] = {
    "WhoAmI": ("GET", _who_am_i),
    "RetrieveTotalRecordCount": ("GET", _total_record_count),
    "CreateMultiple": ("POST", _create_multiple),
    "UpdateMultiple": ("POST", _update_multiple),
    "UpsertMultiple": ("POST", _upsert_multiple),
    "DeleteMultiple": ("POST", _delete_multiple),
    "PublishAllXml": ("POST", _publish),
    "PublishXml": ("POST", _publish),
}

__all__ = ["Call", "Handler", "find_row_id", "run_operation"]
