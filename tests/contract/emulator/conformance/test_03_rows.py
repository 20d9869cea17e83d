"""Point 3: how rows look on the wire."""

import re

import pytest

from tests.contract.emulator.conftest import Api

ANNOTATED = {"Prefer": 'odata.include-annotations="*"'}


@pytest.mark.parametrize("select", ["subject", "_ownerid_value", "leadid,subject"])
def test_rows_always_carry_key_and_etag(api: Api, select: str) -> None:
    row = api.rows(f"leads?$select={select}&$top=1")[0]
    assert set(row) == {"@odata.etag", "leadid", *select.split(",")}
    assert next(iter(row)) == "@odata.etag"
    assert re.fullmatch(r'W/"\d+"', row["@odata.etag"])


def test_empty_columns_are_null_in_odata(api: Api) -> None:
    lead = api.create("leads", {"subject": "Empty"})
    row = api.get(f"leads({lead})?$select=telephone1,_parentaccountid_value").json()
    assert (row["telephone1"], row["_parentaccountid_value"]) == (None, None)


def test_empty_columns_are_absent_in_fetchxml(api: Api) -> None:
    lead = api.create("leads", {"subject": "Empty"})
    fetch = (
        "<fetch><entity name='lead'><attribute name='telephone1'/><attribute name='subject'/>"
        f"<filter><condition attribute='leadid' operator='eq' value='{lead}'/></filter></entity></fetch>"
    )
    row = api.get("leads", params={"fetchXml": fetch}).json()["value"][0]
    assert set(row) == {"@odata.etag", "subject", "leadid"}


def test_annotations_come_only_on_request(api: Api) -> None:
    path = "leads?$select=statuscode,_ownerid_value&$top=1"
    assert [name for name in api.rows(path)[0] if "@" in name] == ["@odata.etag"]
    formatted = {"Prefer": 'odata.include-annotations="OData.Community.Display.V1.FormattedValue"'}
    row = api.rows(path, headers=formatted)[0]
    assert row["statuscode@OData.Community.Display.V1.FormattedValue"]
    assert not [name for name in row if "Microsoft" in name]


def test_annotations_come_before_their_value(api: Api) -> None:
    path = "leads?$select=statuscode,_ownerid_value&$top=1"
    names = list(api.rows(path, headers=ANNOTATED)[0])
    formatted = "@OData.Community.Display.V1.FormattedValue"
    assert names.index(f"statuscode{formatted}") == names.index("statuscode") - 1
    owner = names.index("_ownerid_value")
    assert names[owner - 3 : owner] == [
        f"_ownerid_value{formatted}",
        "_ownerid_value@Microsoft.Dynamics.CRM.associatednavigationproperty",
        "_ownerid_value@Microsoft.Dynamics.CRM.lookuplogicalname",
    ]


def test_amounts_of_money_have_four_decimals_and_bring_their_currency(api: Api) -> None:
    lead = api.create("leads", {"subject": "Typed", "revenue": 20000})
    answer = api.get(f"leads({lead})?$select=revenue")
    assert '"revenue":20000.0000' in answer.text
    assert answer.json()["_transactioncurrencyid_value"]


def test_instants_are_in_utc_with_whole_seconds(api: Api) -> None:
    body = {"subject": "Typed", "lastonholdtime": "2026-03-31T14:05:09.7+02:00"}
    row = api.get(f"leads({api.create('leads', body)})?$select=modifiedon,lastonholdtime").json()
    assert row["lastonholdtime"] == "2026-03-31T12:05:09Z"
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", row["modifiedon"])


def test_columns_of_date_only_behaviour_are_days(api: Api) -> None:
    body = {"subject": "Typed", "estimatedclosedate": "2026-12-24"}
    row = api.get(f"leads({api.create('leads', body)})?$select=estimatedclosedate").json()
    assert row["estimatedclosedate"] == "2026-12-24"
    late = api.call("POST", "leads", json={"estimatedclosedate": "2026-12-24T10:00:00Z"})
    assert late.status_code == 400
