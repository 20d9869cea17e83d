"""Point 10: lookups, owners, and assignments that cascade."""

import pytest

from connector.emulator.organization.organization import fixed_id
from tests.contract.emulator.conftest import Api, error_of

MISSING = "00000000-0000-4000-8000-00000000dead"
OWNER = "_ownerid_value,_owninguser_value,_owningteam_value,_owningbusinessunit_value"
SELLER = fixed_id("systemuser/seller/3")
OTHER = fixed_id("systemuser/seller/4")
TEAM = fixed_id("team/EMEA")


def owner_of(api: Api, path: str) -> str:
    return str(api.get(f"{path}?$select=_ownerid_value").json()["_ownerid_value"])


def assign(api: Api, path: str, owner: str) -> tuple[int, str]:
    answer = api.patch(path, {"ownerid@odata.bind": owner}, **{"If-Match": "*"})
    return (answer.status_code, "") if answer.status_code == 204 else error_of(answer)


@pytest.mark.parametrize("name", ["ParentAccountId", "parentAccountid", "account"])
def test_navigation_names_are_case_sensitive(api: Api, name: str) -> None:
    answer = api.call("POST", "leads", json={f"{name}@odata.bind": f"/accounts({MISSING})"})
    assert error_of(answer) == (400, "0x80048d19")


def test_an_undeclared_navigation_is_named_in_the_platforms_words(api: Api) -> None:
    answer = api.call("POST", "leads", json={"ParentAccountId@odata.bind": f"/accounts({MISSING})"})
    message = answer.json()["error"]["message"]
    assert message.startswith(
        "Error identified in Payload provided by the user for Entity :'leads'"
    )
    assert message.endswith(
        " ----> InnerException : Microsoft.OData.ODataException: An undeclared property "
        "'ParentAccountId' which only has property annotations in the payload but no property value "
        "was found in the payload. In OData, only declared navigation properties and declared named "
        "streams can be represented as properties without values."
    )


def test_custom_lookups_are_bound_by_their_schema_name(api: Api) -> None:
    sequence = fixed_id("sequence/Web enquiry")
    body = {"subject": "L", "lrobin_SequenceId@odata.bind": f"/msdyn_sequences({sequence})"}
    lead = api.create("leads", body)
    row = api.get(f"leads({lead})?$select=_lrobin_sequenceid_value").json()
    assert row["_lrobin_sequenceid_value"] == sequence


def test_a_null_bind_is_refused(api: Api) -> None:
    answer = api.call("POST", "leads", json={"parentaccountid@odata.bind": None})
    assert error_of(answer) == (400, "0x80048d19")
    assert "The 'odata.bind' instance or property annotation has a null value" in answer.text


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


@pytest.fixture
def lead(api: Api) -> str:
    """The path of a new lead."""
    return f"leads({api.create('leads', {'subject': 'L'})})"


def test_an_access_team_cannot_own(api: Api, lead: str) -> None:
    assert assign(api, lead, f"/teams({fixed_id('team/access')})") == (400, "0x80048340")


def test_a_disabled_user_cannot_own(api: Api, lead: str) -> None:
    leaver = f"/systemusers({fixed_id('systemuser/leaver')})"
    assert assign(api, lead, leaver) == (400, "0x8004022b")


def test_an_owner_needs_a_role_that_reads_the_table(api: Api, lead: str) -> None:
    assert assign(api, lead, f"/teams({fixed_id('team/roleless')})") == (403, "0x80042f0a")
    newcomer = f"/systemusers({fixed_id('systemuser/newcomer')})"
    assert assign(api, lead, newcomer) == (403, "0x80040220")


def test_an_owner_is_bound_as_the_user_or_team_it_is(api: Api, lead: str) -> None:
    for wrong in (f"principals({SELLER})", f"owners({SELLER})", f"queues({SELLER})"):
        assert assign(api, lead, f"/{wrong}") == (400, "0x80048d19")
    assert assign(api, lead, f"/systemusers({MISSING})") == (404, "0x80040217")


def test_an_owner_cannot_be_cleared(api: Api) -> None:
    lead = api.create("leads", {"subject": "L"})
    assert error_of(api.patch(f"leads({lead})", {"ownerid": None})) == (400, "0x80040229")


def below(api: Api, **bind: str) -> list[str]:
    """A lead and an opportunity of one customer."""
    return [
        f"leads({api.create('leads', {'subject': 'customer', **bind})})",
        f"opportunities({api.create('opportunities', {'name': 'customer', **bind})})",
    ]


def test_a_new_account_owner_takes_leads_opportunities_and_contacts_along(api: Api) -> None:
    account = api.create("accounts", {"name": "A"})
    bind = f"/accounts({account})"
    body = {"lastname": "C", "parentcustomerid_account@odata.bind": bind}
    contact = api.create("contacts", body)
    following = [
        f"contacts({contact})",
        *below(api, **{"customerid_account@odata.bind": bind}),
        *below(api, **{"customerid_contact@odata.bind": f"/contacts({contact})"}),
    ]
    staying = below(api, **{"parentaccountid@odata.bind": bind})
    before = [owner_of(api, path) for path in staying]
    assert assign(api, f"accounts({account})", f"/systemusers({OTHER})") == (204, "")
    assert {owner_of(api, path) for path in following} == {OTHER}
    assert [owner_of(api, path) for path in staying] == before


def test_a_new_contact_owner_takes_leads_and_opportunities_along(api: Api) -> None:
    contact = api.create("contacts", {"lastname": "C"})
    following = below(api, **{"customerid_contact@odata.bind": f"/contacts({contact})"})
    assert assign(api, f"contacts({contact})", f"/systemusers({OTHER})") == (204, "")
    assert {owner_of(api, path) for path in following} == {OTHER}


def test_a_cascade_can_come_later(api: Api) -> None:
    account = api.create("accounts", {"name": "A"})
    following = below(api, **{"customerid_account@odata.bind": f"/accounts({account})"})
    before = {owner_of(api, path) for path in following}
    api.control("POST", "behaviour", {"cascade_delay_seconds": 10})
    try:
        assign(api, f"accounts({account})", f"/systemusers({OTHER})")
        assert {owner_of(api, path) for path in following} == before
        api.control("POST", "clock", {"advance_seconds": 10})
        assert {owner_of(api, path) for path in following} == {OTHER}
    finally:
        api.control("POST", "behaviour", {"cascade_delay_seconds": 0})


def test_an_unchanged_owner_does_not_cascade(api: Api) -> None:
    account = api.create("accounts", {"name": "A", "ownerid@odata.bind": f"/systemusers({SELLER})"})
    customer = {"customerid_account@odata.bind": f"/accounts({account})"}
    lead = api.create("leads", {"subject": "L", **customer})
    before = owner_of(api, f"leads({lead})")
    assert assign(api, f"accounts({account})", f"/systemusers({SELLER})") == (204, "")
    assert owner_of(api, f"leads({lead})") == before != SELLER
