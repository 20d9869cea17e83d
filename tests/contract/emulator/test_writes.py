"""Writes: create, update, upsert, delete, preconditions, lookups, states."""

import pytest

from tests.contract.emulator.conftest import Api, error_of

MISSING = "00000000-0000-4000-8000-00000000dead"


def test_a_key_given_twice_is_a_duplicate(api: Api) -> None:
    body = {"leadid": MISSING, "subject": "Mine"}
    assert api.call("POST", "leads", json=body).status_code == 204
    assert error_of(api.call("POST", "leads", json=body)) == (412, "0x80040237")


def test_related_rows_are_created_in_one_request_or_not_at_all(api: Api) -> None:
    body = {
        "name": "Deep",
        "primarycontactid": {"lastname": "Head"},
        "lead_parent_account": [{"subject": "One"}, {"subject": "Two"}],
    }
    account = api.create("accounts", body)
    row = api.get(f"accounts({account})?$expand=primarycontactid($select=lastname)").json()
    assert row["primarycontactid"]["lastname"] == "Head"
    assert len(api.rows(f"leads?$filter=_parentaccountid_value eq {account}")) == 2
    body = {"name": "Shallow", "lead_parent_account": [{"nonsense": 1}]}
    assert api.call("POST", "accounts", json=body).status_code == 400
    assert api.rows("accounts?$filter=name eq 'Shallow'") == []


def test_delete_removes_the_row_once(api: Api) -> None:
    lead = api.create("leads", {"subject": "Gone"})
    stale = api.call("DELETE", f"leads({lead})", headers={"If-Match": 'W/"1"'})
    assert error_of(stale) == (412, "0x80060882")
    assert api.call("DELETE", f"leads({lead})").status_code == 204
    assert error_of(api.call("DELETE", f"leads({lead})")) == (404, "0x80040217")


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"subject": "x" * 51}, "0x80044331"),
        ({"leadqualitycode": 99}, "0x8004431a"),
        ({"numberofemployees": -1}, "0x8004432f"),
        ({"revenue": -1}, "0x80044330"),
        ({"subject": 5}, "0x80048d19"),
        ({"donotemail": "yes"}, "0x80048d19"),
        ({"estimatedclosedate": "2026-12-24T10:00:00Z"}, "0x80048d19"),
        ({"lastonholdtime": "1700-01-01T00:00:00Z"}, "0x80048d19"),
        ({"nonsense": 1}, "0x80048d19"),
        ({"_ownerid_value": MISSING}, "0x80048d19"),
    ],
    ids=["long", "option", "integer", "money", "text", "flag", "day", "floor", "unknown", "lookup"],
)
def test_values_that_do_not_fit_are_refused(api: Api, body: dict[str, object], code: str) -> None:
    assert error_of(api.call("POST", "leads", json=body)) == (400, code)


def test_a_body_that_is_no_json_object_is_refused(api: Api) -> None:
    for body in ("", "{", "[]", "7", "null", "[" * 5000):
        answer = api.call("POST", "leads", data=body, headers={"Content-Type": "application/json"})
        assert error_of(answer) == (400, "0x80048d19")


def test_columns_of_the_server_are_left_alone(api: Api) -> None:
    body = {
        "subject": "Mine",
        "modifiedon": "2001-01-01T00:00:00Z",
        "versionnumber": 5,
        "fullname": "X",
    }
    lead = api.create("leads", body)
    row = api.get(f"leads({lead})").json()
    assert row["modifiedon"] == "2026-11-23T09:00:00Z"
    assert row["versionnumber"] > 5
    assert row["fullname"] is None


def test_lookups_are_bound_in_every_form_and_cleared(api: Api) -> None:
    account = api.create("accounts", {"name": "A", "accountnumber": "N-9"})
    lead = api.create("leads", {"subject": "L"})
    forms = [
        f"/accounts({account})",
        f"accounts({account})",
        "/accounts(accountnumber='N-9')",
        f"{api.root}/accounts({account})",
    ]
    for uri in forms:
        assert api.patch(f"leads({lead})", {"parentaccountid@odata.bind": uri}).status_code == 204
        row = api.get(f"leads({lead})?$select=_parentaccountid_value").json()
        assert row["_parentaccountid_value"] == account
        assert api.patch(f"leads({lead})", {"parentaccountid": None}).status_code == 204
        row = api.get(f"leads({lead})?$select=_parentaccountid_value").json()
        assert row["_parentaccountid_value"] is None


def test_references_are_set_added_and_removed(api: Api) -> None:
    account = api.create("accounts", {"name": "A"})
    lead = api.create("leads", {"subject": "L"})
    body = {"@odata.id": f"{api.root}/accounts({account})"}
    assert api.call("PUT", f"leads({lead})/parentaccountid/$ref", json=body).status_code == 204
    reference = api.get(f"leads({lead})/parentaccountid/$ref").json()
    assert reference["@odata.id"] == f"{api.root}/accounts({account})"
    assert api.call("DELETE", f"leads({lead})/parentaccountid/$ref").status_code == 204
    body = {"@odata.id": f"{api.root}/leads({lead})"}
    path = f"accounts({account})/lead_parent_account"
    assert api.call("POST", f"{path}/$ref", json=body).status_code == 204
    assert len(api.rows(path)) == 1
    assert api.call("DELETE", f"{path}({lead})/$ref").status_code == 204
    assert api.rows(path) == []


def test_members_of_many_to_many_relationships_come_and_go(api: Api) -> None:
    team = api.create("teams", {"name": "Squad"})
    user = api.rows("systemusers?$select=fullname&$top=1")[0]["systemuserid"]
    path = f"teams({team})/teammembership_association"
    body = {"@odata.id": f"{api.root}/systemusers({user})"}
    assert api.call("POST", f"{path}/$ref", json=body).status_code == 204
    assert [row["systemuserid"] for row in api.rows(path)] == [user]
    uri = f"{path}/$ref?$id={api.root}/systemusers({user})"
    assert api.call("DELETE", uri).status_code == 204
    assert api.rows(path) == []


def test_a_bind_to_a_missing_row_names_that_row(api: Api) -> None:
    answer = api.call("POST", "leads", json={"parentaccountid@odata.bind": f"/accounts({MISSING})"})
    assert error_of(answer) == (404, "0x80040217")
    assert answer.json()["error"]["message"].startswith("account With Id")


def test_rows_are_found_and_upserted_by_alternate_key(api: Api) -> None:
    assert api.patch("accounts(accountnumber='K-7')", {"name": "Keyed"}).status_code == 204
    row = api.get("accounts(accountnumber='K-7')").json()
    assert (row["name"], row["accountnumber"]) == ("Keyed", "K-7")
    assert error_of(api.get("accounts(accountnumber='K-8')")) == (404, "0x80060891")
    assert error_of(api.get("accounts(name='Keyed')")) == (400, "0x80060890")
    twice = api.call("POST", "accounts", json={"name": "Twin", "accountnumber": "K-7"})
    assert error_of(twice) == (412, "0x80060892")


def test_a_verb_that_a_resource_lacks_is_not_allowed(api: Api) -> None:
    assert api.call("DELETE", "leads").status_code == 405
    assert api.call("POST", "WhoAmI").status_code == 405
