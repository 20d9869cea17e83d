"""Mistakes that clients of Dataverse are known to have made, one test each."""

import json
from datetime import timedelta
from urllib.parse import unquote

import pytest
import requests
import responses

from connector.dataverse.client import DataverseClient
from connector.dataverse.limits.governor import Governor, GovernorOptions
from connector.dataverse.wire.metrics import NoMetrics
from connector.dataverse.wire.retrying import RetryPolicy, TimeBudget
from connector.dataverse.writes.sender import WriteOptions, WriteWay
from connector.errors import ResyncRequired, RetriableError
from connector.ports import RowWrite, TableQuery, WriteOutcome
from engine.errors import ConfigProblem
from engine.records import EntityReference
from tests.wire.conftest import API, START, Build, Timeline, add_tables, definition_url, error_body

ROW = "00000000-0000-0000-0000-00000000000a"
METADATA_VERSION = "@Microsoft.Dynamics.CRM.globalmetadataversion"
LEADS = TableQuery(table="lead", columns=("subject",), page_size=2)
DELTA = f"{API}/leads?$deltatoken=1"
WHO = {"UserId": "u", "OrganizationId": "o", "BusinessUnitId": "b"}


def serve_pages(wire: responses.RequestsMock, sizes: list[int]) -> None:
    """Pages of rows with running numbers; the last one carries the delta link."""
    number = 0
    for index, size in enumerate(sizes):
        page: dict[str, object] = {"value": [{"leadid": str(number + i)} for i in range(size)]}
        number += size
        last = index == len(sizes) - 1
        page["@odata.deltaLink" if last else "@odata.nextLink"] = (
            DELTA if last else f"{API}/leads?$skiptoken={index + 1}"
        )
        wire.get(f"{API}/leads", json=page)


def read_all(client: DataverseClient) -> list[str]:
    """The ids of all pages, in order."""
    page = client.fetch_first_page(LEADS)
    ids = [str(row["leadid"]) for row in page.rows]
    while page.next_link is not None:
        page = client.fetch_page(LEADS, page.next_link)
        ids += [str(row["leadid"]) for row in page.rows]
    assert page.delta_link == DELTA
    return ids


@pytest.mark.parametrize("sizes", [[0], [1], [2], [2, 0], [2, 2], [2, 2, 1], [2, 2, 2, 0]])
def test_trap_first_page_requested_twice(
    client: DataverseClient, wire: responses.RequestsMock, sizes: list[int]
) -> None:
    """Every row comes once, also when the last page is exactly full."""
    serve_pages(wire, sizes)
    ids = read_all(client)
    assert ids == [str(number) for number in range(sum(sizes))]
    asked = [str(call.request.url) for call in wire.calls if "/leads" in str(call.request.url)]
    assert len(asked) == len(set(asked)) == len(sizes)


def test_trap_next_page_loses_maxpagesize(
    client: DataverseClient, wire: responses.RequestsMock
) -> None:
    serve_pages(wire, [2, 2, 1])
    read_all(client)
    asked = [call.request for call in wire.calls if "/leads" in str(call.request.url)]
    assert {"odata.maxpagesize=2" in str(request.headers["Prefer"]) for request in asked} == {True}


def test_trap_skiptoken_is_encoded_again(
    client: DataverseClient, wire: responses.RequestsMock
) -> None:
    link = f"{API}/leads?$select=a&$skiptoken=%3Ccookie%20x=%22%253ca%2527b%22%20/%3E"
    wire.get(f"{API}/leads", json={"value": [], "@odata.deltaLink": DELTA})
    client.fetch_page(LEADS, link)
    assert wire.calls[-1].request.url == link


def test_trap_expired_token_is_not_handled(
    client: DataverseClient, wire: responses.RequestsMock
) -> None:
    wire.get(f"{API}/leads", status=400, json=error_body("0x80044352", "Please do a full sync."))
    with pytest.raises(ResyncRequired):
        client.fetch_page(LEADS, DELTA)


def test_trap_progress_is_only_known_at_the_last_page(
    client: DataverseClient, wire: responses.RequestsMock
) -> None:
    """Each page is handed over with its own link, before the next one is asked for."""
    serve_pages(wire, [2, 2])
    page = client.fetch_first_page(LEADS)
    assert page.next_link is not None
    assert sum("/leads" in str(call.request.url) for call in wire.calls) == 1


def test_trap_deletions_are_concluded_from_an_incomplete_pass(
    client: DataverseClient, wire: responses.RequestsMock
) -> None:
    """Only a pass that ended with a delta link is complete; a broken one raises."""
    wire.get(f"{API}/leads", json={"value": [], "@odata.nextLink": f"{API}/leads?$skiptoken=1"})
    wire.get(f"{API}/leads", status=503)
    page = client.fetch_first_page(LEADS)
    assert page.delta_link is None
    with pytest.raises(RetriableError):
        client.fetch_page(LEADS, str(page.next_link))


def test_trap_url_length_grows_with_the_ids(
    client: DataverseClient, wire: responses.RequestsMock
) -> None:
    wire.get(f"{API}/leads", json={"value": []})
    ids = [f"{number:08x}-0000-0000-0000-000000000000" for number in range(2000)]
    client.fetch_rows(LEADS, ids)
    assert all(len(str(call.request.url)) <= 32_768 for call in wire.calls)


def test_trap_primary_key_is_guessed_from_the_table_name(
    client: DataverseClient, wire: responses.RequestsMock
) -> None:
    wire.get(f"{API}/tasks", json={"value": [{"activityid": ROW}]})
    client.fetch_rows(TableQuery(table="task", columns=("subject",)), [ROW])
    assert "PropertyName='activityid'" in unquote(str(wire.calls[-1].request.url))


def test_trap_entity_set_is_the_name_with_an_s(
    client: DataverseClient, wire: responses.RequestsMock
) -> None:
    wire.get(f"{API}/opportunities", json={"value": []})
    assert list(client.read_rows("opportunity", ("name",))) == []


def test_trap_deletion_of_a_row_that_was_never_seen(
    client: DataverseClient, wire: responses.RequestsMock
) -> None:
    """A row created and deleted between two polls is listed as deleted; that is no error."""
    gone = {"@odata.context": "x/$deletedEntity", "id": ROW.upper(), "reason": "deleted"}
    wire.get(DELTA, json={"value": [gone], "@odata.deltaLink": DELTA})
    wire.get(f"{API}/leads", json={"value": []})
    assert client.fetch_page(LEADS, DELTA).deleted == [ROW]


def test_trap_429_is_not_retried(client: DataverseClient, wire: responses.RequestsMock) -> None:
    wire.get(
        f"{API}/WhoAmI", status=429, json=error_body("0x80072322"), headers={"Retry-After": "1"}
    )
    wire.get(f"{API}/WhoAmI", json=WHO)
    assert client.who_am_i().user_id == "u"


def test_trap_retry_after_is_read_as_hours(
    client: DataverseClient, wire: responses.RequestsMock, timeline: Timeline
) -> None:
    wire.get(
        f"{API}/WhoAmI", status=429, json=error_body("0x80072322"), headers={"Retry-After": "6"}
    )
    wire.get(f"{API}/WhoAmI", json=WHO)
    client.who_am_i()
    assert timeline.now() - START < timedelta(seconds=10)


def test_trap_retries_never_end(client: DataverseClient, wire: responses.RequestsMock) -> None:
    wire.get(
        f"{API}/WhoAmI", status=429, json=error_body("0x80072322"), headers={"Retry-After": "1"}
    )
    with pytest.raises(RetriableError):
        client.who_am_i()
    assert len(wire.calls) <= 10


def test_trap_cancelling_is_ignored_during_a_throttle_wait(
    build: Build, wire: responses.RequestsMock
) -> None:
    wire.get(f"{API}/WhoAmI", status=429, headers={"Retry-After": "300"})

    def interrupt(seconds: float) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        build(sleep=interrupt).who_am_i()


def test_trap_post_is_repeated_after_a_time_out(
    client: DataverseClient, wire: responses.RequestsMock
) -> None:
    """Whether the work was done is looked up before an action is sent again."""
    wire.get(f"{API}/queueitems", json={"value": []})
    wire.post(f"{API}/queues(q)/Microsoft.Dynamics.CRM.AddToQueue", body=requests.ReadTimeout())
    wire.get(f"{API}/queueitems", json={"value": [{"queueitemid": "1"}]})
    queue = EntityReference(table="queue", id="q")
    (result,) = client.write_rows([RowWrite(table="lead", id=ROW, etag=None, queue=queue)])
    assert result.outcome is WriteOutcome.APPLIED
    assert sum(call.request.method == "POST" for call in wire.calls) == 1


def test_trap_owner_is_bound_to_principals(
    client: DataverseClient, wire: responses.RequestsMock
) -> None:
    wire.patch(f"{API}/leads({ROW})", status=204)
    team = EntityReference(table="team", id="t")
    list(client.write_rows([RowWrite(table="lead", id=ROW, etag=None, binds={"ownerid": team})]))
    body = json.loads(wire.calls[-1].request.body or b"")
    assert body == {"ownerid@odata.bind": "/teams(t)"}


def test_trap_null_is_sent_as_a_bind(client: DataverseClient, wire: responses.RequestsMock) -> None:
    wire.patch(f"{API}/leads({ROW})", status=204)
    clear = RowWrite(table="lead", id=ROW, etag=None, binds={"lrobin_sequenceid": None})
    list(client.write_rows([clear]))
    assert json.loads(wire.calls[-1].request.body or b"") == {"lrobin_SequenceId": None}


def test_trap_bare_patch_creates_a_ghost_of_a_deleted_row(
    client: DataverseClient, wire: responses.RequestsMock
) -> None:
    wire.patch(
        f"{API}/leads({ROW})",
        status=404,
        json=error_body("0x80040217", f"lead With Id = {ROW} Does Not Exist"),
    )
    (result,) = client.write_rows([RowWrite(table="lead", id=ROW, etag=None, columns={"a": 1})])
    assert result.outcome is WriteOutcome.ROW_GONE
    assert wire.calls[-1].request.headers["If-Match"] == "*"


def test_trap_duplicate_detection_answers_500(
    client: DataverseClient, wire: responses.RequestsMock
) -> None:
    """The documented status is 412; the code decides."""
    wire.patch(f"{API}/leads({ROW})", status=500, json=error_body("0x80040333"))
    (result,) = client.write_rows([RowWrite(table="lead", id=ROW, etag=None, columns={"a": 1})])
    assert result.outcome is WriteOutcome.REFUSED


def test_trap_affinity_cookie_pins_all_threads_to_one_server(
    client: DataverseClient, wire: responses.RequestsMock
) -> None:
    wire.get(f"{API}/WhoAmI", json=WHO, headers={"Set-Cookie": "ARRAffinity=a; path=/; HttpOnly"})
    for _ in range(3):
        client.who_am_i()
    assert all("Cookie" not in call.request.headers for call in wire.calls)


def test_trap_token_dies_in_a_run_longer_than_an_hour(
    build: Build, wire: responses.RequestsMock, timeline: Timeline
) -> None:
    from tests.wire.test_sign_in import SECRET, bearers, serve_sign_in

    serve_sign_in(wire)
    add_tables(wire)
    serve_pages(wire, [2, 2, 2, 1])
    wire.get(f"{API}/organizations", json={METADATA_VERSION: "1", "value": []})
    client = build(sign_in=SECRET, retry=RetryPolicy(budget=timedelta(hours=9)))
    page = client.fetch_first_page(LEADS)
    while page.next_link is not None:
        timeline.instant += timedelta(minutes=40)
        page = client.fetch_page(LEADS, page.next_link)
    assert len(set(bearers(wire))) == 2


def test_trap_whole_metadata_is_read_at_start(
    client: DataverseClient, wire: responses.RequestsMock
) -> None:
    """Reading every definition of a tenant has killed connectors by memory."""
    wire.get(f"{API}/leads", json={"value": [], "@odata.deltaLink": DELTA})
    client.fetch_first_page(LEADS)
    assert not any(str(call.request.url).endswith("/EntityDefinitions") for call in wire.calls)
    assert not any("$metadata" in str(call.request.url) for call in wire.calls)


def test_trap_error_body_is_html(client: DataverseClient, wire: responses.RequestsMock) -> None:
    wire.get(f"{API}/leads", status=502, body="<html><head><title>502 Bad Gateway</title></html>")
    with pytest.raises(RetriableError, match="502 Bad Gateway"):
        client.fetch_first_page(LEADS)


def test_trap_table_without_modifiedon_cannot_be_followed(
    build: Build, wire: responses.RequestsMock
) -> None:
    """It is said in one sentence, before a row is read, and nothing is skipped in silence."""
    add_tables(wire, change_tracking=False)
    message = "Could not find a property named 'modifiedon' on type 'Microsoft.Dynamics.CRM.lead'."
    wire.get(f"{API}/leads", status=400, json=error_body("0x80060888", message))
    with pytest.raises(ConfigProblem, match="neither change tracking nor modifiedon"):
        build().fetch_first_page(LEADS)


def test_trap_row_without_the_watermark_column(build: Build, wire: responses.RequestsMock) -> None:
    add_tables(wire, change_tracking=False)
    rows = [{"leadid": ROW}, {"leadid": "b", "modifiedon": None}]
    wire.get(f"{API}/leads", json={"value": rows})
    assert build().fetch_first_page(LEADS).rows == rows


def test_trap_token_life_is_taken_from_the_documentation(
    client: DataverseClient, wire: responses.RequestsMock
) -> None:
    """It was 90, then 30, then 7 days, and an environment keeps what it was made with."""
    names = {"EntitySetName": "organizations", "PrimaryIdAttribute": "organizationid"}
    wire.get(definition_url("organization"), json={"LogicalName": "organization", **names})
    wire.get(f"{API}/organizations", json={"value": [{"expirechangetrackingindays": 45}]})
    assert client.fetch_token_life_days() == 45


def test_trap_pages_beyond_the_first_are_never_asked_for(
    client: DataverseClient, wire: responses.RequestsMock
) -> None:
    wire.get(f"{API}/leads", json={"value": [{"leadid": "1"}], "@odata.nextLink": f"{API}/leads?2"})
    wire.get(f"{API}/leads", json={"value": [{"leadid": "2"}]})
    assert [row["leadid"] for row in client.read_rows("lead", ("subject",))] == ["1", "2"]


def test_trap_host_alias_drops_the_bearer(
    client: DataverseClient, wire: responses.RequestsMock
) -> None:
    """A link to the environment's other name goes to the configured one, signed in."""
    alias = API.replace("contoso.crm4", "contoso.api.crm4")
    wire.get(f"{API}/leads", json={"value": [], "@odata.nextLink": f"{alias}/leads?$skiptoken=1"})
    wire.get(f"{API}/leads", json={"value": [], "@odata.deltaLink": DELTA})
    page = client.fetch_first_page(LEADS)
    client.fetch_page(LEADS, str(page.next_link))
    assert wire.calls[-1].request.url == f"{API}/leads?$skiptoken=1"
    assert wire.calls[-1].request.headers["Authorization"] == "Bearer secret-token"


def test_trap_batch_part_with_an_absolute_url_or_without_content_id(
    build: Build, wire: responses.RequestsMock
) -> None:
    add_tables(wire)
    wire.post(f"{API}/$batch", status=400, json=error_body("0x80060888"))
    client = build(writes=WriteOptions(way=WriteWay.BATCH))
    list(client.write_rows([RowWrite(table="lead", id=ROW, etag=None, columns={"a": 1})]))
    body = bytes(wire.calls[-1].request.body or b"")  # type: ignore[arg-type]
    assert b"\r\nContent-ID: 1\r\n" in body
    assert b"PATCH /api/data/v9.2/leads(" in body


def test_trap_navigation_name_in_the_wrong_case(
    client: DataverseClient, wire: responses.RequestsMock
) -> None:
    wire.patch(f"{API}/leads({ROW})", status=204)
    sequence = EntityReference(table="msdyn_sequence", id="s")
    write = RowWrite(table="lead", id=ROW, etag=None, binds={"lrobin_sequenceid": sequence})
    list(client.write_rows([write]))
    body = json.loads(wire.calls[-1].request.body or b"")
    assert body == {"lrobin_SequenceId@odata.bind": "/msdyn_sequences(s)"}


def test_trap_concurrency_is_held_down_to_a_limit_that_is_long_gone(timeline: Timeline) -> None:
    """Two batches at once was the limit of old; today 52 requests may be under way."""
    governor = Governor(
        GovernorOptions(max_concurrency=52, is_pacing=False),
        TimeBudget(timedelta(hours=1), timeline),
        clock=timeline,
        sleep=timeline.sleep,
        metrics=NoMetrics(),
    )
    for _ in range(60):
        tickets = [governor.admit("batch") for _ in range(int(governor.describe()["slots"]))]
        assert governor._delay("batch", 1) is None
        timeline.instant += timedelta(seconds=6)
        for ticket in tickets:
            governor.finish(ticket, 1.0)
    assert governor.describe()["slots"] == 52


def test_trap_hosts_time_is_taken_for_the_time_of_a_deletion(
    client: DataverseClient, wire: responses.RequestsMock
) -> None:
    """A deletion carries its id alone: the feed invents no instant for it."""
    removal = {
        "@odata.context": f"{API}/$metadata#leads/$deletedEntity",
        "id": ROW,
        "reason": "deleted",
    }
    wire.get(f"{API}/leads", json={"value": [removal], "@odata.deltaLink": DELTA})
    wire.get(f"{API}/leads", json={"value": []})
    page = client.fetch_page(LEADS, DELTA)
    assert (list(page.rows), list(page.deleted)) == ([], [ROW])
