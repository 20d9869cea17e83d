# ruff: noqa: S608  identifiers come from the catalog and are quoted, values are bound
"""Functions and actions of the Web API: which there are, identity and counts."""

from connector.emulator.catalog.table_definition import TableDefinition
from connector.emulator.definitions.documents import LANGUAGE
from connector.emulator.operations.bulk import BULK_OPERATIONS
from connector.emulator.operations.bulk_delete import BULK_DELETE_OPERATIONS
from connector.emulator.operations.call import Call, Handler
from connector.emulator.operations.closing import CLOSING_OPERATIONS
from connector.emulator.operations.expand_calendar import CALENDAR_OPERATIONS
from connector.emulator.operations.metadata_changes import DEFINITION_OPERATIONS
from connector.emulator.operations.sequences_and_queues import CONNECTING_OPERATIONS
from connector.emulator.organization.organization import ORGANIZATION_ID, TENANT_ID, Organization
from connector.emulator.organization.privileges import Privileges
from connector.emulator.protocol.error_codes import ErrorCode
from connector.emulator.protocol.errors import ODataError, bad_query, not_supported
from connector.emulator.protocol.json_shapes import as_list
from connector.emulator.protocol.messages import Request, Response, empty_response
from connector.emulator.query.odata.path import Resource
from connector.emulator.resources.row import RowResource, method_not_allowed
from connector.emulator.storage.sql_names import quote

PLATFORM_VERSION = "9.2.25111.00159"


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
    if name not in _OPERATIONS:
        raise not_supported(f"The operation '{name}' is not served by the emulator.")
    return _OPERATIONS[name]


def _who_am_i(call: Call) -> Response:
    caller = call.request.caller
    ids = {"BusinessUnitId": caller.business_unit_id, "UserId": caller.user_id}
    return call.answer("WhoAmIResponse", {**ids, "OrganizationId": ORGANIZATION_ID})


def _version(call: Call) -> Response:
    return call.answer("RetrieveVersionResponse", {"Version": PLATFORM_VERSION})


def _available_languages(call: Call) -> Response:
    return call.answer("RetrieveAvailableLanguagesResponse", {"LocaleIds": [LANGUAGE]})


def _provisioned_languages(call: Call) -> Response:
    members = {"RetrieveProvisionedLanguages": [LANGUAGE]}
    return call.answer("RetrieveProvisionedLanguagesResponse", members)


_ORGANIZATION_DETAIL = {
    "OrganizationVersion": PLATFORM_VERSION,
    "EnvironmentId": ORGANIZATION_ID,
    "TenantId": TENANT_ID,
    "Geo": "EMEA",
    "UrlName": "emulated",
    "UniqueName": "emulated",
    "State": "Enabled",
}


def _current_organization(call: Call) -> Response:
    table = call.organization.catalog.tables["organization"]
    row = call.organization.storage.fetch_row(table, ORGANIZATION_ID) or {}
    names = {"OrganizationId": ORGANIZATION_ID, "FriendlyName": row.get("name")}
    endpoints = _endpoints(call.request.base.partition("/api/data/")[0])
    detail = {**names, **_ORGANIZATION_DETAIL, "Endpoints": endpoints}
    return call.answer("RetrieveCurrentOrganizationResponse", {"Detail": detail})


def _endpoints(root: str) -> dict[str, object]:
    keys = ["WebApplication", "OrganizationService", "OrganizationDataService"]
    values = [f"{root}/", f"{root}/XRMServices/2011/", f"{root}/api/data/"]
    return _pairs(keys, values)


def _pairs(keys: list[str], values: list[str] | list[int]) -> dict[str, object]:
    return {"Count": len(keys), "IsReadOnly": False, "Keys": keys, "Values": values}


def _total_record_count(call: Call) -> Response:
    names = as_list(call.operation.parameters.get("EntityNames"))
    if not names:
        raise bad_query("RetrieveTotalRecordCount needs EntityNames, a list of logical names.")
    tables = [_readable_table(call, str(name)) for name in names]
    counts = [_cached_count(call.organization, table) for table in tables]
    collection = {"EntityRecordCountCollection": _pairs(names, counts)}
    return call.answer("RetrieveTotalRecordCountResponse", collection)


def _readable_table(call: Call, name: str) -> TableDefinition:
    table = call.organization.catalog.table(name)
    if table is None:
        message = f"The entity with a name = '{name}' was not found."
        raise ODataError(400, ErrorCode.QUERY_BUILDER_NO_ENTITY, message)
    call.privileges.raise_if_denied(call.request.caller, "Read", table)
    return table


def _cached_count(organization: Organization, table: TableDefinition) -> int:
    """How many rows a table had when it was last counted: up to a day ago.

    https://learn.microsoft.com/power-apps/developer/data-platform/webapi/reference/retrievetotalrecordcount
    """
    storage, now = organization.storage, organization.clock.now().timestamp()
    told = storage.query(
        "SELECT counted_at, value FROM emulator_count WHERE table_name = ?", (table.logical_name,)
    )
    if told and 0 <= now - told[0]["counted_at"] < organization.count_age_seconds:
        return int(told[0]["value"])
    value = int(storage.query(f"SELECT COUNT(*) FROM {quote(table.logical_name)}")[0][0])
    row = (table.logical_name, now, value)
    storage.query("INSERT OR REPLACE INTO emulator_count VALUES (?, ?, ?)", row)
    return value


def _publish(call: Call) -> Response:
    del call
    return empty_response()


_OPERATIONS: dict[str, tuple[str, Handler]] = {
    "WhoAmI": ("GET", _who_am_i),
    "RetrieveVersion": ("GET", _version),
    "RetrieveCurrentOrganization": ("GET", _current_organization),
    "RetrieveTotalRecordCount": ("GET", _total_record_count),
    "PublishAllXml": ("POST", _publish),
    "PublishXml": ("POST", _publish),
    "RetrieveAvailableLanguages": ("GET", _available_languages),
    "RetrieveProvisionedLanguages": ("GET", _provisioned_languages),
    **BULK_OPERATIONS,
    **BULK_DELETE_OPERATIONS,
    **CALENDAR_OPERATIONS,
    **CLOSING_OPERATIONS,
    **CONNECTING_OPERATIONS,
    **DEFINITION_OPERATIONS,
}
