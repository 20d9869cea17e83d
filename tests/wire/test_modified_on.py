"""Tables followed by `modifiedon`: what is asked for, and where the next pass begins."""

import json
import re
from collections.abc import Callable
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
import responses

from connector.dataverse.client import DataverseClient
from connector.dataverse.reads.feed import FollowBy
from connector.errors import FatalError, ResyncRequired
from connector.ports import RowPage, TableQuery
from engine.errors import ConfigProblem
from tests.wire.conftest import API, Build, Timeline, add_tables, error_body

LEADS = TableQuery(table="lead", columns=("subject", "modifiedon"), page_size=2)
NEXT = f"{API}/leads?$select=subject&$skiptoken=%3Ccookie%20pagenumber=%222%22%20/%3E"
EARLY, LATE = "2026-11-23T08:00:00Z", "2026-11-23T08:50:00Z"


@pytest.fixture
def untracked(build: Build, wire: responses.RequestsMock) -> DataverseClient:
    add_tables(wire, change_tracking=False)
    return build()


def row(stamp: str, number: int = 1) -> dict[str, str]:
    return {"@odata.etag": f'W/"{number}"', "leadid": f"{number:036d}", "modifiedon": stamp}


def serve(
    wire: responses.RequestsMock, *rows: dict[str, str], next_link: str | None = None
) -> None:
    body: dict[str, object] = {"value": list(rows)}
    if next_link:
        body["@odata.nextLink"] = next_link
    wire.get(f"{API}/leads", json=body)


def asked(wire: responses.RequestsMock) -> dict[str, str]:
    query = urlsplit(str(wire.calls[-1].request.url)).query
    return {name: values[0] for name, values in parse_qs(query).items()}


def test_a_table_without_change_tracking_is_read_in_the_order_of_its_stamps(
    untracked: DataverseClient, wire: responses.RequestsMock
) -> None:
    serve(wire, row(EARLY))
    page = untracked.fetch_first_page(LEADS)
    assert asked(wire) == {
        "$select": "subject,modifiedon",
        "$orderby": "modifiedon asc,leadid asc",
    }
    assert "track-changes" not in wire.calls[-1].request.headers["Prefer"]
    assert page.sees_deletions is False


def test_the_next_pass_begins_the_overlap_before_the_latest_row(
    untracked: DataverseClient, wire: responses.RequestsMock
) -> None:
    serve(wire, row(EARLY), row(LATE, 2))
    link = untracked.fetch_first_page(LEADS).delta_link
    serve(wire, row(LATE, 2))
    page = untracked.fetch_page(LEADS, str(link))
    assert asked(wire)["$filter"] == "modifiedon ge 2026-11-23T08:45:00Z"
    assert [found["leadid"] for found in page.rows] == [row(LATE, 2)["leadid"]]


def test_a_stamp_in_the_future_does_not_carry_the_watermark_with_it(
    untracked: DataverseClient, wire: responses.RequestsMock
) -> None:
    serve(wire, row("2031-01-01T00:00:00Z"))
    link = untracked.fetch_first_page(LEADS).delta_link
    serve(wire)
    untracked.fetch_page(LEADS, str(link))
    assert asked(wire)["$filter"] == "modifiedon ge 2026-11-23T08:55:00Z"


def test_a_pass_without_rows_leaves_the_watermark_where_it_was(
    untracked: DataverseClient, wire: responses.RequestsMock, timeline: Timeline
) -> None:
    serve(wire, row(LATE))
    link = str(untracked.fetch_first_page(LEADS).delta_link)
    for _ in range(2):
        timeline.instant += timedelta(minutes=3)
        serve(wire)
        link = str(untracked.fetch_page(LEADS, link).delta_link)
    assert asked(wire)["$filter"] == "modifiedon ge 2026-11-23T08:45:00Z"


def test_pages_are_followed_verbatim_and_the_latest_stamp_of_all_counts(
    untracked: DataverseClient, wire: responses.RequestsMock
) -> None:
    serve(wire, row(LATE), next_link=NEXT)
    first = untracked.fetch_first_page(LEADS)
    assert first.delta_link is None
    serve(wire, row(EARLY, 2))
    last = untracked.fetch_page(LEADS, str(first.next_link))
    assert wire.calls[-1].request.url == NEXT
    serve(wire)
    untracked.fetch_page(LEADS, str(last.delta_link))
    assert asked(wire)["$filter"] == "modifiedon ge 2026-11-23T08:45:00Z"


def test_a_page_link_that_is_not_honoured_goes_on_from_the_latest_stamp(
    untracked: DataverseClient, wire: responses.RequestsMock
) -> None:
    serve(wire, row(LATE), next_link=NEXT)
    first = untracked.fetch_first_page(LEADS)
    wire.get(f"{API}/leads", status=400, json=error_body("0x80060888", "Malformed cookie."))
    serve(wire, row(LATE))
    page = untracked.fetch_page(LEADS, str(first.next_link))
    assert asked(wire)["$filter"] == f"modifiedon ge {LATE}"
    assert len(page.rows) == 1


def test_without_organization_wide_read_what_may_be_read_is_followed(
    client: DataverseClient, wire: responses.RequestsMock
) -> None:
    wire.get(f"{API}/leads", status=403, json=error_body("0x80040220", "missing prvReadLead"))
    serve(wire, row(LATE))
    page = client.fetch_first_page(LEADS)
    assert page.sees_deletions is False
    assert "$orderby" in asked(wire)
    serve(wire)
    assert client.fetch_page(LEADS, str(page.delta_link)).rows == []


def test_a_table_that_may_not_be_read_at_all_stops_the_service(
    client: DataverseClient, wire: responses.RequestsMock
) -> None:
    wire.get(f"{API}/leads", status=403, json=error_body("0x80040220", "missing prvReadLead"))
    with pytest.raises(FatalError, match="may not read table lead"):
        client.fetch_first_page(LEADS)


def test_tracking_that_is_insisted_on_is_not_replaced(
    build: Build, wire: responses.RequestsMock
) -> None:
    add_tables(wire, change_tracking=False)
    with pytest.raises(ConfigProblem, match="change tracking is off for table lead"):
        build(follow_by=FollowBy.TRACKING).fetch_first_page(LEADS)


def test_tracking_that_was_switched_on_since_is_taken_up_by_a_full_read(
    build: Build, wire: responses.RequestsMock, untracked: DataverseClient
) -> None:
    serve(wire, row(LATE))
    link = str(untracked.fetch_first_page(LEADS).delta_link)
    wire.reset()
    add_tables(wire)
    with pytest.raises(ResyncRequired, match="now tracked"):
        build().fetch_page(LEADS, link)


def test_a_chosen_watermark_replaces_a_delta_link_by_a_full_read(
    build: Build, wire: responses.RequestsMock
) -> None:
    add_tables(wire)
    with pytest.raises(ResyncRequired):
        build(follow_by=FollowBy.MODIFIED_ON).fetch_page(LEADS, f"{API}/leads?$deltatoken=1")


def test_the_old_word_for_following_by_modified_on_is_understood() -> None:
    assert FollowBy("watermark") is FollowBy("modified_on") is FollowBy.MODIFIED_ON
    with pytest.raises(ValueError, match="feed"):
        FollowBy("feed")


def test_a_watermark_that_cannot_be_read_asks_for_a_full_read(client: DataverseClient) -> None:
    with pytest.raises(ResyncRequired):
        client.fetch_page(LEADS, "watermark:{}")


def test_versions_come_by_id_and_carry_nothing_else(
    client: DataverseClient, wire: responses.RequestsMock
) -> None:
    serve(wire, row(EARLY, 1), next_link=NEXT)
    page = client.fetch_versions(LEADS)
    assert asked(wire) == {"$select": "leadid", "$orderby": "leadid asc"}
    assert page.versions == {row(EARLY, 1)["leadid"]: 'W/"1"'}
    serve(wire, row(EARLY, 2))
    page = client.fetch_versions(LEADS, page.next_link)
    assert (wire.calls[-1].request.url, page.next_link) == (NEXT, None)


def test_versions_whose_link_is_not_honoured_are_read_again(
    client: DataverseClient, wire: responses.RequestsMock
) -> None:
    wire.get(f"{API}/leads", status=400, json=error_body("0x80060888", "Malformed cookie."))
    with pytest.raises(ResyncRequired):
        client.fetch_versions(LEADS, NEXT)
    with pytest.raises(ConfigProblem):
        client.fetch_versions(LEADS)


def test_trap_rows_of_one_second_are_cut_apart_by_a_page(
    untracked: DataverseClient, wire: responses.RequestsMock
) -> None:
    """Twenty rows share one second; a watermark without ties would skip what the page cut off."""
    rows = [row(LATE, number) for number in range(20)]
    wire.add_callback(responses.GET, re.compile(rf"{API}/leads\?"), paged(rows))
    seen: list[str] = []
    page: RowPage = untracked.fetch_first_page(LEADS)
    seen.extend(str(found["leadid"]) for found in page.rows)
    while page.next_link:
        page = untracked.fetch_page(LEADS, page.next_link)
        seen.extend(str(found["leadid"]) for found in page.rows)
    assert seen == [found["leadid"] for found in rows]


def paged(
    rows: list[dict[str, str]],
) -> Callable[[requests.PreparedRequest], tuple[int, dict[str, str], str]]:
    def answer(request: requests.PreparedRequest) -> tuple[int, dict[str, str], str]:
        found = re.search(r"skiptoken=(\d+)", str(request.url))
        start = int(found[1]) if found else 0
        body: dict[str, object] = {"value": rows[start : start + 2]}
        if start + 2 < len(rows):
            body["@odata.nextLink"] = f"{API}/leads?$skiptoken={start + 2}"
        return 200, {}, json.dumps(body)

    return answer
