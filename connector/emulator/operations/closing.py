"""QualifyLead, WinOpportunity and LoseOpportunity.

https://learn.microsoft.com/dynamics365/customer-engagement/web-api/qualifylead
"""

from connector.emulator.catalog.table_definition import TableDefinition
from connector.emulator.operations.call import Call, Handler
from connector.emulator.organization.clock import day_of, timestamp
from connector.emulator.protocol.errors import ODataError, invalid_argument
from connector.emulator.protocol.json_shapes import Json, as_object
from connector.emulator.protocol.messages import Response, empty_response
from connector.emulator.query.odata.path import resolve_uri
from connector.emulator.rows.bodies import find_row_id
from connector.emulator.rows.states import CLOSED_CODES, default_status, raise_if_wrong_pair
from connector.emulator.storage.database import StoredRow

_COPIED_ADDRESS = ("city", "country", "stateorprovince", "postalcode", "line1", "line2")


def _qualify_lead(call: Call) -> Response:
    """Close a lead as qualified and create what the caller asked for."""
    lead, body = call.bound_row("lead"), call.request.json_object()
    table = call.bound_table()
    _raise_if_closed("lead", lead)
    changes: dict[str, Json] = {"statecode": 1}
    changes["statuscode"] = _status(table, body.get("Status", 3), state=1)
    created = _create_along(call, lead, body)
    if "opportunity" in created:
        bind = "qualifyingopportunityid@odata.bind"
        changes[bind] = f"/opportunities({created['opportunity']})"
    call.writer.update(table, lead, changes)
    return call.answer("QualifyLeadResponse", {"CreatedEntities": _references(call, created)})


def _create_along(call: Call, lead: StoredRow, body: dict[str, Json]) -> dict[str, str]:
    """The ids of the rows that were created, by table."""
    created: dict[str, str] = {}
    if _wants(body, "CreateAccount"):
        created["account"] = _create_account(call, lead)
    if _wants(body, "CreateContact"):
        created["contact"] = _create_contact(call, lead, created.get("account"))
    if _wants(body, "CreateOpportunity"):
        created["opportunity"] = _create_opportunity(call, lead, created)
    return created


def _wants(body: dict[str, Json], name: str) -> bool:
    value = body.get(name, False)
    if not isinstance(value, bool):
        raise invalid_argument(f"'{name}' must be true or false.")
    return value


def _references(call: Call, created: dict[str, str]) -> list[dict[str, Json]]:
    tables = call.organization.catalog.tables
    return [
        {"@odata.type": f"#Microsoft.Dynamics.CRM.{name}", tables[name].primary_id: row_id}
        for name, row_id in created.items()
    ]


def _create(call: Call, table: str, lead: StoredRow, body: dict[str, Json]) -> str:
    body["originatingleadid@odata.bind"] = f"/leads({lead['leadid']})"
    body["ownerid@odata.bind"] = call.owner_of(lead)
    return call.writer.create(call.organization.catalog.tables[table], body)


def _create_account(call: Call, lead: StoredRow) -> str:
    name = lead["companyname"] or lead["fullname"] or lead["subject"]
    body: dict[str, Json] = {"name": name, "revenue": lead["revenue"], **_address(lead)}
    return _create(call, "account", lead, body)


def _create_contact(call: Call, lead: StoredRow, account: str | None) -> str:
    names = ("firstname", "lastname", "jobtitle", "emailaddress1", "telephone1", "mobilephone")
    body: dict[str, Json] = {name: lead[name] for name in names} | _address(lead)
    parent = account or lead["parentaccountid"]
    if parent:
        body["parentcustomerid_account@odata.bind"] = f"/accounts({parent})"
    return _create(call, "contact", lead, body)


def _create_opportunity(call: Call, lead: StoredRow, created: dict[str, str]) -> str:
    names = {"estimatedvalue": "estimatedamount", "estimatedclosedate": "estimatedclosedate"}
    names["budgetamount"] = "budgetamount"
    body: dict[str, Json] = {name: lead[of] for name, of in names.items()}
    body["name"] = lead["subject"] or lead["fullname"]
    account = created.get("account") or lead["parentaccountid"]
    parents = {
        "parentaccountid@odata.bind": ("accounts", account),
        "parentcontactid@odata.bind": (
            "contacts",
            created.get("contact") or lead["parentcontactid"],
        ),
        "campaignid@odata.bind": ("campaigns", lead["campaignid"]),
        "customerid_account@odata.bind": ("accounts", account),
    }
    body |= {name: f"/{target}({row})" for name, (target, row) in parents.items() if row}
    return _create(call, "opportunity", lead, body)


def _address(lead: StoredRow) -> dict[str, Json]:
    return {f"address1_{name}": lead[f"address1_{name}"] for name in _COPIED_ADDRESS}


def _win(call: Call) -> Response:
    """Close an opportunity as won."""
    return _close(call, state=1)


def _lose(call: Call) -> Response:
    """Close an opportunity as lost."""
    return _close(call, state=2)


def _close(call: Call, *, state: int) -> Response:
    body = call.request.json_object()
    close = as_object(body.get("OpportunityClose"))
    tables = call.organization.catalog.tables
    if close is None:
        raise invalid_argument("'OpportunityClose' is missing.")
    opportunity = _find_opportunity(call, close)
    _raise_if_closed("opportunity", opportunity)
    status = _status(tables["opportunity"], body.get("Status", -1), state=state)
    activity = _closing_activity(call, close, opportunity)
    call.writer.create(tables["opportunityclose"], activity)
    changes: dict[str, Json] = {"statecode": state, "statuscode": status}
    changes |= _actual_values(call, activity, opportunity)
    call.writer.update(tables["opportunity"], opportunity, changes)
    return empty_response()


def _closing_activity(
    call: Call, close: dict[str, Json], opportunity: StoredRow
) -> dict[str, Json]:
    body = {name: value for name, value in close.items() if not name.startswith("@")}
    body.setdefault("subject", "Opportunity Close")
    body.setdefault("actualend", timestamp(call.organization.clock.now()))
    body["opportunityid@odata.bind"] = f"/opportunities({opportunity['opportunityid']})"
    return body | {"statecode": 1, "statuscode": 2}


def _actual_values(
    call: Call, activity: dict[str, Json], opportunity: StoredRow
) -> dict[str, Json]:
    today = day_of(call.organization.clock.now())
    revenue = activity.get("actualrevenue")
    return {
        "actualclosedate": str(activity["actualend"])[:10] or today,
        "actualvalue": opportunity["estimatedvalue"] if revenue is None else revenue,
    }


def _find_opportunity(call: Call, close: dict[str, Json]) -> StoredRow:
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


def _status(table: TableDefinition, given: Json, *, state: int) -> int:
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
