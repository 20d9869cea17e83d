"""Every error code the emulator serves: what provokes it, its status, its text.

`ErrorCode` is the table of codes; a code without a case here fails, and so does a code that stands
anywhere but in that table.
"""

import re
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import requests

from connector import emulator
from connector.emulator.organization.organization import (
    ADMINISTRATOR_ROLE_ID,
    CONNECTOR_USER_ID,
    fixed_id,
)
from connector.emulator.organization.privileges import BASIC, GLOBAL
from connector.emulator.protection.throttle import Limits
from connector.emulator.protocol.error_codes import ErrorCode
from tests.contract.emulator.conftest import Api, sign_in

CRM = "Microsoft.Dynamics.CRM"
NOBODY = "00000000-0000-0000-0000-00000000dead"
SELLER = fixed_id("systemuser/seller/3")
TRACK = {"Prefer": "odata.track-changes"}

Provoke = Callable[[Api, ExitStack], requests.Response]


@dataclass(frozen=True)
class Case:
    """What a client sees when a code is provoked; `text` is a pattern of the whole message."""

    status: int
    text: str
    provoke: Provoke


CASES: dict[ErrorCode, Case] = {}


def case(code: ErrorCode, status: int, text: str) -> Callable[[Provoke], Provoke]:
    """Register what provokes a code; the stack undoes what a restored state would not."""

    def register(provoke: Provoke) -> Provoke:
        assert code not in CASES
        CASES[code] = Case(status, text, provoke)
        return provoke

    return register


def test_every_code_has_a_case() -> None:
    assert set(CASES) == set(ErrorCode)


def test_codes_stand_in_their_table_alone() -> None:
    sources = Path(emulator.__file__).parent.rglob("*.py")
    literal = re.compile(r'"0x[0-9a-fA-F]{8}"')
    holders = [path.name for path in sources if literal.search(path.read_text())]
    assert holders == ["error_codes.py"]


@pytest.mark.parametrize("code", ErrorCode, ids=lambda code: code.name.lower())
def test_a_code_comes_with_its_status_and_text(api: Api, code: ErrorCode) -> None:
    expected = CASES[code]
    with ExitStack() as undo:
        answer = expected.provoke(api, undo)
    assert answer.headers["Content-Type"] == "application/json; odata.metadata=minimal"
    assert set(answer.json()) == {"error"}
    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (expected.status, code.value)
    assert set(error) == {"code", "message"}
    assert re.fullmatch(expected.text, error["message"], re.DOTALL), error["message"]


def lead(api: Api, **body: Any) -> str:
    """The path of a new lead."""
    return f"leads({api.create('leads', {'subject': 'L', **body})})"


def fetch(api: Api, inside: str, head: str = "") -> requests.Response:
    text = f"<fetch {head}><entity name='lead'>{inside}</entity></fetch>"
    return api.get("leads", params={"fetchXml": text})


def post(api: Api, path: str, body: Any) -> requests.Response:
    return api.call("POST", path, json=body)


def assigned(api: Api, owner: str) -> requests.Response:
    return api.patch(lead(api), {"ownerid@odata.bind": owner}, **{"If-Match": "*"})


def granted(api: Api, undo: ExitStack, verb: str, depth: int) -> None:
    """Give the caller a privilege on leads at another depth, until undone."""
    roles = api.server.privileges.roles
    roles.grant(ADMINISTRATOR_ROLE_ID, verb, "lead", depth)
    undo.callback(roles.grant, ADMINISTRATOR_ROLE_ID, verb, "lead", GLOBAL)


@case(ErrorCode.REQUIRED_FIELD_MISSING, 400, "Required field 'msdyn_parentsequence' is missing .+")
def _required(api: Api, _: ExitStack) -> requests.Response:
    return post(api, "msdyn_sequencetargets", {"msdyn_name": "No sequence"})


@case(ErrorCode.INVALID_ARGUMENT, 400, "'Targets' must be a list with at least one row.")
def _argument(api: Api, _: ExitStack) -> requests.Response:
    return post(api, f"leads/{CRM}.CreateMultiple", {"Targets": []})


@case(ErrorCode.INVALID_USER_AUTH, 403, f"No user has the systemuserid '{NOBODY}' to act for.")
def _acting_for_nobody(api: Api, _: ExitStack) -> requests.Response:
    return api.get("WhoAmI", headers={"MSCRMCallerID": NOBODY})


@case(ErrorCode.UN_EXPECTED, 500, "The service is temporarily unavailable.")
def _unexpected(api: Api, _: ExitStack) -> requests.Response:
    api.control("POST", "faults", {"status": 500})
    return api.get("WhoAmI")


@case(ErrorCode.OBJECT_DOES_NOT_EXIST, 404, f"lead With Id = {NOBODY} Does Not Exist")
def _missing_row(api: Api, _: ExitStack) -> requests.Response:
    return api.get(f"leads({NOBODY})")


@case(ErrorCode.PRIVILEGE_DENIED, 403, r"Principal user \(Id=.+ is missing prvDeleteLead .+")
def _privilege(api: Api, undo: ExitStack) -> requests.Response:
    path = lead(api)
    roles = api.server.privileges.roles
    roles.grant(ADMINISTRATOR_ROLE_ID, "Delete", "lead", depth=0)
    undo.callback(roles.grant, ADMINISTRATOR_ROLE_ID, "Delete", "lead")
    return api.call("DELETE", path)


@case(ErrorCode.UN_MANAGED_IDS_USER_NOT_ENABLED, 403, r"The user specified \(Id=.+ is disabled .+")
def _disabled_caller(api: Api, _: ExitStack) -> requests.Response:
    api.patch(f"systemusers({CONNECTOR_USER_ID})", {"isdisabled": True})
    return api.get("WhoAmI")


@case(ErrorCode.CANNOT_DELETE_DUE_TO_ASSOCIATION, 405, "The object you tried to delete .+")
def _in_use(api: Api, _: ExitStack) -> requests.Response:
    lead(api, **{"ownerid@odata.bind": f"/systemusers({SELLER})"})
    return api.call("DELETE", f"systemusers({SELLER})")


@case(ErrorCode.INVALID_OWNER_ID, 400, "The owner of a record cannot be empty.")
def _no_owner(api: Api, _: ExitStack) -> requests.Response:
    return api.patch(lead(api), {"ownerid": None})


@case(ErrorCode.DISABLED_OWNER, 400, r"The specified user \(Id=.+\) is disabled. .+")
def _disabled_owner(api: Api, _: ExitStack) -> requests.Response:
    return assigned(api, f"/systemusers({fixed_id('systemuser/leaver')})")


@case(ErrorCode.DUPLICATE_RECORD, 412, "A record with matching key values already exists.")
def _duplicate(api: Api, _: ExitStack) -> requests.Response:
    return post(api, "leads", {"leadid": api.create("leads", {"subject": "L"})})


@case(ErrorCode.ISV_ABORTED, 400, "The sequence 'Draft' is not active for lead.")
def _inactive_sequence(api: Api, _: ExitStack) -> requests.Response:
    sequence = api.create("msdyn_sequences", {"msdyn_name": "Draft", "statecode": 0})
    body = {
        "SequenceId": sequence,
        "RegardingEntityId": api.create("leads", {"subject": "Waiting"}),
        "RegardingEntityName": "lead",
    }
    return post(api, "msdyn_ConnectSequence", body)


@case(ErrorCode.OPPORTUNITY_ALREADY_IN_CLOSED_STATE, 400, "The opportunity is already closed.")
def _closed_opportunity(api: Api, _: ExitStack) -> requests.Response:
    opportunity = api.create("opportunities", {"name": "O"})
    close = {"opportunityid@odata.bind": f"/opportunities({opportunity})"}
    post(api, "WinOpportunity", {"Status": 3, "OpportunityClose": close})
    return post(api, "LoseOpportunity", {"Status": -1, "OpportunityClose": close})


@case(ErrorCode.LEAD_ALREADY_IN_CLOSED_STATE, 400, "The lead is already closed. .+")
def _closed_lead(api: Api, _: ExitStack) -> requests.Response:
    path = lead(api)
    api.patch(path, {"statecode": 2})
    return api.patch(path, {"subject": "Too late"})


@case(ErrorCode.MESSAGE_NOT_IMPLEMENTED, 400, "CreateMultiple has not yet been implemented .+")
def _no_bulk_message(api: Api, _: ExitStack) -> requests.Response:
    target = {"@odata.type": f"{CRM}.systemuser", "lastname": "x"}
    return post(api, f"systemusers/{CRM}.CreateMultiple", {"Targets": [target]})


@case(ErrorCode.QUERY_BUILDER_NO_ENTITY, 400, "The entity with a name = 'nothing' .+")
def _unknown_table(api: Api, _: ExitStack) -> requests.Response:
    return fetch(api, "<link-entity name='nothing' from='a' to='leadid'/>")


@case(
    ErrorCode.QUERY_BUILDER_NO_ATTRIBUTE, 400, "'lead' entity doesn't contain attribute .+'foo'.+"
)
def _unknown_column(api: Api, _: ExitStack) -> requests.Response:
    return fetch(api, "<attribute name='foo'/>")


@case(ErrorCode.USER_NOT_ASSIGNED_ROLES, 403, "The user with id .+ has not been assigned any .+")
def _no_roles(api: Api, _: ExitStack) -> requests.Response:
    path = f"systemusers({CONNECTOR_USER_ID})/systemuserroles_association"
    for role in api.rows(f"{path}?$select=roleid"):
        api.call("DELETE", f"{path}({role['roleid']})/$ref")
    return api.get("WhoAmI")


@case(ErrorCode.TEAM_NOT_ASSIGNED_ROLES, 403, "The team with id .+ has not been assigned .+")
def _team_without_roles(api: Api, _: ExitStack) -> requests.Response:
    return assigned(api, f"/teams({fixed_id('team/roleless')})")


@case(ErrorCode.SQL_ERROR, 500, "Sql error: .+ Sql Number: 1205: .+deadlock victim.+")
def _deadlock(api: Api, _: ExitStack) -> requests.Response:
    api.control("POST", "faults", {"kind": "deadlock"})
    return api.get("WhoAmI")


@case(
    ErrorCode.TOO_MANY_CONDITIONS_IN_QUERY, 400, "Number of conditions in query exceeded .+ limit."
)
def _conditions(api: Api, _: ExitStack) -> requests.Response:
    return api.get("leads?$filter=" + " or ".join(["statecode eq 0"] * 501))


@case(
    ErrorCode.TOO_MANY_LINK_ENTITIES_IN_QUERY, 400, "Number of link entities in query exceeded .+"
)
def _links(api: Api, _: ExitStack) -> requests.Response:
    return fetch(api, "<link-entity name='account' from='accountid' to='parentaccountid'/>" * 16)


@case(
    ErrorCode.TOO_MANY_CONDITION_PARAMETERS_IN_QUERY,
    400,
    "Number of parameters in a condition exceeded maximum limit.",
)
def _values(api: Api, _: ExitStack) -> requests.Response:
    values = "%2C".join(["%221%22"] * 2_001)
    condition = f"{CRM}.In(PropertyName='leadid',PropertyValues=[{values}])"
    return api.get(f"leads?$filter={condition}")


@case(ErrorCode.PICKLIST_VALUE_OUT_OF_RANGE, 400, "A validation error .+ Accepted Values: 1,2,3")
def _option(api: Api, _: ExitStack) -> requests.Response:
    return post(api, "leads", {"leadqualitycode": 99})


@case(ErrorCode.INTEGER_VALUE_OUT_OF_RANGE, 400, "A validation error .+ Accepted Values: 0 to .+")
def _whole_number(api: Api, _: ExitStack) -> requests.Response:
    return post(api, "leads", {"numberofemployees": -1})


@case(ErrorCode.DECIMAL_VALUE_OUT_OF_RANGE, 400, "A validation error .+ Accepted Values: 0.* to .+")
def _amount(api: Api, _: ExitStack) -> requests.Response:
    return post(api, "leads", {"revenue": -1})


@case(
    ErrorCode.STRING_LENGTH_TOO_LONG,
    400,
    "A validation error occurred. The length of the 'telephone1' attribute of the 'lead' entity "
    "exceeded the maximum allowed length of '50'.",
)
def _length(api: Api, _: ExitStack) -> requests.Response:
    return post(api, "leads", {"telephone1": "x" * 51})


@case(ErrorCode.EXPIRED_VERSION_STAMP, 400, "Version stamp .+ has expired. .+ a full sync.")
def _expired_link(api: Api, _: ExitStack) -> requests.Response:
    link = api.get("leads?$select=subject", headers=TRACK).json()["@odata.deltaLink"]
    api.control("POST", "clock", {"advance_seconds": 8 * 86_400})
    later = sign_in(api.server)
    answer = later.get(link)
    later.session.close()
    return answer


@case(ErrorCode.UN_MANAGED_IDS_ACCESS_DENIED, 403, "Principal with id .+ WriteAccess right.+")
def _out_of_reach(api: Api, undo: ExitStack) -> requests.Response:
    path = lead(api, **{"ownerid@odata.bind": f"/systemusers({SELLER})"})
    granted(api, undo, "Write", BASIC)
    return api.patch(path, {"subject": "Not mine"})


@case(ErrorCode.CANNOT_ASSIGN_TO_ACCESS_TEAM, 400, "Cannot assign a record to an access team.+")
def _access_team(api: Api, _: ExitStack) -> requests.Response:
    return assigned(api, f"/teams({fixed_id('team/access')})")


@case(
    ErrorCode.INVALID_STATE_CODE_STATUS_CODE,
    400,
    "4 is not a valid status code for state code 1 on lead.",
)
def _wrong_pair(api: Api, _: ExitStack) -> requests.Response:
    return api.patch(lead(api), {"statecode": 1, "statuscode": 4})


@case(
    ErrorCode.BAD_PAYLOAD,
    400,
    "Error identified in Payload provided by the user for Entity :'leads', .+ ----> "
    "InnerException : Microsoft.OData.ODataException: The property 'foo' does not exist on type .+",
)
def _payload(api: Api, _: ExitStack) -> requests.Response:
    return post(api, "leads", {"foo": 1})


@case(ErrorCode.AGGREGATE_QUERY_RECORD_LIMIT_EXCEEDED, 400, ".*maximum record limit is exceeded.*")
def _aggregate(api: Api, _: ExitStack) -> requests.Response:
    count = "<attribute name='leadid' alias='n' aggregate='count'/>"
    return fetch(api, count, "aggregate='true' aggregatelimit='5'")


@case(
    ErrorCode.CONCURRENCY_VERSION_MISMATCH,
    412,
    "The version of the existing record doesn't match the RowVersion property provided.",
)
def _stale(api: Api, _: ExitStack) -> requests.Response:
    return api.patch(lead(api), {"subject": "x"}, **{"If-Match": 'W/"1"'})


@case(
    ErrorCode.BAD_REQUEST_URL,
    400,
    "Could not find a property named 'foo' on type 'Microsoft.Dynamics.CRM.lead'.",
)
def _url(api: Api, _: ExitStack) -> requests.Response:
    return api.get("leads?$select=foo")


@case(ErrorCode.OPTIMISTIC_CONCURRENCY_NOT_ENABLED, 400, "Optimistic concurrency isn't enabled .+")
def _no_concurrency(api: Api, _: ExitStack) -> requests.Response:
    row = api.rows("teammemberships?$top=1")[0]
    path = f"teammemberships({row['teammembershipid']})"
    return api.call("DELETE", path, headers={"If-Match": row["@odata.etag"]})


@case(ErrorCode.ENTITY_KEY_NOT_DEFINED, 400, "The key in the request URI is not valid .+")
def _no_key(api: Api, _: ExitStack) -> requests.Response:
    return api.get("accounts(name='Keyed')")


@case(ErrorCode.RECORD_NOT_FOUND_BY_ENTITY_KEY, 404, "A record with the specified key values .+")
def _missing_by_key(api: Api, _: ExitStack) -> requests.Response:
    return api.get("accounts(accountnumber='K-8')")


@case(ErrorCode.DUPLICATE_RECORD_ENTITY_KEY, 412, "A record that has the attribute values .+")
def _duplicate_key(api: Api, _: ExitStack) -> requests.Response:
    api.create("accounts", {"name": "One", "accountnumber": "K-7"})
    return post(api, "accounts", {"name": "Twin", "accountnumber": "K-7"})


def limited(api: Api, undo: ExitStack, limits: Limits) -> None:
    api.server.throttle.reset(limits)
    undo.callback(api.server.throttle.reset, Limits())


@case(
    ErrorCode.EXECUTION_TIME_LIMIT_EXCEEDED,
    429,
    "Combined execution time of incoming requests exceeded limit of 1,200,000 milliseconds over "
    "time window of 300 seconds. Decrease number of concurrent requests or reduce the duration of "
    "requests and try again later.",
)
def _execution_time(api: Api, undo: ExitStack) -> requests.Response:
    limited(api, undo, Limits())
    api.server.throttle.spend(api.server.client_id, 1_201)
    return api.get("WhoAmI")


@case(
    ErrorCode.REQUEST_LIMIT_EXCEEDED,
    429,
    "Number of requests exceeded the limit of 0 over time window of 300 seconds.",
)
def _requests(api: Api, undo: ExitStack) -> requests.Response:
    limited(api, undo, Limits(requests=0))
    return api.get("WhoAmI")


@case(
    ErrorCode.CONCURRENCY_LIMIT_EXCEEDED,
    429,
    "Number of concurrent requests exceeded the limit of 0.",
)
def _concurrent(api: Api, undo: ExitStack) -> requests.Response:
    limited(api, undo, Limits(concurrent=0))
    return api.get("WhoAmI")


@case(
    ErrorCode.CHANGE_TRACKING_NOT_ENABLED,
    400,
    "Entity calendar isn't enabled for change tracking.",
)
def _untracked(api: Api, _: ExitStack) -> requests.Response:
    return api.get("calendars", headers=TRACK)


@case(ErrorCode.CHANGE_TRACKING_NOT_ENABLED_FOR_RELATED, 400, ".+teammembership.+")
def _untracked_end(api: Api, undo: ExitStack) -> requests.Response:
    tables = api.server.organization.catalog.tables
    team = tables["team"]
    tables["team"] = replace(team, change_tracking=False)
    undo.callback(tables.__setitem__, "team", team)
    return api.get("teammemberships", headers=TRACK)


@case(ErrorCode.USER_NOT_MEMBER_OF_ORG, 403, "The user is not a member of the organization.")
def _stranger(api: Api, _: ExitStack) -> requests.Response:
    application = fixed_id("stranger/app")
    api.server.tenant.register(application, "secret")
    form = {
        "grant_type": "client_credentials",
        "client_id": application,
        "client_secret": "secret",
        "scope": f"{api.server.url}/.default",
    }
    url = f"{api.server.authority}/{api.server.tenant_id}/oauth2/v2.0/token"
    token = requests.post(url, data=form, timeout=30).json()["access_token"]
    return requests.get(
        f"{api.root}/WhoAmI", headers={"Authorization": f"Bearer {token}"}, timeout=30
    )


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (400, "0x80040224"), (403, "0x80040231"), (412, "0x80040333"), (500, "0x80044151"),
        (500, "0x80044339"), (500, "0x8004418d"), (429, "0x80048544"), (403, "0x8004d24b"),
        (500, "0x80071154"), (429, "0x80072324"), (500, "0x80081111"),
    ],
)  # fmt: skip
def test_codes_that_only_real_environments_provoke_can_be_scripted(
    api: Api, status: int, code: str
) -> None:
    script = {"status": status, "code": code, "message": "As scripted.", "path": "leads"}
    api.control("POST", "faults", script)
    answer = api.get("leads?$top=1")
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)


def test_details_of_an_error_come_on_request_alone(api: Api) -> None:
    wanted = {"Prefer": 'odata.include-annotations="*"'}
    plain, detailed = (api.get("leadz", headers=headers) for headers in ({}, wanted))
    added = set(detailed.json()["error"]) - set(plain.json()["error"])
    assert "@Microsoft.PowerApps.CDS.HelpLink" in added
    assert all(name.startswith("@Microsoft.PowerApps.CDS.") for name in added)
