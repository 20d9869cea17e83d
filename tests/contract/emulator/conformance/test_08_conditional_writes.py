"""Point 8: creating, upserting and the preconditions of both."""

import pytest

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


def test_a_stale_etag_is_a_412(api: Api) -> None:
    lead = api.create("leads", {"subject": "Before"})
    stale = api.patch(f"leads({lead})", {"subject": "x"}, **{"If-Match": 'W/"1"'})
    assert error_of(stale) == (412, "0x80060882")
    assert stale.json()["error"]["message"] == (
        "The version of the existing record doesn't match the RowVersion property provided."
    )
    assert api.get(f"leads({lead})?$select=subject").json()["subject"] == "Before"


def test_if_none_match_any_on_a_row_that_exists_is_a_412(api: Api) -> None:
    lead = api.create("leads", {"subject": "Before"})
    exists = api.patch(f"leads({lead})", {"subject": "x"}, **{"If-None-Match": "*"})
    assert error_of(exists) == (412, "0x80040237")
    assert exists.json()["error"]["message"] == (
        "A record with matching key values already exists."
    )


def test_if_match_any_on_a_row_that_is_missing_is_a_404(api: Api) -> None:
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


def test_a_patch_without_conditions_creates_what_is_missing(api: Api) -> None:
    answer = api.patch(f"leads({MISSING})", {"subject": "Made"})
    assert (answer.status_code, answer.content) == (204, b"")
    assert answer.headers["OData-EntityId"] == f"{api.root}/leads({MISSING})"
    assert api.get(f"leads({MISSING})?$select=subject").json()["subject"] == "Made"
