"""Functions and actions: bulk messages, closing, sequences, queues, calendars, counts, batches."""

from typing import Any

import pytest

from connector.emulator.organization import fixed_id
from tests.contract.emulator.conftest import Api, error_of

BOUND = "Microsoft.Dynamics.CRM"
LEAD = "Microsoft.Dynamics.CRM.lead"


def bulk(api: Api, message: str, targets: list[dict[str, Any]], entity_set: str = "leads") -> Any:
    return api.call("POST", f"{entity_set}/{BOUND}.{message}", json={"Targets": targets})


def test_many_rows_are_created_changed_and_upserted(api: Api) -> None:
    made = bulk(
        api, "CreateMultiple", [{"@odata.type": LEAD, "subject": f"B{n}"} for n in range(3)]
    )
    assert made.json()["@odata.context"].endswith("CreateMultipleResponse")
    ids = made.json()["Ids"]
    changed = [{"@odata.type": LEAD, "leadid": each, "subject": "C"} for each in ids]
    assert bulk(api, "UpdateMultiple", changed).status_code == 204
    upserts = [
        {"@odata.type": LEAD, "@odata.id": f"leads({ids[0]})", "subject": "D"},
        {"@odata.type": LEAD, "@odata.id": f"leads({fixed_id('fresh')})", "subject": "D"},
    ]
    assert bulk(api, "UpsertMultiple", upserts).status_code == 204
    assert len(api.rows("leads?$filter=subject eq 'D'")) == 2
    assert len(api.rows("leads?$filter=subject eq 'C'")) == 2


def test_bulk_messages_are_all_or_nothing(api: Api) -> None:
    targets = [{"@odata.type": LEAD, "subject": "Ok"}, {"@odata.type": LEAD, "subject": "x" * 99}]
    assert error_of(bulk(api, "CreateMultiple", targets)) == (400, "0x80044331")
    assert api.rows("leads?$filter=subject eq 'Ok'") == []


def test_repeated_targets_are_ignored_in_updates_and_refused_in_upserts(api: Api) -> None:
    lead = api.create("leads", {"subject": "L"})
    twice = [
        {"@odata.type": LEAD, "leadid": lead, "subject": "first"},
        {"@odata.type": LEAD, "leadid": lead, "subject": "second"},
    ]
    assert bulk(api, "UpdateMultiple", twice).status_code == 204
    assert api.get(f"leads({lead})?$select=subject").json()["subject"] == "first"
    twice = [{**each, "@odata.id": f"leads({lead})"} for each in twice]
    assert bulk(api, "UpsertMultiple", twice).status_code == 400


def test_not_every_table_has_bulk_messages(api: Api) -> None:
    target = {"@odata.type": "Microsoft.Dynamics.CRM.systemuser", "lastname": "x"}
    assert bulk(api, "CreateMultiple", [target], "systemusers").status_code == 400
    assert bulk(api, "DeleteMultiple", [{"@odata.type": LEAD}]).status_code == 501
    path = (
        "sdkmessagefilters?$select=sdkmessagefilterid&$filter=sdkmessageid/name eq @m and "
        "primaryobjecttypecode eq @t&@m='UpdateMultiple'&@t='{}'"
    )
    assert len(api.rows(path.format("lead"))) == 1
    assert api.rows(path.format("systemuser")) == []


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


def test_total_counts_are_told_for_several_tables(api: Api) -> None:
    for path in (
        "RetrieveTotalRecordCount(EntityNames=['lead','account'])",
        'RetrieveTotalRecordCount(EntityNames=@p1)?@p1=["lead","account"]',
    ):
        found = api.get(path).json()["EntityRecordCountCollection"]
        assert (found["Count"], found["Keys"]) == (2, ["lead", "account"])
        assert found["Values"][0] == 30


def test_metadata_is_told_by_query_and_only_when_it_changed(api: Api) -> None:
    query = (
        '{"Criteria":{"FilterOperator":"And","Conditions":[{"ConditionOperator":"Equals",'
        '"PropertyName":"LogicalName","Value":{"Type":"System.String","Value":"lead"}}]},'
        '"Properties":{"AllProperties":false,"PropertyNames":["LogicalName","EntitySetName"]}}'
    )

    def path(more: str = "") -> str:
        return f"RetrieveMetadataChanges(Query=@p1{more})?@p1={query}"

    first = api.get(path()).json()
    assert [each["EntitySetName"] for each in first["EntityMetadata"]] == ["leads"]
    later = path(",ClientVersionStamp=@p2") + f"&@p2='{first['ServerVersionStamp']}'"
    assert api.get(later).json()["EntityMetadata"] == []
    api.control("POST", "faults", {"kind": "metadata_change", "table": "lead", "path": "WhoAmI"})
    api.get("WhoAmI")
    assert len(api.get(later).json()["EntityMetadata"]) == 1
    wrong = path(",ClientVersionStamp=@p2") + "&@p2='1!elsewhere'"
    assert error_of(api.get(wrong)) == (400, "0x80044352")


def post_batch(api: Api, text: str, **headers: str) -> Any:
    headers = {"Content-Type": 'multipart/mixed; boundary="batch_1"', **headers}
    data = text.replace("\n", "\r\n").encode()
    return api.call("POST", "$batch", data=data, headers=headers)


def test_a_batch_reads_and_writes_through_the_same_rules(api: Api) -> None:
    answer = post_batch(
        api,
        """--batch_1
Content-Type: multipart/mixed; boundary=changeset_1

--changeset_1
Content-Type: application/http
Content-Transfer-Encoding: binary
Content-ID: 1

POST /api/data/v9.2/accounts HTTP/1.1
Content-Type: application/json

{"name":"Batched"}
--changeset_1
Content-Type: application/http
Content-Transfer-Encoding: binary
Content-ID: 2

POST leads HTTP/1.1
Content-Type: application/json

{"subject":"Batched","parentaccountid@odata.bind":"$1"}
--changeset_1--
--batch_1
Content-Type: application/http
Content-Transfer-Encoding: binary

GET leads?$select=subject&$filter=subject eq 'Batched' HTTP/1.1


--batch_1--
""",
    )
    assert answer.status_code == 200
    assert answer.text.count("HTTP/1.1 204 No Content") == 2
    assert answer.text.count("OData-EntityId") == 2
    assert '"subject":"Batched"' in answer.text
    assert api.rows("leads?$filter=subject eq 'Batched'")[0]["_parentaccountid_value"]


@pytest.mark.parametrize(("preference", "status", "parts"), [("", 400, 1), ("on", 200, 2)])
def test_a_failing_part_ends_the_batch_unless_told_otherwise(
    api: Api, preference: str, status: int, parts: int
) -> None:
    headers = {"Prefer": "odata.continue-on-error"} if preference else {}
    answer = post_batch(
        api,
        """--batch_1
Content-Type: application/http

GET leads?$select=nonsense HTTP/1.1


--batch_1
Content-Type: application/http

GET WhoAmI HTTP/1.1


--batch_1--
""",
        **headers,
    )
    assert (answer.status_code, answer.text.count("HTTP/1.1 ")) == (status, parts)
    assert "0x80060888" in answer.text
