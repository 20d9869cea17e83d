"""QualifyLead, WinOpportunity and LoseOpportunity.

https://learn.microsoft.com/dynamics365/customer-engagement/web-api/qualifylead
"""

from typing import Any

from connector.emulator.catalog.table_definition import TableDefinition
from connector.emulator.operations.call import Call, Handler
from connector.emulator.organization.clock import day_of, timestamp
from connector.emulator.protocol.errors import ODataError, invalid_argument
from connector.emulator.protocol.json_shapes import as_object
from connector.emulator.protocol.messages import Response, empty_response
from connector.emulator.query.odata.path import resolve_uri
from connector.emulator.rows.bodies import find_row_id
from connector.emulator.rows.states import CLOSED_CODES, default_status, raise_if_wrong_pair
from connector.emulator.storage.database import StoredRow
from connector.emulator.storage.sql_names import type_column

_COPIED_ADDRESS = ("city", "country", "stateorprovince", "postalcode", "line1", "line2")


def _qualify_lead(call: Call) -> Response:
    """Close a lead as qualified and create what the caller asked for."""
    lead, body = call.bound_row(), call.request.json_object()
    table = call.bound_table()
    if table.logical_name != "lead":
        raise invalid_argument("QualifyLead is called on a lead.")
    _raise_if_closed("lead", lead)
    status = _status(table, body.get("Status", 3), state=1)
    created: list[tuple[str, str]] = []
    account = _create_account(call, lead) if _wants(body, "CreateAccount") else None
    contact = _create_contact(call, lead, account) if _wants(body, "CreateContact") else None
    created += [("account", account)] if account else []
    created += [("contact", contact)] if contact else []
    changes: dict[str, Any] = {"statecode": 1, "statuscode": status}
    if _wants(body, "CreateOpportunity"):
        opportunity = _create_opportunity(call, lead, account, contact)
        created.append(("opportunity", opportunity))
        bind = "qualifyingopportunityid@odata.bind"
        changes[bind] = f"/opportunities({opportunity})"
    call.writer.update(table, lead, changes)
    return call.answer("QualifyLeadResponse", {"CreatedEntities": _references(call, created)})


def _wants(body: dict[str, Any], name: str) -> bool:
    value = body.get(name, False)
    if not isinstance(value, bool):
        raise invalid_argument(f"'{name}' must be true or false.")
    return value


def _references(call: Call, created: list[tuple[str, str]]) -> list[dict[str, Any]]:
    tables = call.organization.catalog.tables
    return [
        {"@odata.type": f"#Microsoft.Dynamics.CRM.{name}", tables[name].primary_id: row_id}
        for name, row_id in created
    ]


def _create_account(call: Call, lead: StoredRow) -> str:
    body = {"name": lead["companyname"] or lead["fullname"] or lead["subject"], **_address(lead)}
    body["originatingleadid@odata.bind"] = f"/leads({lead['leadid']})"
    body["revenue"] = lead["revenue"]
    return call.writer.create(
        call.organization.catalog.tables["account"], body | _owner(call, lead)
    )


def _create_contact(call: Call, lead: StoredRow, account: str | None) -> str:
    names = ("firstname", "lastname", "jobtitle", "emailaddress1", "telephone1", "mobilephone")
    body: dict[str, Any] = {name: lead[name] for name in names} | _address(lead)
    body["originatingleadid@odata.bind"] = f"/leads({lead['leadid']})"
    parent = account or lead["parentaccountid"]
    if parent:
        body["parentcustomerid_account@odata.bind"] = f"/accounts({parent})"
    return call.writer.create(
        call.organization.catalog.tables["contact"], body | _owner(call, lead)
    )


def _create_opportunity(
    call: Call, lead: StoredRow, account: str | None, contact: str | None
) -> str:
    body: dict[str, Any] = {
        "name": lead["subject"] or lead["fullname"],
        "originatingleadid@odata.bind": f"/leads({lead['leadid']})",
        "estimatedvalue": lead["estimatedamount"],
        "estimatedclosedate": lead["estimatedclosedate"],
        "budgetamount": lead["budgetamount"],
    }
    parents = {
        "parentaccountid@odata.bind": ("accounts", account or lead["parentaccountid"]),
        "parentcontactid@odata.bind": ("contacts", contact or lead["parentcontactid"]),
        "campaignid@odata.bind": ("campaigns", lead["campaignid"]),
    }
    body |= {name: f"/{target}({row})" for name, (target, row) in parents.items() if row}
    if account or lead["parentaccountid"]:
        body["customerid_account@odata.bind"] = body["parentaccountid@odata.bind"]
    opportunity = call.organization.catalog.tables["opportunity"]
    return call.writer.create(opportunity, body | _owner(call, lead))


def _address(lead: StoredRow) -> dict[str, Any]:
    return {f"address1_{name}": lead[f"address1_{name}"] for name in _COPIED_ADDRESS}


def _owner(call: Call, lead: StoredRow) -> dict[str, Any]:
    owner = call.organization.catalog.tables[str(lead[type_column("ownerid")])]
    return {"ownerid@odata.bind": f"/{owner.entity_set}({lead['ownerid']})"}


def _win(call: Call) -> Response:
    """Close an opportunity as won."""
    return _close(call, state=1)


def _lose(call: Call) -> Response:
    """Close an opportunity as lost."""
    return _close(call, state=2)


def _close(call: Call, *, state: int) -> Response:
    body = call.request.json_object()
    close = as_object(body.get("OpportunityClose"))
    table = call.organization.catalog.tables["opportunity"]
    if close is None:
        raise invalid_argument("'OpportunityClose' is missing.")
    opportunity = _find_opportunity(call, close)
    _raise_if_closed("opportunity", opportunity)
    status = _status(table, body.get("Status", -1), state=state)
    now = call.organization.clock.now()
    row_id = opportunity["opportunityid"]
    record = {name: value for name, value in close.items() if not name.startswith("@")}
    record.setdefault("subject", "Opportunity Close")
    record.setdefault("actualend", timestamp(now))
    record["opportunityid@odata.bind"] = f"/opportunities({row_id})"
    record |= {"statecode": 1, "statuscode": 2}
    call.writer.create(call.organization.catalog.tables["opportunityclose"], record)
    changes: dict[str, Any] = {"statecode": state, "statuscode": status}
    changes["actualclosedate"] = str(record["actualend"])[:10] or day_of(now)
    revenue = record.get("actualrevenue")
    changes["actualvalue"] = revenue if revenue is not None else opportunity["estimatedvalue"]
    call.writer.update(table, opportunity, changes)
    return empty_response()


def _find_opportunity(call: Call, close: dict[str, Any]) -> StoredRow:
    uri = close.get("opportunityid@odata.bind")
    nested = as_object(close.get("opportunityid")) or {}
    if isinstance(nested.get("opportunityid"), str):
        uri = f"/opportunities({nested['opportunityid']})"
    if not isinstance(uri, str):
        raise invalid_argument("'OpportunityClose' needs 'opportunityid@odata.bind'.")
    resource = resolve_uri(uri, call.organization.catalog)
    table = call.organization.catalog.tables["opportunity"]
    if resource.table is not table or resource.key is None:
        raise invalid_argument(f"'{uri[:200]}' is not an opportunity.")
    row_id = find_row_id(call.organization, table, resource.key)
    return call.organization.storage.fetch_row(table, row_id) or {}


def _raise_if_closed(name: str, row: StoredRow) -> None:
    if row["statecode"] != 0:
        raise ODataError(400, CLOSED_CODES[name], f"The {name} is already closed.")


def _status(table: TableDefinition, given: Any, *, state: int) -> int:
    wrapped = as_object(given)
    given = given if wrapped is None else wrapped.get("Value")
    if isinstance(given, bool) or not isinstance(given, int):
        raise invalid_argument("'Status' must be a status code.")
    if given == -1:
        return default_status(table.columns_by_name["statecode"], state)
    raise_if_wrong_pair(table, state, given)
    return given


CLOSING_OPERATIONS: dict[str, tuple[str, Handler]] = {
    "QualifyLead": ("POST", _qualify_lead),
    "WinOpportunity": ("POST", _win),
    "LoseOpportunity": ("POST", _lose),
}
