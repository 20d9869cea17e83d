"""One named test per error code that no other module provokes; status and code as on the wire."""

import pytest

from connector.emulator.organization import CONNECTOR_USER_ID
from tests.contract.emulator.conftest import Api, error_of

CRM = "Microsoft.Dynamics.CRM"
NOBODY = "00000000-0000-0000-0000-00000000dead"


def test_a_missing_required_field_is_0x80040200(api: Api) -> None:
    answer = api.call("POST", "msdyn_sequencetargets", json={"msdyn_name": "No key"})
    assert error_of(answer) == (400, "0x80040200")
    assert "Required field 'msdyn_parentsequence'" in answer.json()["error"]["message"]


def test_acting_for_nobody_is_0x80040204(api: Api) -> None:
    for header in ("MSCRMCallerID", "CallerObjectId"):
        answer = api.get("WhoAmI", headers={header: NOBODY})
        assert error_of(answer) == (403, "0x80040204")


def test_a_user_without_roles_is_0x80042f09(api: Api) -> None:
    members = api.rows(
        f"systemusers({CONNECTOR_USER_ID})/systemuserroles_association?$select=roleid"
    )
    for role in members:
        path = (
            f"systemusers({CONNECTOR_USER_ID})/systemuserroles_association({role['roleid']})/$ref"
        )
        api.call("DELETE", path)
    assert error_of(api.get("WhoAmI")) == (403, "0x80042f09")


def test_a_table_without_optimistic_concurrency_is_0x8006088d(api: Api) -> None:
    row = api.rows("teammemberships?$top=1")[0]
    path = f"teammemberships({row['teammembershipid']})"
    answer = api.call("DELETE", path, headers={"If-Match": row["@odata.etag"]})
    assert error_of(answer) == (400, "0x8006088d")


def test_tracking_an_intersect_table_needs_both_ends_which_is_0x80072492(api: Api) -> None:
    catalog = api.server.organization.catalog
    team = catalog.tables["team"]
    from dataclasses import replace

    catalog.tables["team"] = replace(team, change_tracking=False)
    try:
        answer = api.get("teammemberships", headers={"Prefer": "odata.track-changes"})
        assert error_of(answer) == (400, "0x80072492")
        assert "teammembership" in answer.json()["error"]["message"]
    finally:
        catalog.tables["team"] = team


def test_too_many_values_in_one_condition_are_0x8004430e(api: Api) -> None:
    values = "".join(f"<value>{number}</value>" for number in range(2_001))
    fetch = (
        "<fetch><entity name='lead'><filter><condition attribute='revenue' operator='in'>"
        f"{values}</condition></filter></entity></fetch>"
    )
    body = (
        "--b\r\nContent-Type: application/http\r\nContent-Transfer-Encoding: binary\r\n\r\n"
        f"GET /api/data/v9.2/leads?fetchXml={fetch} HTTP/1.1\r\n\r\n\r\n--b--\r\n"
    )
    headers = {"Content-Type": "multipart/mixed; boundary=b"}
    answer = api.call("POST", "$batch", data=body, headers=headers)
    assert answer.status_code == 400
    assert "0x8004430e" in answer.text


def test_a_bulk_message_that_a_table_lacks_is_0x80040800(api: Api) -> None:
    target = {"@odata.type": f"{CRM}.systemuser", "lastname": "x"}
    answer = api.call("POST", f"systemusers/{CRM}.CreateMultiple", json={"Targets": [target]})
    assert error_of(answer) == (400, "0x80040800")


def test_a_sequence_that_is_not_active_is_0x80040265(api: Api) -> None:
    sequence = api.create("msdyn_sequences", {"msdyn_name": "Draft", "statecode": 0})
    lead = api.create("leads", {"subject": "Waiting"})
    answer = api.call("POST", "msdyn_ConnectSequence", json=connection(sequence, lead))
    assert error_of(answer) == (400, "0x80040265")


def connection(sequence: str, lead: str) -> dict[str, object]:
    return {
        "SequenceId": sequence,
        "RegardingEntityId": lead,
        "RegardingEntityName": "lead",
        "Regarding": {"@odata.type": f"{CRM}.lead", "leadid": lead},
    }


def test_an_unexpected_failure_is_scripted_as_0x80040216(api: Api) -> None:
    api.control("POST", "faults", {"status": 500})
    assert error_of(api.get("WhoAmI")) == (500, "0x80040216")
    assert api.get("WhoAmI").status_code == 200


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (400, "0x80040224"), (403, "0x80040231"), (412, "0x80040333"), (500, "0x80044151"),
        (500, "0x80044339"), (500, "0x8004418d"), (429, "0x80048544"), (403, "0x8004d24b"),
        (500, "0x80071154"), (429, "0x80072324"), (500, "0x80081111"),
    ],
)  # fmt: skip
def test_codes_that_only_real_environments_provoke_can_be_scripted(
    api: Api, status: int, code: str
) -> None:
    script = {"status": status, "code": code, "message": "As scripted.", "path": "leads"}
    api.control("POST", "faults", script)
    assert error_of(api.get("leads?$top=1")) == (status, code)
