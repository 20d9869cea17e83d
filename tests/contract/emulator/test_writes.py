"""Writes: create, update, upsert, delete, preconditions, lookups, states."""

import pytest

from connector.emulator.organization import fixed_id
from tests.contract.emulator.conftest import Api, error_of

MISSING = "00000000-0000-4000-8000-00000000dead"


def etag(api: Api, path: str) -> str:
    return str(api.get(path).json()["@odata.etag"])


def test_create_answers_204_with_the_new_url(api: Api) -> None:
    answer = api.call("POST", "leads", json={"subject": "New", "lastname": "Person"})
    assert (answer.status_code, answer.content) == (204, b"")
    url = answer.headers["OData-EntityId"]
    assert url.startswith(f"{api.root}/leads(")
    assert api.get(url).json()["fullname"] == "Person"


def test_create_answers_201_with_the_row_on_request(api: Api) -> None:
    headers = {"Prefer": "return=representation"}
    answer = api.call("POST", "leads?$select=subject", json={"subject": "Shown"}, headers=headers)
    assert answer.status_code == 201
    assert answer.headers["Preference-Applied"] == "return=representation"
    assert "OData-EntityId" not in answer.headers
    assert answer.json()["subject"] == "Shown"
    assert answer.json()["@odata.context"].endswith("#leads(subject)/$entity")


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


@pytest.mark.parametrize(
    ("header", "value", "on_row", "on_nothing"),
    [
        (None, None, 204, 204),
        ("If-Match", "*", 204, 404),
        ("If-None-Match", "*", 412, 204),
        ("If-Match", "current", 204, 404),
        ("If-Match", 'W/"1"', 412, 404),
    ],
    ids=["plain", "if-match any", "if-none-match any", "if-match current", "if-match stale"],
)
def test_patch_updates_or_creates_as_its_condition_says(
    api: Api, header: str | None, value: str | None, on_row: int, on_nothing: int
) -> None:
    lead = api.create("leads", {"subject": "Before"})
    if value == "current":
        value = etag(api, f"leads({lead})")
    headers = {header: str(value)} if header else {}
    body = {"subject": "After"}
    assert api.call("PATCH", f"leads({lead})", json=body, headers=headers).status_code == on_row
    answer = api.call("PATCH", f"leads({MISSING})", json=body, headers=headers)
    assert answer.status_code == on_nothing
    assert api.get(f"leads({MISSING})").status_code == (200 if on_nothing == 204 else 404)


def test_refused_conditions_have_their_codes(api: Api) -> None:
    lead = api.create("leads", {"subject": "Before"})
    stale = api.patch(f"leads({lead})", {"subject": "x"}, **{"If-Match": 'W/"1"'})
    assert error_of(stale) == (412, "0x80060882")
    assert stale.json()["error"]["message"] == (
        "The version of the existing record doesn't match the RowVersion property provided."
    )
    exists = api.patch(f"leads({lead})", {"subject": "x"}, **{"If-None-Match": "*"})
    assert error_of(exists) == (412, "0x80040237")
    absent = api.patch(f"leads({MISSING})", {"subject": "x"}, **{"If-Match": "*"})
    assert error_of(absent) == (404, "0x80040217")
    assert absent.json()["error"]["message"] == f"lead With Id = {MISSING} Does Not Exist"


def test_patch_answers_with_the_row_on_request(api: Api) -> None:
    lead = api.create("leads", {"subject": "Before"})
    headers = {"Prefer": "return=representation"}
    body = {"subject": "After"}
    answer = api.call("PATCH", f"leads({lead})?$select=subject", json=body, headers=headers)
    assert (answer.status_code, answer.json()["subject"]) == (200, "After")
    answer = api.call("PATCH", f"leads({MISSING})", json=body, headers=headers)
    assert answer.status_code == 201


def test_identical_values_still_raise_the_version(api: Api) -> None:
    lead = api.create("leads", {"subject": "Same"})
    before = api.get(f"leads({lead})").json()
    api.control("POST", "clock", {"advance_seconds": 60})
    answer = api.patch(f"leads({lead})", {"subject": "Same"})
    after = api.get(f"leads({lead})").json()
    assert after["versionnumber"] > before["versionnumber"]
    assert after["modifiedon"] > before["modifiedon"]
    assert answer.headers["OData-EntityId"] == f"{api.root}/leads({lead})"


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


def test_navigation_names_are_case_sensitive(api: Api) -> None:
    answer = api.call("POST", "leads", json={"ParentAccountId@odata.bind": f"/accounts({MISSING})"})
    assert error_of(answer) == (400, "0x80048d19")
    message = answer.json()["error"]["message"]
    assert message.startswith(
        "Error identified in Payload provided by the user for Entity :'leads'"
    )
    assert "An undeclared property 'ParentAccountId' which only has property annotations" in message


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


def test_a_state_brings_its_default_status(api: Api) -> None:
    lead = api.create("leads", {"subject": "L"})
    for state, status in ((2, 4), (0, 1), (1, 3)):
        assert api.patch(f"leads({lead})", {"statecode": state}).status_code == 204
        row = api.get(f"leads({lead})?$select=statecode,statuscode").json()
        assert (row["statecode"], row["statuscode"]) == (state, status)


@pytest.mark.parametrize(
    ("entity_set", "body"),
    [
        ("leads", {"statecode": 1, "statuscode": 4}),
        ("leads", {"statuscode": 3}),
        ("opportunities", {"statecode": 2, "statuscode": 3}),
    ],
)
def test_a_status_of_another_state_is_refused(
    api: Api, entity_set: str, body: dict[str, int]
) -> None:
    name = "subject" if entity_set == "leads" else "name"
    row = api.create(entity_set, {name: "S"})
    assert error_of(api.patch(f"{entity_set}({row})", body)) == (400, "0x80048408")


@pytest.mark.parametrize(
    ("entity_set", "name", "code"),
    [("leads", "subject", "0x80040519"), ("opportunities", "name", "0x80040515")],
)
def test_closed_rows_are_read_only_until_they_are_opened(
    api: Api, entity_set: str, name: str, code: str
) -> None:
    row = api.create(entity_set, {name: "Closing"})
    assert api.patch(f"{entity_set}({row})", {"statecode": 2}).status_code == 204
    assert error_of(api.patch(f"{entity_set}({row})", {name: "No"})) == (400, code)
    assert api.patch(f"{entity_set}({row})", {"statecode": 0, name: "Yes"}).status_code == 204


def test_a_verb_that_a_resource_lacks_is_not_allowed(api: Api) -> None:
    assert api.call("DELETE", "leads").status_code == 405
    assert api.call("POST", "WhoAmI").status_code == 405
    assert api.call("PATCH", "EntityDefinitions", json={}).status_code == 405
