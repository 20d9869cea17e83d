"""From bearer token to caller: the application user, and whom it acts for."""

from collections.abc import Mapping

from connector.emulator.organization.organization import CLIENT_ID, CONNECTOR_USER_ID, Organization
from connector.emulator.organization.privileges import Privileges
from connector.emulator.organization.tokens import Tenant
from connector.emulator.protocol.error_codes import ErrorCode
from connector.emulator.protocol.errors import ODataError
from connector.emulator.protocol.guids import parse_guid
from connector.emulator.protocol.messages import Caller
from connector.emulator.storage.database import StoredRow

_IMPERSONATION_HEADERS = {
    "callerobjectid": "azureactivedirectoryobjectid",
    "mscrmcallerid": "systemuserid",
}


def authenticate(tenant: Tenant, headers: Mapping[str, str], root: str) -> str | None:
    """The application id behind an `Authorization` header, None when there is no valid token.

    The environment goes by the host it was started with (`root`) and by the one it is called by.
    """
    scheme, _, token = headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        return None
    hosts = {root.partition("://")[2].lower(), headers.get("host", "").lower()}
    try:
        return tenant.application_of(token.strip(), hosts)
    except (ValueError, KeyError):
        return None


def find_caller(
    organization: Organization,
    privileges: Privileges,
    application_id: str,
    headers: Mapping[str, str],
) -> Caller:
    """The application user or whom it acts for; raises ODataError 403 when they may not enter."""
    user = _application_user(organization, application_id)
    user_id = str(user["systemuserid"])
    _raise_if_disabled(user)
    privileges.raise_if_without_roles(user_id)
    other = _impersonated(organization, headers)
    if other is None:
        return Caller(user_id, str(user["businessunitid"]))
    if not privileges.may_act_for_others(user_id):
        privilege = "prvActOnBehalfOfAnotherUser privilege"
        message = f"Principal user (Id={user_id}, type=8) is missing {privilege}."
        raise ODataError(403, ErrorCode.PRIVILEGE_DENIED, message)
    _raise_if_disabled(other)
    return Caller(str(other["systemuserid"]), str(other["businessunitid"]), user_id)


def _application_user(organization: Organization, application_id: str) -> StoredRow:
    table = organization.catalog.tables["systemuser"]
    if application_id == CLIENT_ID:
        own = organization.storage.fetch_row(table, CONNECTOR_USER_ID)
        if own is not None:
            return own
    rows = organization.storage.fetch_rows_where(table, {"applicationid": application_id})
    if not rows:
        message = "The user is not a member of the organization."
        raise ODataError(403, ErrorCode.USER_NOT_MEMBER_OF_ORG, message)
    return rows[0]


def _impersonated(organization: Organization, headers: Mapping[str, str]) -> StoredRow | None:
    for header, column in _IMPERSONATION_HEADERS.items():
        if header in headers:
            return _find_user(organization, column, headers[header])
    return None


def _find_user(organization: Organization, column: str, value: str) -> StoredRow:
    table = organization.catalog.tables["systemuser"]
    rows = organization.storage.fetch_rows_where(table, {column: parse_guid(value)})
    if not rows:
        message = f"No user has the {column} '{value[:60]}' to act for."
        raise ODataError(403, ErrorCode.INVALID_USER_AUTH, message)
    return rows[0]


def _raise_if_disabled(user: StoredRow) -> None:
    if user["isdisabled"]:
        who = f"The user specified (Id={user['systemuserid']})"
        message = f"{who} is disabled and cannot access the organization."
        raise ODataError(403, ErrorCode.UN_MANAGED_IDS_USER_NOT_ENABLED, message)
