"""Functions and actions: bulk messages, closing, sequences, queues, calendars, counts, batches."""

import pytest

from connector.emulator.organization.organization import fixed_id
from tests.contract.emulator.conftest import Api, error_of

BOUND = "Microsoft.Dynamics.CRM"
LEAD = "Microsoft.Dynamics.CRM.lead"


def test_a_qualified_lead_leaves_account_contact_and_opportunity(api: Api) -> None:
    lead = api.create("leads", {"subject": "Deal", "lastname": "L", "companyname": "Co"})
    body = {"CreateAccount": True, "CreateContact": True, "CreateOpportunity": True, "Status": 3}
    answer = api.call("POST", f"leads({lead})/{BOUND}.QualifyLead", json=body)
    created = answer.json()["CreatedEntities"]
    assert [each["@odata.type"].rpartition(".")[2] for each in created] == [
        "account",
        "contact",
        "opportunity",
    ]
    opportunity = api.get(f"opportunities({created[2]['opportunityid']})").json()
    assert opportunity["name"] == "Deal"
    assert opportunity["_originatingleadid_value"] == lead
    assert opportunity["_customerid_value"] == created[0]["accountid"]
    row = api.get(
        f"leads({lead})?$select=statecode,statuscode,_qualifyingopportunityid_value"
    ).json()
    assert (row["statecode"], row["statuscode"]) == (1, 3)
    again = api.call("POST", f"leads({lead})/{BOUND}.QualifyLead", json=body)
    assert error_of(again) == (400, "0x80040519")


@pytest.mark.parametrize(("action", "state", "status"), [("Win", 1, 3), ("Lose", 2, 4)])
def test_opportunities_are_won_and_lost(api: Api, action: str, state: int, status: int) -> None:
    row_id = api.create("opportunities", {"name": "O", "estimatedvalue": 100})
    close = {"subject": "Done", "opportunityid@odata.bind": f"/opportunities({row_id})"}
    body = {"Status": -1, "OpportunityClose": close}
    assert api.call("POST", f"{action}Opportunity", json=body).status_code == 204
    row = api.get(f"opportunities({row_id})?$select=statecode,statuscode,actualclosedate").json()
    assert (row["statecode"], row["statuscode"]) == (state, status)
    assert row["actualclosedate"] == "2026-11-23"
    assert len(api.rows(f"opportunitycloses?$filter=_opportunityid_value eq {row_id}")) == 1
    again = api.call("POST", f"{action}Opportunity", json=body)
    assert error_of(again) == (400, "0x80040515")


def test_a_sequence_is_connected_and_disconnected(api: Api) -> None:
    lead = api.create("leads", {"subject": "L"})
    sequence = fixed_id("sequence/Web enquiry")
    body = {
        "RegardingEntityId": lead,
        "RegardingEntityName": "lead",
        "SequenceId": sequence,
        "SegmentId": fixed_id("segment/Web leads"),
    }
    assert api.call("POST", "msdyn_ConnectSequence", json=body).status_code == 200
    active = f"msdyn_sequencetargets?$filter=_msdyn_target_value eq {lead} and statecode eq 0"
    target = api.rows(active)[0]
    assert target["_msdyn_parentsequence_value"] == sequence
    assert target["statuscode"] == 2
    steps = "msdyn_sequencetargetsteps?$filter=_msdyn_sequencetarget_value eq "
    assert len(api.rows(steps + target["msdyn_sequencetargetid"])) == 1
    answer = api.call("POST", "msdyn_DisconnectSequence", json=body)
    assert answer.json()["DisconnectedCount"] == 1
    assert api.rows(active) == []
    body["SequenceId"] = fixed_id("sequence/Deal nurturing")
    assert api.call("POST", "msdyn_ConnectSequence", json=body).status_code == 400


def test_a_row_is_put_into_a_queue_and_moves_to_another(api: Api) -> None:
    lead = api.create("leads", {"subject": "L"})
    target = {"Target": {"@odata.type": LEAD, "leadid": lead}}
    items = []
    for name in ("Overflow", "Night desk"):
        queue = fixed_id(f"queue/{name}")
        answer = api.call("POST", f"queues({queue})/{BOUND}.AddToQueue", json=target)
        items.append(answer.json()["QueueItemId"])
    assert items[0] == items[1]
    item = api.get(f"queueitems({items[0]})").json()
    assert item["_queueid_value"] == fixed_id("queue/Night desk")
    assert item["_objectid_value"] == lead


def test_a_calendar_expands_to_working_hours_in_its_zone(api: Api) -> None:
    seller = fixed_id("systemuser/seller/0")  # London
    setting = api.rows(f"msdyn_extendedusersettings?$filter=msdyn_userid eq '{seller}'")[0]
    path = f"calendars({setting['msdyn_calendarid']})/{BOUND}.ExpandCalendar(Start=@s,End=@e)"
    span = "@s=2026-11-23T00:00:00Z&@e=2026-11-30T00:00:00Z"
    blocks = api.get(f"{path}?{span}").json()["result"]
    assert len(blocks) == 5
    assert {block["TimeCode"] for block in blocks} == {"Available"}
    assert blocks[0]["Start"].startswith("2026-11-23T0")
    assert api.get(f"{path}?@s=2026-11-23T00:00:00Z&@e=2026-11-20T00:00:00Z").status_code == 400
