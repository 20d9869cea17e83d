"""Owners: who may own, what follows an owner, and assignments that cascade."""

from collections.abc import Callable

import requests

from connector.emulator.organization.organization import ADMINISTRATOR_ROLE_ID, fixed_id
from tests.contract.emulator.conftest import Api, error_of

SELLER = fixed_id("systemuser/seller/3")
OTHER = fixed_id("systemuser/seller/4")


def owner_of(api: Api, path: str) -> str:
    return str(api.get(f"{path}?$select=_ownerid_value").json()["_ownerid_value"])


def assign(api: Api, path: str, owner: str) -> tuple[int, str]:
    answer = api.patch(path, {"ownerid@odata.bind": owner}, **{"If-Match": "*"})
    return (answer.status_code, "") if answer.status_code == 204 else error_of(answer)


def test_assigning_needs_the_assign_privilege(api: Api) -> None:
    lead = f"leads({api.create('leads', {'subject': 'L'})})"
    roles = api.server.privileges.roles
    roles.grant(ADMINISTRATOR_ROLE_ID, "Assign", "lead", depth=0)
    try:
        assert assign(api, lead, f"/systemusers({SELLER})") == (403, "0x80040220")
        assert api.patch(lead, {"subject": "Still mine"}).status_code == 204
    finally:
        roles.grant(ADMINISTRATOR_ROLE_ID, "Assign", "lead")


def test_each_privilege_guards_its_verb(api: Api) -> None:
    lead = f"leads({api.create('leads', {'subject': 'L'})})"
    roles = api.server.privileges.roles
    calls: dict[str, Callable[[], requests.Response]] = {
        "Create": lambda: api.call("POST", "leads", json={}),
        "Read": lambda: api.get("leads"),
        "Write": lambda: api.patch(lead, {"subject": "x"}),
        "Delete": lambda: api.call("DELETE", lead),
    }
    for verb, call in calls.items():
        roles.grant(ADMINISTRATOR_ROLE_ID, verb, "lead", depth=0)
        try:
            answer = call()
            assert error_of(answer) == (403, "0x80040220")
            assert f"missing prv{verb}Lead privilege" in answer.json()["error"]["message"]
        finally:
            roles.grant(ADMINISTRATOR_ROLE_ID, verb, "lead")


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
