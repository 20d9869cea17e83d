"""Answers in the form clients ask for: control information, compression, ways to spell a URL."""

import gzip
from typing import Any

import pytest
import requests

from tests.contract.emulator.conftest import Api, error_of

COLUMNS = "$select=subject,createdon,revenue,estimatedclosedate,_ownerid_value"


def accept(level: str) -> dict[str, str]:
    return {"Accept": f"application/json;odata.metadata={level}"}


def first_lead(api: Api, **arguments: Any) -> dict[str, Any]:
    path = f"leads?{COLUMNS}&$orderby=createdon,leadid&$filter=revenue ne null"
    return api.rows(path, **arguments)[0]


def test_minimal_control_information_is_the_default(api: Api) -> None:
    assert first_lead(api, headers=accept("minimal")) == first_lead(api)
    kind = api.get("leads", headers=accept("minimal")).headers["Content-Type"]
    assert kind == "application/json; odata.metadata=minimal"


def test_no_control_information_leaves_values_and_links(api: Api) -> None:
    plain = first_lead(api)
    row = first_lead(api, headers=accept("none"))
    assert row == {name: value for name, value in plain.items() if not name.startswith("@odata.")}
    page = {"Prefer": "odata.maxpagesize=2", **accept("none")}
    answer = api.get("leads?$select=subject&$count=true", headers=page)
    assert set(answer.json()) == {"@odata.count", "@odata.nextLink", "value"}
    assert answer.headers["Content-Type"] == "application/json; odata.metadata=none"


def test_amounts_keep_their_four_decimals_without_control_information(api: Api) -> None:
    lead = api.create("leads", {"subject": "L", "revenue": 20000})
    text = api.get(f"leads({lead})?$select=revenue", headers=accept("none")).text
    assert '"revenue":20000.0000' in text


def test_full_control_information_names_type_id_and_edit_link(api: Api) -> None:
    row = first_lead(api, headers=accept("full"))
    lead = row["leadid"]
    assert row["@odata.type"] == "#Microsoft.Dynamics.CRM.lead"
    assert row["@odata.id"] == f"{api.root}/leads({lead})"
    assert row["@odata.editLink"] == f"leads({lead})"
    assert row["leadid@odata.type"] == row["_ownerid_value@odata.type"] == "#Guid"
    assert row["createdon@odata.type"] == "#DateTimeOffset"
    assert row["revenue@odata.type"] == "#Decimal"
    assert "subject@odata.type" not in row
    alone = api.get(f"leads({lead})?{COLUMNS}", headers=accept("full")).json()
    assert alone["@odata.id"] == row["@odata.id"]
    assert next(iter(alone)) == "@odata.context"


def test_full_control_information_of_what_is_no_row_is_minimal(api: Api) -> None:
    assert api.get("WhoAmI", headers=accept("full")).json() == api.get("WhoAmI").json()


def raw(api: Api, path: str, **headers: str) -> requests.Response:
    return api.get(path, headers=headers, stream=True)


def test_a_long_answer_is_compressed_for_who_takes_it(api: Api) -> None:
    answer = raw(api, "leads", **{"Accept-Encoding": "gzip, deflate"})
    assert answer.headers["Content-Encoding"] == "gzip"
    data = answer.raw.read(decode_content=False)
    assert len(data) == int(answer.headers["Content-Length"])
    plain = raw(api, "leads", **{"Accept-Encoding": "identity"})
    assert "Content-Encoding" not in plain.headers
    assert gzip.decompress(data) == plain.content
    assert len(data) < len(plain.content) / 2


@pytest.mark.parametrize("encoding", ["identity", "br", "gzip;q=0", "gzip; q=0.0, br", ""])
def test_an_answer_is_plain_for_who_does_not_take_gzip(api: Api, encoding: str) -> None:
    assert "Content-Encoding" not in raw(api, "leads", **{"Accept-Encoding": encoding}).headers


def test_a_short_answer_is_never_compressed(api: Api) -> None:
    answer = raw(api, "WhoAmI", **{"Accept-Encoding": "gzip"})
    assert "Content-Encoding" not in answer.headers


@pytest.mark.parametrize(
    "spelling", ["/API/Data/V9.2", "//api/data/v9.2", "/api/data/v9.1", "/api/data/v9.0"]
)
def test_the_root_is_found_however_it_is_spelled(api: Api, spelling: str) -> None:
    answer = api.get(f"{api.server.url}{spelling}/leads?$select=subject&$top=1")
    assert answer.status_code == 200
    assert f"/api/data/{spelling[-4:].lower()}/$metadata" in answer.json()["@odata.context"]


def test_an_unknown_version_is_not_found(api: Api) -> None:
    assert api.get(f"{api.server.url}/api/data/v7.0/leads").status_code == 404


def test_several_preferences_are_applied_and_echoed(api: Api) -> None:
    prefer = {"Prefer": 'return=representation,odata.include-annotations="*"'}
    answer = api.call("POST", "leads?$select=statecode", json={"subject": "L"}, headers=prefer)
    assert answer.status_code == 201
    assert answer.json()["statecode@OData.Community.Display.V1.FormattedValue"] == "Open"
    applied = answer.headers["Preference-Applied"]
    assert "return=representation" in applied
    assert "odata.include-annotations" in applied


def test_a_lookup_is_bound_by_an_absolute_url(api: Api) -> None:
    account = api.create("accounts", {"name": "A"})
    bind = {"parentaccountid@odata.bind": f"{api.root}/accounts({account})"}
    lead = api.create("leads", {"subject": "L", **bind})
    row = api.get(f"leads({lead})?$select=_parentaccountid_value").json()
    assert row["_parentaccountid_value"] == account


def test_columns_may_be_selected_with_blanks_between(api: Api) -> None:
    row = api.rows("leads?$select=subject, firstname ,lastname&$top=1")[0]
    assert {"subject", "firstname", "lastname"} < set(row)


def test_a_batch_with_lower_case_headers_and_no_quotes_is_read(api: Api) -> None:
    body = (
        "--b\r\ncontent-type: application/http\r\ncontent-transfer-encoding: binary\r\n\r\n"
        "GET /api/data/v9.2/WhoAmI HTTP/1.1\r\naccept: application/json\r\n\r\n\r\n--b--\r\n"
    )
    kind = {"content-type": "multipart/mixed;boundary=b"}
    answer = api.call("POST", "$batch", data=body, headers=kind)
    assert answer.status_code == 200
    assert '"UserId"' in answer.text


def test_the_platform_tells_its_version_and_organization(api: Api) -> None:
    assert api.get("RetrieveVersion").json()["Version"].startswith("9.2.")
    path = (
        "RetrieveCurrentOrganization(AccessType=Microsoft.Dynamics.CRM.EndpointAccessType'Default')"
    )
    detail = api.get(path).json()["Detail"]
    assert detail["OrganizationId"] == api.get("WhoAmI").json()["OrganizationId"]
    assert detail["Endpoints"]["Values"][0] == f"{api.server.url}/"


def test_a_method_that_is_not_served_is_refused(api: Api) -> None:
    assert error_of(api.call("OPTIONS", "leads")) == (405, "0x80060888")
    assert api.call("HEAD", "leads?$top=1").content == b""
