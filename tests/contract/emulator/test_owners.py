"""Owners: who may own, what follows an owner, and assignments that cascade."""

from connector.emulator.organization import ADMINISTRATOR_ROLE_ID, fixed_id
from tests.contract.emulator.conftest import Api, error_of

OWNER = "_ownerid_value,_owninguser_value,_owningteam_value,_owningbusinessunit_value"
SELLER = fixed_id("systemuser/seller/3")
OTHER = fixed_id("systemuser/seller/4")
TEAM = fixed_id("team/EMEA")


def owner_of(api: Api, path: str) -> str:
    return str(api.get(f"{path}?$select=_ownerid_value").json()["_ownerid_value"])


def assign(api: Api, path: str, owner: str) -> tuple[int, str]:
    answer = api.patch(path, {"ownerid@odata.bind": owner}, **{"If-Match": "*"})
    return (answer.status_code, "") if answer.status_code == 204 else error_of(answer)


def test_the_owning_columns_follow_the_owner(api: Api) -> None:
    lead = api.create("leads", {"subject": "L"})
    assert assign(api, f"leads({lead})", f"/systemusers({SELLER})") == (204, "")
    row = api.get(f"leads({lead})?$select={OWNER}").json()
    unit = api.get(f"systemusers({SELLER})?$select=_businessunitid_value").json()
    assert (row["_owninguser_value"], row["_owningteam_value"]) == (SELLER, None)
    assert row["_owningbusinessunit_value"] == unit["_businessunitid_value"]
    assert assign(api, f"leads({lead})", f"/teams({TEAM})") == (204, "")
    row = api.get(
        f"leads({lead})?$select={OWNER}", headers={"Prefer": 'odata.include-annotations="*"'}
    ).json()
    assert (row["_owninguser_value"], row["_owningteam_value"]) == (None, TEAM)
    assert row["_ownerid_value@Microsoft.Dynamics.CRM.lookuplogicalname"] == "team"


def test_those_who_cannot_own_are_refused(api: Api) -> None:
    lead = f"leads({api.create('leads', {'subject': 'L'})})"
    assert assign(api, lead, f"/teams({fixed_id('team/access')})") == (400, "0x80048340")
    assert assign(api, lead, f"/teams({fixed_id('team/roleless')})") == (403, "0x80042f0a")
    assert assign(api, lead, f"/systemusers({fixed_id('systemuser/leaver')})") == (
        400,
        "0x8004022b",
    )
    assert assign(api, lead, f"/systemusers({fixed_id('systemuser/newcomer')})") == (
        403,
        "0x80040220",
    )
    assert assign(api, lead, f"/systemusers({fixed_id('nobody')})") == (404, "0x80040217")
    for wrong in ("principals", "owners"):
        assert assign(api, lead, f"/{wrong}({SELLER})") == (400, "0x80048d19")
    assert assign(api, lead, f"/queues({fixed_id('queue/Overflow')})") == (400, "0x80048d19")


def test_an_owner_cannot_be_cleared(api: Api) -> None:
    lead = api.create("leads", {"subject": "L"})
    assert error_of(api.patch(f"leads({lead})", {"ownerid": None})) == (400, "0x80040229")


def test_assigning_needs_the_assign_privilege(api: Api) -> None:
    lead = f"leads({api.create('leads', {'subject': 'L'})})"
    roles = api.server.privileges.roles
    roles.revoke(ADMINISTRATOR_ROLE_ID, "Assign", "lead")
    try:
        assert assign(api, lead, f"/systemusers({SELLER})") == (403, "0x80040220")
        assert api.patch(lead, {"subject": "Still mine"}).status_code == 204
    finally:
        roles.grant(ADMINISTRATOR_ROLE_ID, "Assign", "lead")


def test_each_privilege_guards_its_verb(api: Api) -> None:
    lead = f"leads({api.create('leads', {'subject': 'L'})})"
    roles = api.server.privileges.roles
    calls = {
        "Create": lambda: api.call("POST", "leads", json={}),
        "Read": lambda: api.get("leads"),
        "Write": lambda: api.patch(lead, {"subject": "x"}),
        "Delete": lambda: api.call("DELETE", lead),
    }
    for verb, call in calls.items():
        roles.revoke(ADMINISTRATOR_ROLE_ID, verb, "lead")
        try:
            answer = call()
            assert error_of(answer) == (403, "0x80040220")
            assert f"missing prv{verb}Lead privilege" in answer.json()["error"]["message"]
        finally:
            roles.grant(ADMINISTRATOR_ROLE_ID, verb, "lead")


def test_a_new_account_owner_takes_leads_opportunities_and_contacts_along(api: Api) -> None:
    account = api.create("accounts", {"name": "A"})
    customer = {"customerid_account@odata.bind": f"/accounts({account})"}
    parent = {"parentaccountid@odata.bind": f"/accounts({account})"}
    contact = api.create(
        "contacts",
        {"lastname": "C", "parentcustomerid_account@odata.bind": f"/accounts({account})"},
    )
    by_contact = {"customerid_contact@odata.bind": f"/contacts({contact})"}
    following = [
        f"leads({api.create('leads', {'subject': 'customer', **customer})})",
        f"opportunities({api.create('opportunities', {'name': 'customer', **customer})})",
        f"leads({api.create('leads', {'subject': 'by contact', **by_contact})})",
        f"contacts({contact})",
    ]
    staying = f"leads({api.create('leads', {'subject': 'parent only', **parent})})"
    before = owner_of(api, staying)
    assert assign(api, f"accounts({account})", f"/systemusers({OTHER})") == (204, "")
    assert {owner_of(api, path) for path in following} == {OTHER}
    assert owner_of(api, staying) == before


def test_an_unchanged_owner_does_not_cascade(api: Api) -> None:
    account = api.create("accounts", {"name": "A", "ownerid@odata.bind": f"/systemusers({SELLER})"})
    customer = {"customerid_account@odata.bind": f"/accounts({account})"}
    lead = api.create("leads", {"subject": "L", **customer})
    before = owner_of(api, f"leads({lead})")
    assert assign(api, f"accounts({account})", f"/systemusers({SELLER})") == (204, "")
    assert owner_of(api, f"leads({lead})") == before != SELLER


def test_somebody_who_owns_rows_cannot_be_deleted(api: Api) -> None:
    api.create("leads", {"subject": "L", "ownerid@odata.bind": f"/systemusers({SELLER})"})
    answer = api.call("DELETE", f"systemusers({SELLER})")
    assert error_of(answer) == (405, "0x80040227")


def test_deleting_an_account_takes_its_customers_rows_and_unlinks_the_rest(api: Api) -> None:
    account = api.create("accounts", {"name": "A"})
    mine = api.create(
        "leads", {"subject": "c", "customerid_account@odata.bind": f"/accounts({account})"}
    )
    other = api.create(
        "leads", {"subject": "p", "parentaccountid@odata.bind": f"/accounts({account})"}
    )
    assert api.call("DELETE", f"accounts({account})").status_code == 204
    assert api.get(f"leads({mine})").status_code == 404
    row = api.get(f"leads({other})?$select=_parentaccountid_value").json()
    assert row["_parentaccountid_value"] is None
