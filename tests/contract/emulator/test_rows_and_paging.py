"""How rows look, how pages follow each other, and what queries are refused."""

from tests.contract.emulator.conftest import Api

ANNOTATED = {"Prefer": 'odata.include-annotations="*"'}


def test_collections_tell_the_metadata_version_on_request(api: Api) -> None:
    document = api.get("leads?$top=1", headers=ANNOTATED).json()
    assert document["@Microsoft.Dynamics.CRM.totalrecordcount"] == -1
    assert document["@Microsoft.Dynamics.CRM.totalrecordcountlimitexceeded"] is False
    assert document["@Microsoft.Dynamics.CRM.globalmetadataversion"].isdigit()


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
