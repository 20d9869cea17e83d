"""More mistakes known of clients of Dataverse, and the list that leads from thread to test."""

import ast
from datetime import timedelta
from pathlib import Path

import pytest
import responses

from connector.dataverse.sign_in.options import SignInOptions
from connector.dataverse.wire.retrying import RetryPolicy
from connector.dataverse.writes.sender import WriteOptions, WriteWay
from connector.ports import RowWrite, TableQuery
from engine.schema import ColumnType
from tests.wire.conftest import API, ROOT, Build, Timeline, add_tables, error_body
from tests.wire.test_metadata_and_hydration import serve_lead
from tests.wire.test_sign_in import SECRET, WHO, bearers, serve_sign_in

OTHER = "https://fabrikam.crm4.dynamics.com"
ROW = "00000000-0000-0000-0000-00000000000a"
DELTA = f"{API}/leads?$deltatoken=1"
LEADS = TableQuery(table="lead", columns=("subject",), page_size=2)

TRAPS = {
    "powerapps-docs #3845": "token_life_is_taken_from_the_documentation",
    "powerapps-docs #1951": "duplicate_detection_answers_500",
    "powerapps-docs #4540": "limits_of_one_environment_hold_another_back",
    "airbyte #52678": "whole_metadata_is_read_at_start",
    "airbyte #48603": "whole_metadata_is_read_at_start",
    "airbyte #70252": "day_is_taken_for_an_instant",
    "airbyte #29732": "table_without_modifiedon_cannot_be_followed",
    "airbyte #22805": "row_that_comes_twice_loses_its_newer_version",
    "airbyte: state saved only at the last page": "progress_is_only_known_at_the_last_page",
    "airbyte: no expired-token handling": "expired_token_is_not_handled",
    "airbyte: deletion time of the local clock": ("hosts_time_is_taken_for_the_time_of_a_deletion"),
    "airbyte: skiptoken encoded anew": "skiptoken_is_encoded_again",
    "airbyte: KeyError for an absent cursor": "row_without_the_watermark_column",
    "FastTrack-Implementation-Assets #440": "deletion_of_a_row_that_was_never_seen",
    "dataverse-to-sql #50": "deletions_are_concluded_from_an_incomplete_pass",
    "n8n #34286: no next link": "pages_beyond_the_first_are_never_asked_for",
    "n8n #34286: page size beside top": "top_is_ignored_beside_a_page_size",
    "XrmBedrock #47": "first_page_requested_twice",
    "DynamicsWebApi #164": "pages_beyond_the_first_are_never_asked_for",
    "DynamicsWebApi #101": "429_is_not_retried",
    "DynamicsWebApi #99": "owner_is_bound_to_principals",
    "Simple.OData.Client #625": "owner_is_bound_to_principals",
    "PSDataverse #27": "null_is_sent_as_a_bind",
    "PowerAppsCodeApps #451": "navigation_name_in_the_wrong_case",
    "DataverseClient-Python #50": "429_is_not_retried",
    "DataverseClient-Python #127": "key_stands_in_the_url_and_in_the_body",
    "DataverseServiceClient: hours": "retry_after_is_read_as_hours",
    "DataverseServiceClient #31": "retries_never_end",
    "DataverseServiceClient #508": "cancelling_is_ignored_during_a_throttle_wait",
    "DataverseServiceClient: stale token": "token_is_outlived_by_a_throttle_wait",
    "Dataverse-API #42": "bulks_grow_until_they_time_out",
    "source-dataverse: key": "primary_key_is_guessed_from_the_table_name",
    "source-dataverse: page size": "next_page_loses_maxpagesize",
    "dataverse-mcp 1.3.2": "batch_part_with_an_absolute_url_or_without_content_id",
    "sim #6714": "host_alias_drops_the_bearer",
    "coe-starter-kit #6071": "deletions_are_concluded_from_an_incomplete_pass",
    "PSDataverse #44": "token_dies_in_a_run_longer_than_an_hour",
    "DataverseDevTools-VSCode #88": "token_dies_in_a_run_longer_than_an_hour",
    "azure-docs #98097": "concurrency_is_held_down_to_a_limit_that_is_long_gone",
}
"""Where a mistake was reported, and the test of it."""


@pytest.mark.parametrize("thread", TRAPS)
def test_every_reported_mistake_has_a_test(thread: str) -> None:
    here = Path(__file__).parent
    trees = [ast.parse(path.read_text(encoding="utf-8")) for path in here.glob("test_known_*.py")]
    names = {node.name for tree in trees for node in tree.body if isinstance(node, ast.FunctionDef)}
    assert f"test_trap_{TRAPS[thread]}" in names


def test_trap_limits_of_one_environment_hold_another_back(
    build: Build, wire: responses.RequestsMock, timeline: Timeline
) -> None:
    """The limits are counted for each environment: a pause in one is none in another."""
    wire.get(
        f"{API}/WhoAmI",
        status=429,
        json=error_body("0x80072322"),
        headers={"Retry-After": "200"},
    )
    wire.get(f"{API}/WhoAmI", json=WHO)
    wire.get(f"{OTHER}/api/data/v9.2/WhoAmI", json=WHO)
    one, other = build(), build(url=OTHER)
    one.who_am_i()
    assert timeline.slept >= 200
    slept = timeline.slept
    other.who_am_i()
    assert timeline.slept == slept
    assert other.describe_governor()["used_today"] == 1


def test_trap_day_is_taken_for_an_instant(build: Build, wire: responses.RequestsMock) -> None:
    """The behaviour of a column counts, not its format: a day has no time zone to shift it."""
    add_tables(wire)
    serve_lead(wire)
    columns = build().describe_table("lead").to_schema().columns
    assert columns["estimatedclosedate"].type is ColumnType.DATE
    assert columns["createdon"].type is ColumnType.DATETIME


def test_trap_row_that_comes_twice_loses_its_newer_version(
    build: Build, wire: responses.RequestsMock
) -> None:
    """Versions come in ascending order; the feed keeps both, in that order, with their ETags."""
    add_tables(wire)
    rows = [
        {"leadid": ROW, "@odata.etag": f'W/"{version}"', "subject": str(version)}
        for version in (7, 9)
    ]
    wire.get(f"{API}/leads", json={"value": rows, "@odata.deltaLink": DELTA})
    page = build().fetch_page(LEADS, DELTA)
    assert [(row["@odata.etag"], row["subject"]) for row in page.rows] == [
        ('W/"7"', "7"),
        ('W/"9"', "9"),
    ]


def test_trap_top_is_ignored_beside_a_page_size(build: Build, wire: responses.RequestsMock) -> None:
    """Dataverse drops `$top` when a page size is asked for: no read relies on it."""
    add_tables(wire)
    wire.get(f"{API}/leads", json={"value": [], "@odata.deltaLink": DELTA})
    client = build()
    client.fetch_first_page(LEADS)
    client.fetch_rows(LEADS, [ROW])
    list(client.read_rows("lead", ("subject",)))
    client.fetch_versions(LEADS)
    asked = [str(call.request.url) for call in wire.calls if "/leads" in str(call.request.url)]
    assert len(asked) == 4
    assert not any("top=" in url for url in asked)


def test_trap_token_is_outlived_by_a_throttle_wait(
    build: Build, wire: responses.RequestsMock, timeline: Timeline
) -> None:
    """A wait may last longer than what is left of the token: it is read again after the wait."""
    serve_sign_in(wire)
    wire.get(f"{API}/WhoAmI", json=WHO)
    wire.get(
        f"{API}/WhoAmI",
        status=429,
        json=error_body("0x80072321"),
        headers={"Retry-After": "400"},
    )
    wire.get(f"{API}/WhoAmI", json=WHO)
    client = build(sign_in=SECRET, retry=RetryPolicy(budget=timedelta(hours=2)))
    client.who_am_i()
    timeline.instant += timedelta(minutes=54)
    client.who_am_i()
    assert bearers(wire) == ["Bearer t1", "Bearer t1", "Bearer t2"]


def test_trap_bulks_grow_until_they_time_out(build: Build, wire: responses.RequestsMock) -> None:
    """However many writes there are, a request holds a hundred at most unless told otherwise."""
    add_tables(wire)
    wire.post(f"{API}/$batch", status=400, json=error_body("0x80060888"))
    client = build(
        sign_in=SignInOptions(mode="static_token", token="t"),
        writes=WriteOptions(way=WriteWay.BATCH),
    )
    writes = [
        RowWrite(table="lead", id=f"{number:032x}", etag=None, columns={"a": 1})
        for number in range(950)
    ]
    assert len(list(client.write_rows(writes))) == 950
    sizes = [
        bytes(call.request.body or b"").count(b"PATCH ")  # type: ignore[arg-type]
        for call in wire.calls
        if str(call.request.url) == f"{ROOT}/api/data/v9.2/$batch"
    ]
    assert max(sizes) == 100
    assert sum(sizes) == 950


@pytest.mark.parametrize("way", [WriteWay.PARALLEL, WriteWay.BATCH])
def test_trap_key_stands_in_the_url_and_in_the_body(
    build: Build, wire: responses.RequestsMock, way: WriteWay
) -> None:
    """A row that has its key in both is refused by some messages: an address names it once."""
    add_tables(wire)
    wire.patch(f"{API}/leads({ROW})", status=204)
    wire.post(f"{API}/$batch", status=400, json=error_body("0x80060888"))
    client = build(writes=WriteOptions(way=way))
    list(client.write_rows([RowWrite(table="lead", id=ROW, etag=None, columns={"subject": "x"})]))
    raw = wire.calls[-1].request.body
    assert isinstance(raw, bytes)
    sent = raw.partition(b"PATCH ")
    body = (sent[2] or sent[0]).decode()
    assert '{"subject":"x"}' in body
    assert 'leadid":' not in body
