"""How rows look, how pages follow each other, and what queries are refused."""

import re
from typing import Any

import pytest

from tests.contract.emulator.conftest import Api, error_of

ANNOTATED = {"Prefer": 'odata.include-annotations="*"'}


def test_answers_carry_the_headers_of_the_platform(api: Api) -> None:
    answer = api.get("leads?$top=1", headers={"Prefer": "odata.maxpagesize=3"})
    assert answer.headers["OData-Version"] == "4.0"
    assert answer.headers["Content-Type"] == "application/json; odata.metadata=minimal"
    assert answer.headers["Preference-Applied"] == "odata.maxpagesize=3"
    assert int(answer.headers["x-ms-dop-hint"]) > 0
    assert int(answer.headers["x-ms-ratelimit-burst-remaining-xrm-requests"]) < 6000
    assert re.fullmatch(
        r"[\d,]+\.\d\d", answer.headers["x-ms-ratelimit-time-remaining-xrm-requests"]
    )
    assert answer.headers["Set-Cookie"].startswith("ARRAffinity=")
    assert answer.headers["REQ_ID"]
    assert answer.headers["x-ms-service-request-id"]


def test_rows_always_carry_key_and_etag(api: Api) -> None:
    row = api.rows("leads?$select=subject&$top=1")[0]
    assert list(row) == ["@odata.etag", "subject", "leadid"]
    assert re.fullmatch(r'W/"\d+"', row["@odata.etag"])


def test_empty_columns_are_null_in_odata_and_absent_in_fetchxml(api: Api) -> None:
    lead = api.create("leads", {"subject": "Empty"})
    assert api.get(f"leads({lead})?$select=telephone1").json()["telephone1"] is None
    fetch = (
        "<fetch><entity name='lead'><attribute name='telephone1'/><attribute name='subject'/>"
        f"<filter><condition attribute='leadid' operator='eq' value='{lead}'/></filter></entity></fetch>"
    )
    row = api.get("leads", params={"fetchXml": fetch}).json()["value"][0]
    assert "telephone1" not in row
    assert row["subject"] == "Empty"


def test_values_have_the_types_of_the_wire(api: Api) -> None:
    lead = api.create(
        "leads",
        {
            "subject": "Typed",
            "revenue": 20000,
            "donotemail": True,
            "estimatedclosedate": "2026-12-24",
            "lastonholdtime": "2026-03-31T14:05:09.7+02:00",
        },
    )
    answer = api.get(f"leads({lead})?$select=revenue,donotemail,estimatedclosedate,lastonholdtime")
    assert '"revenue":20000.0000' in answer.text
    row = answer.json()
    assert row["donotemail"] is True
    assert row["estimatedclosedate"] == "2026-12-24"
    assert row["lastonholdtime"] == "2026-03-31T12:05:09Z"
    assert row["_transactioncurrencyid_value"]
    modified = api.get(f"leads({lead})?$select=modifiedon").json()["modifiedon"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", modified)


def test_annotations_come_on_request_and_before_their_value(api: Api) -> None:
    path = "leads?$select=statuscode,_ownerid_value&$top=1"
    assert not [name for name in api.rows(path)[0] if "@OData" in name]
    names = list(api.rows(path, headers=ANNOTATED)[0])
    formatted = "@OData.Community.Display.V1.FormattedValue"
    assert names.index(f"statuscode{formatted}") == names.index("statuscode") - 1
    owner = names.index("_ownerid_value")
    assert names[owner - 3 : owner] == [
        f"_ownerid_value{formatted}",
        "_ownerid_value@Microsoft.Dynamics.CRM.associatednavigationproperty",
        "_ownerid_value@Microsoft.Dynamics.CRM.lookuplogicalname",
    ]


def test_collections_tell_the_metadata_version_on_request(api: Api) -> None:
    document = api.get("leads?$top=1", headers=ANNOTATED).json()
    assert document["@Microsoft.Dynamics.CRM.totalrecordcount"] == -1
    assert document["@Microsoft.Dynamics.CRM.totalrecordcountlimitexceeded"] is False
    assert document["@Microsoft.Dynamics.CRM.globalmetadataversion"].isdigit()


@pytest.mark.parametrize("option", ["$skip=1", "$search=x", "$format=json"])
def test_options_the_platform_lacks_are_refused(api: Api, option: str) -> None:
    assert api.get(f"leads?{option}").status_code == 400


def test_an_unknown_property_is_named(api: Api) -> None:
    answer = api.get("leads?$select=foo")
    assert error_of(answer) == (400, "0x80060888")
    assert answer.json()["error"]["message"] == (
        "Could not find a property named 'foo' on type 'Microsoft.Dynamics.CRM.lead'."
    )


def test_an_unknown_set_is_a_bad_request(api: Api) -> None:
    answer = api.get("leadz")
    assert error_of(answer) == (400, "0x80060888")
    assert "Resource not found for the segment" in answer.json()["error"]["message"]


def collect(api: Api, path: str, size: int | None) -> tuple[list[dict[str, Any]], list[int]]:
    headers = {"Prefer": f"odata.maxpagesize={size}"} if size else {}
    rows: list[dict[str, Any]] = []
    sizes: list[int] = []
    following: str | None = path
    while following:
        document = api.get(following, headers=headers).json()
        rows += document["value"]
        sizes.append(len(document["value"]))
        following = document.get("@odata.nextLink")
    return rows, sizes


def test_pages_cover_the_table_once(api: Api) -> None:
    rows, sizes = collect(api, "leads?$select=subject", 12)
    assert sizes == [12, 12, 6]
    assert len({row["leadid"] for row in rows}) == 30


def test_a_table_of_exactly_two_pages_has_no_third(api: Api) -> None:
    assert collect(api, "leads?$select=subject", 15)[1] == [15, 15]


def test_the_page_size_must_be_sent_again(api: Api) -> None:
    first = api.get("leads?$select=subject", headers={"Prefer": "odata.maxpagesize=10"}).json()
    second = api.get(first["@odata.nextLink"]).json()
    assert len(second["value"]) == 20


def test_top_is_ignored_beside_a_page_size(api: Api) -> None:
    answer = api.get("leads?$select=subject&$top=3", headers={"Prefer": "odata.maxpagesize=10"})
    assert len(answer.json()["value"]) == 10
    plain = api.get("leads?$select=subject&$top=3").json()
    assert len(plain["value"]) == 3
    assert "@odata.nextLink" not in plain


def test_an_altered_link_is_refused(api: Api) -> None:
    first = api.get("leads?$select=subject", headers={"Prefer": "odata.maxpagesize=10"}).json()
    link = first["@odata.nextLink"]
    assert "$skiptoken=" in link
    assert api.get(link.replace("pagenumber", "pagenumbe")).status_code == 400


def test_rows_are_counted(api: Api) -> None:
    assert api.get("leads?$count=true&$top=1").json()["@odata.count"] == 30
    answer = api.get("leads/$count")
    assert (answer.text, answer.headers["Content-Type"]) == ("30", "text/plain")


def test_an_unchanged_row_is_not_sent_again(api: Api) -> None:
    lead = api.create("leads", {"subject": "Same"})
    etag = api.get(f"leads({lead})").headers["ETag"]
    assert api.get(f"leads({lead})", headers={"If-None-Match": etag}).status_code == 304
    api.patch(f"leads({lead})", {"subject": "Other"})
    assert api.get(f"leads({lead})", headers={"If-None-Match": etag}).status_code == 200


def test_related_rows_come_along_with_expand(api: Api) -> None:
    account = api.create("accounts", {"name": "Parent"})
    lead = api.create(
        "leads", {"subject": "Child", "parentaccountid@odata.bind": f"/accounts({account})"}
    )
    row = api.get(f"leads({lead})?$select=subject&$expand=parentaccountid($select=name)").json()
    assert row["parentaccountid"]["name"] == "Parent"
    parent = api.get(f"accounts({account})?$expand=lead_parent_account($select=subject)").json()
    assert [each["subject"] for each in parent["lead_parent_account"]] == ["Child"]
    assert api.get(f"leads({lead})/parentaccountid?$select=name").json()["name"] == "Parent"
    assert len(api.rows(f"accounts({account})/lead_parent_account")) == 1


def test_groups_are_aggregated(api: Api) -> None:
    rows = api.rows("leads?$apply=groupby((statecode),aggregate($count as number))")
    assert sum(row["number"] for row in rows) == 30


def test_single_properties_are_read_and_written(api: Api) -> None:
    lead = api.create("leads", {"subject": "One"})
    assert api.get(f"leads({lead})/subject").json()["value"] == "One"
    assert api.get(f"leads({lead})/subject/$value").text == "One"
    assert api.call("PUT", f"leads({lead})/subject", json={"value": "Two"}).status_code == 204
    assert api.get(f"leads({lead})/subject").json()["value"] == "Two"
    assert api.call("DELETE", f"leads({lead})/subject").status_code == 204
    assert api.get(f"leads({lead})/subject").status_code == 204


def test_what_is_not_served_says_so(api: Api) -> None:
    answer = api.call("POST", "ExportSolution", json={})
    assert answer.status_code == 501
    assert "ExportSolution" in answer.json()["error"]["message"]
