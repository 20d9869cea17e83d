"""Writing rows back: what a PATCH carries, and what each answer means."""

import json
import re
from dataclasses import replace
from typing import Any
from urllib.parse import unquote

import pytest
import requests
import responses

from connector.dataverse.client import DataverseClient
from connector.dataverse.limits.governor import GovernorOptions
from connector.dataverse.writes.encoding import WriteMarks, build_bypass_headers
from connector.dataverse.writes.sender import WriteOptions, WriteWay
from connector.ports import RowWrite, WriteOutcome, WriteResult
from engine.records import EntityReference
from tests.wire.conftest import API, Build, Timeline, add_tables, error_body

ROW = "00000000-0000-0000-0000-00000000000a"
SELLER = EntityReference(table="systemuser", id="00000000-0000-0000-0000-0000000000f1")
LEAD = f"{API}/leads({ROW})"
ASSIGN = RowWrite(table="lead", id=ROW, etag='W/"1"', binds={"ownerid": SELLER})
OWNED = {"@odata.etag": 'W/"7"', "leadid": ROW, "_ownerid_value": SELLER.id.upper()}
UNOWNED = {"@odata.etag": 'W/"5"', "leadid": ROW, "_ownerid_value": "somebody-else"}


def write(client: DataverseClient, *writes: RowWrite) -> list[WriteResult]:
    return list(client.write_rows(writes))


def patches(wire: responses.RequestsMock) -> list[requests.PreparedRequest]:
    return [call.request for call in wire.calls if call.request.method == "PATCH"]


def body_of(request: requests.PreparedRequest) -> dict[str, Any]:
    assert request.body is not None
    body: dict[str, Any] = json.loads(request.body)
    return body


def test_one_patch_carries_owner_and_columns_guarded_by_the_row_version(
    client: DataverseClient, wire: responses.RequestsMock
) -> None:
    wire.patch(LEAD, json={"@odata.etag": 'W/"2"', "leadid": ROW})
    asked = RowWrite(
        table="lead",
        id=ROW,
        etag='W/"1"',
        columns={"msdyn_rank": 3},
        binds={"ownerid": SELLER, "lrobin_sequenceid": None},
    )
    (result,) = write(client, asked)
    assert (result.outcome, result.etag, result.attempts) == (WriteOutcome.APPLIED, 'W/"2"', 1)
    (sent,) = patches(wire)
    assert sent.url == f"{LEAD}?$select=leadid&tag=leadrobin"
    assert sent.headers["If-Match"] == 'W/"1"'
    assert sent.headers["Prefer"] == "return=representation"
    assert body_of(sent) == {
        "msdyn_rank": 3,
        "ownerid@odata.bind": f"/systemusers({SELLER.id})",
        "lrobin_SequenceId": None,
    }


def test_a_write_without_a_version_never_creates_a_row(
    client: DataverseClient, wire: responses.RequestsMock
) -> None:
    """A bare PATCH is an upsert and would bring a deleted row back as a ghost."""
    wire.patch(LEAD, status=204)
    write(client, RowWrite(table="lead", id=ROW, etag=None, columns={"subject": "x"}))
    assert patches(wire)[0].headers["If-Match"] == "*"


def test_the_new_row_version_is_taken_from_the_header_when_there_is_no_body(
    client: DataverseClient, wire: responses.RequestsMock
) -> None:
    wire.patch(LEAD, status=204, headers={"ETag": 'W/"9"'})
    (result,) = write(client, ASSIGN)
    assert result.etag == 'W/"9"'


def test_a_conflict_with_another_owner_is_a_conflict(
    client: DataverseClient, wire: responses.RequestsMock
) -> None:
    wire.patch(LEAD, status=412, json=error_body("0x80060882"))
    wire.get(LEAD, json=UNOWNED)
    (result,) = write(client, ASSIGN)
    assert (result.outcome, result.etag) == (WriteOutcome.CONFLICT, 'W/"5"')


def test_a_conflict_with_what_we_wanted_is_already_so(
    client: DataverseClient, wire: responses.RequestsMock
) -> None:
    wire.patch(LEAD, status=412, json=error_body("0x80060882"))
    wire.get(LEAD, json=OWNED)
    (result,) = write(client, ASSIGN)
    assert (result.outcome, result.etag) == (WriteOutcome.ALREADY_SO, 'W/"7"')


def test_a_lost_reply_is_settled_by_reading_the_row(
    client: DataverseClient, wire: responses.RequestsMock
) -> None:
    """The server did the work, the answer got lost, the repeat finds a new version: it was us."""
    wire.patch(LEAD, body=requests.exceptions.ReadTimeout())
    wire.patch(LEAD, status=412, json=error_body("0x80060882"))
    wire.get(LEAD, json=OWNED)
    (result,) = write(client, ASSIGN)
    assert (result.outcome, result.attempts) == (WriteOutcome.APPLIED, 2)
    assert result.etag == 'W/"7"'


def test_a_lost_reply_of_a_write_that_never_arrived_is_written_once(
    client: DataverseClient, wire: responses.RequestsMock
) -> None:
    wire.patch(LEAD, body=requests.exceptions.ConnectionError("reset"))
    wire.patch(LEAD, json={"@odata.etag": 'W/"2"', "leadid": ROW})
    (result,) = write(client, ASSIGN)
    assert (result.outcome, result.etag) == (WriteOutcome.APPLIED, 'W/"2"')


@pytest.mark.parametrize(
    ("status", "code", "message", "outcome"),
    [
        (404, "0x80040217", f"lead With Id = {ROW} Does Not Exist", WriteOutcome.ROW_GONE),
        (404, "", f"Entity 'lead' With Id = {ROW} Does Not Exist", WriteOutcome.ROW_GONE),
        (
            404,
            "0x80040217",
            f"systemuser With Id = {SELLER.id} Does Not Exist",
            WriteOutcome.REFUSED,
        ),
        (403, "0x80040220", "missing prvAssignLead", WriteOutcome.FORBIDDEN),
        (403, "0x80048306", "no access to the row", WriteOutcome.FORBIDDEN),
        (400, "0x80040265", "Sales says: not on Fridays.", WriteOutcome.REFUSED),
        (400, "0x8004022B", "the owner is disabled", WriteOutcome.REFUSED),
        (400, "0x80048340", "access teams cannot own", WriteOutcome.REFUSED),
        (500, "0x80040333", "duplicate found", WriteOutcome.REFUSED),
        (412, "0x80040333", "duplicate found", WriteOutcome.REFUSED),
        (400, "0x80040519", "lead already closed", WriteOutcome.REFUSED),
    ],
)
def test_each_refusal_has_its_outcome(
    client: DataverseClient,
    wire: responses.RequestsMock,
    status: int,
    code: str,
    message: str,
    outcome: WriteOutcome,
) -> None:
    wire.patch(LEAD, status=status, json=error_body(code, message))
    (result,) = write(client, ASSIGN)
    assert result.outcome is outcome
    assert result.message is not None
    assert message in result.message
    assert len(patches(wire)) == 1


def test_a_row_that_fails_does_not_stop_the_others(
    client: DataverseClient, wire: responses.RequestsMock
) -> None:
    wire.patch(f"{API}/leads(bad)", status=503)
    wire.patch(LEAD, json={"@odata.etag": 'W/"2"'})
    bad = RowWrite(table="lead", id="bad", etag='W/"1"', columns={"subject": "x"})
    results = {result.id: result.outcome for result in write(client, bad, ASSIGN)}
    assert results == {"bad": WriteOutcome.FAILED, ROW: WriteOutcome.APPLIED}


def test_a_bare_server_error_is_not_repeated_for_a_write(
    client: DataverseClient, wire: responses.RequestsMock
) -> None:
    wire.patch(LEAD, status=500, body="")
    (result,) = write(client, ASSIGN)
    assert result.outcome is WriteOutcome.FAILED
    assert len(patches(wire)) == 1


def test_a_lookup_that_does_not_point_to_the_table_fails_that_row_only(
    client: DataverseClient, wire: responses.RequestsMock
) -> None:
    wrong = RowWrite(
        table="lead",
        id=ROW,
        etag=None,
        binds={"customerid": EntityReference(table="queue", id="q")},
    )
    (result,) = write(client, wrong)
    assert result.outcome is WriteOutcome.FAILED
    assert "customerid" in str(result.message)
    assert patches(wire) == []


def test_where_a_table_knows_no_row_versions_the_version_is_compared_by_reading(
    build: Build, wire: responses.RequestsMock
) -> None:
    add_tables(wire, optimistic_concurrency=False)
    wire.get(LEAD, json={"@odata.etag": 'W/"1"', "leadid": ROW})
    wire.patch(LEAD, json={"@odata.etag": 'W/"2"'})
    (result,) = write(build(), ASSIGN)
    assert result.outcome is WriteOutcome.APPLIED
    assert patches(wire)[0].headers["If-Match"] == "*"


def test_where_a_table_knows_no_row_versions_a_moved_row_is_a_conflict(
    build: Build, wire: responses.RequestsMock
) -> None:
    add_tables(wire, optimistic_concurrency=False)
    wire.get(LEAD, json=UNOWNED)
    (result,) = write(build(), ASSIGN)
    assert result.outcome is WriteOutcome.CONFLICT
    assert patches(wire) == []


def test_bypass_headers_are_sent_when_they_are_set(
    build: Build, wire: responses.RequestsMock
) -> None:
    add_tables(wire)
    wire.patch(LEAD, status=204)
    headers = build_bypass_headers(
        bypass=("CustomSync", "CustomAsync"), step_ids=("1", "2"), suppress_flows=True
    )
    write(build(marks=WriteMarks(tag=None, headers=headers)), ASSIGN)
    (sent,) = patches(wire)
    assert sent.headers["MSCRM.BypassBusinessLogicExecution"] == "CustomSync,CustomAsync"
    assert sent.headers["MSCRM.BypassBusinessLogicExecutionStepIds"] == "1,2"
    assert sent.headers["MSCRM.SuppressCallbackRegistrationExpanderJob"] == "true"
    assert sent.url == f"{LEAD}?$select=leadid"


def test_bypass_headers_may_be_for_the_writes_of_some_rules_alone(
    build: Build, wire: responses.RequestsMock
) -> None:
    add_tables(wire)
    wire.patch(LEAD, status=204)
    headers = build_bypass_headers(suppress_flows=True)
    client = build(marks=WriteMarks(headers=headers, rules=frozenset({"UK"})))
    for rule in ("UK", "FR", None):
        write(client, replace(ASSIGN, rule=rule))
    names = [
        "MSCRM.SuppressCallbackRegistrationExpanderJob" in sent.headers for sent in patches(wire)
    ]
    assert names == [True, False, False]


def test_every_write_gets_exactly_one_result_when_there_are_many(
    client: DataverseClient, wire: responses.RequestsMock
) -> None:
    ids = [f"{number:08d}-0000-0000-0000-000000000000" for number in range(25)]
    for row_id in ids:
        wire.patch(f"{API}/leads({row_id})", status=204)
    writes = [RowWrite(table="lead", id=row_id, etag=None, columns={"a": 1}) for row_id in ids]
    assert sorted(result.id for result in write(client, *writes)) == ids


def test_a_consumer_that_stops_early_leaves_the_rest_unsent(
    build: Build, wire: responses.RequestsMock
) -> None:
    add_tables(wire)
    client = build(writes=WriteOptions(way=WriteWay.PARALLEL, concurrency=1))
    for number in range(20):
        wire.patch(f"{API}/leads({number})", status=204)
    stream = client.write_rows(
        [
            RowWrite(table="lead", id=str(number), etag=None, columns={"a": 1})
            for number in range(20)
        ]
    )
    next(iter(stream))
    stream.close()  # type: ignore[attr-defined]
    assert len(patches(wire)) < 5


def test_a_stop_lets_what_is_under_way_end_and_begins_nothing_else(
    build: Build, wire: responses.RequestsMock
) -> None:
    add_tables(wire)
    asked = iter([False] * 4)
    client = build(
        writes=WriteOptions(way=WriteWay.PARALLEL, concurrency=2),
        is_stopping=lambda: next(asked, True),
    )
    wire.patch(re.compile(rf"{API}/leads\("), status=204)
    results = write(client, *(replace(ASSIGN, id=str(number)) for number in range(20)))
    assert {result.id: result.outcome for result in results} == {
        str(number): WriteOutcome.APPLIED for number in range(4)
    }
    assert len(patches(wire)) == 4


LEAD_ROW = EntityReference(table="lead", id=ROW)
QUEUE = EntityReference(table="queue", id="00000000-0000-0000-0000-0000000000aa")
ADD = f"{API}/queues({QUEUE.id})/Microsoft.Dynamics.CRM.AddToQueue"
CONNECT = f"{API}/msdyn_ConnectSequence"


def test_a_row_goes_to_a_queue_through_add_to_queue(
    client: DataverseClient, wire: responses.RequestsMock
) -> None:
    wire.get(f"{API}/queueitems", json={"value": []})
    wire.post(ADD, json={"QueueItemId": "qi"})
    (result,) = write(client, RowWrite(table="lead", id=ROW, etag=None, queue=QUEUE))
    assert result.outcome is WriteOutcome.APPLIED
    assert body_of(wire.calls[-1].request) == {
        "Target": {"@odata.type": "Microsoft.Dynamics.CRM.lead", "leadid": ROW}
    }


def test_a_row_that_is_in_the_queue_is_left_alone(
    client: DataverseClient, wire: responses.RequestsMock
) -> None:
    wire.get(f"{API}/queueitems", json={"value": [{"queueitemid": "qi"}]})
    (result,) = write(client, RowWrite(table="lead", id=ROW, etag=None, queue=QUEUE))
    assert result.outcome is WriteOutcome.ALREADY_SO


def test_a_lost_reply_of_an_action_is_looked_into_before_it_is_repeated(
    client: DataverseClient, wire: responses.RequestsMock
) -> None:
    """Connecting a sequence twice shows its steps twice."""
    wire.get(f"{API}/msdyn_sequencetargets", json={"value": []})
    wire.post(CONNECT, body=requests.exceptions.ReadTimeout())
    wire.get(f"{API}/msdyn_sequencetargets", json={"value": [{"msdyn_sequencetargetid": "t"}]})
    result = client.connect_sequence(LEAD_ROW, "seq", segment_id="seg")
    assert result.outcome is WriteOutcome.APPLIED
    posts = [call.request for call in wire.calls if call.request.method == "POST"]
    assert [body_of(post) for post in posts] == [
        {
            "RegardingEntityId": ROW,
            "RegardingEntityName": "lead",
            "SequenceId": "seq",
            "SegmentId": "seg",
        }
    ]


def test_an_action_whose_work_was_not_done_is_repeated(
    client: DataverseClient, wire: responses.RequestsMock
) -> None:
    wire.get(f"{API}/msdyn_sequencetargets", json={"value": []})
    wire.post(CONNECT, status=503)
    wire.post(CONNECT, json={})
    assert client.connect_sequence(LEAD_ROW, "seq").outcome is WriteOutcome.APPLIED


def test_an_action_that_is_refused_says_why(
    client: DataverseClient, wire: responses.RequestsMock
) -> None:
    wire.get(f"{API}/msdyn_sequencetargets", json={"value": []})
    wire.post(CONNECT, status=403, json=error_body("0x80040220", "missing role"))
    result = client.connect_sequence(LEAD_ROW, "seq")
    assert result.outcome is WriteOutcome.FORBIDDEN
    assert "missing role" in str(result.message)


def test_a_queue_is_not_touched_when_the_row_was_not_written(
    client: DataverseClient, wire: responses.RequestsMock
) -> None:
    wire.patch(LEAD, status=403, json=error_body("0x80040220"))
    both = RowWrite(table="lead", id=ROW, etag='W/"1"', binds={"ownerid": SELLER}, queue=QUEUE)
    (result,) = write(client, both)
    assert result.outcome is WriteOutcome.FORBIDDEN
    assert not any("AddToQueue" in str(call.request.url) for call in wire.calls)


def test_waits_of_a_throttled_write_are_shared_by_all_threads(
    client: DataverseClient, wire: responses.RequestsMock, timeline: Timeline
) -> None:
    wire.patch(LEAD, status=429, json=error_body("0x80072322"), headers={"Retry-After": "20"})
    wire.patch(LEAD, json={"@odata.etag": 'W/"2"'})
    (result,) = write(client, ASSIGN)
    assert result.outcome is WriteOutcome.APPLIED
    assert timeline.slept >= 20


@pytest.mark.parametrize(
    ("count", "methods", "options"),
    [
        (40, {"PATCH"}, GovernorOptions()),
        (501, {"POST"}, GovernorOptions()),
        pytest.param(40, {"POST"}, GovernorOptions(requests=300), id="short-of-requests"),
        pytest.param(40, {"PATCH"}, GovernorOptions(requests=300, is_pacing=False), id="unpaced"),
    ],
)
def test_a_page_of_ordinary_size_goes_as_single_requests_and_a_large_one_in_batches(
    build: Build,
    wire: responses.RequestsMock,
    count: int,
    methods: set[str],
    options: GovernorOptions,
) -> None:
    add_tables(wire)
    wire.patch(re.compile(rf"{API}/leads\("), status=204)

    def answer(request: requests.PreparedRequest) -> tuple[int, dict[str, str], str]:
        parts = bytes(request.body or b"").count(b"PATCH ")  # type: ignore[arg-type]
        part = "--b\r\nContent-Type: application/http\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n\r\n"
        return 200, {"Content-Type": "multipart/mixed; boundary=b"}, part * parts + "--b--\r\n"

    wire.add_callback(responses.POST, f"{API}/$batch", answer, content_type=None)
    writes = [
        RowWrite(table="lead", id=f"{n:036d}", etag='W/"1"', columns={"subject": "x"})
        for n in range(count)
    ]
    results = list(build(governor=options).write_rows(writes))
    assert {result.outcome for result in results} == {WriteOutcome.APPLIED}
    assert {call.request.method for call in wire.calls} - {"GET"} == methods


def test_what_is_connected_or_queued_already_is_asked_by_row_and_target(
    client: DataverseClient, wire: responses.RequestsMock
) -> None:
    wire.get(f"{API}/msdyn_sequencetargets", json={"value": [{"msdyn_sequencetargetid": "t"}]})
    wire.get(f"{API}/queueitems", json={"value": [{"queueitemid": "qi"}]})
    client.connect_sequence(LEAD_ROW, "seq")
    write(client, RowWrite(table="lead", id=ROW, etag=None, queue=QUEUE))
    asked = [unquote(str(call.request.url)) for call in wire.calls]
    connected = f"_msdyn_target_value eq {ROW} and _msdyn_parentsequence_value eq seq"
    queued = f"_objectid_value eq {ROW} and _queueid_value eq {QUEUE.id}"
    for question in (connected, queued):
        assert any(url.endswith(f"$filter={question} and statecode eq 0") for url in asked)


def test_a_result_says_how_often_the_write_was_sent(
    client: DataverseClient, wire: responses.RequestsMock
) -> None:
    wire.patch(LEAD, status=503)
    wire.patch(LEAD, json={"@odata.etag": 'W/"2"'})
    (result,) = write(client, ASSIGN)
    assert (result.outcome, result.attempts) == (WriteOutcome.APPLIED, 2)


def test_a_conflict_that_cannot_be_looked_into_is_a_failure_with_its_attempts(
    client: DataverseClient, wire: responses.RequestsMock
) -> None:
    wire.patch(LEAD, status=503)
    wire.patch(LEAD, status=412, json=error_body("0x80060882", "other version"))
    wire.get(LEAD, status=403, json=error_body("0x80040220", "missing role"))
    (result,) = write(client, ASSIGN)
    assert (result.outcome, result.attempts) == (WriteOutcome.FAILED, 2)
    assert "missing role" in str(result.message)
