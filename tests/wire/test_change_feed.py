"""The change feed on the wire."""

import pytest
import responses

from connector.dataverse.client import DataverseClient
from connector.dataverse.reads.feed import FollowBy
from connector.errors import FatalError, ResyncRequired, RetriableError
from connector.ports import TableQuery
from engine.errors import ConfigProblem
from tests.wire.conftest import API, Build, add_tables, error_body

LEADS = TableQuery(table="lead", columns=("subject", "_ownerid_value"), page_size=2)
TOKEN = "919042%2108%2f22%2f2017%2008%3a10%3a44"
DELTA = f"{API}/leads?$select=subject,_ownerid_value&$deltatoken={TOKEN}"
NEXT = (
    f"{API}/leads?$select=subject&$skiptoken=%3Ccookie%20pagenumber=%222%22%20pagingcookie="
    "%22%253ccookie%2520page%253d%25221%2522%253e%22%20istracking=%22True%22%20/%3E"
)
A, B = "00000000-0000-0000-0000-00000000000a", "00000000-0000-0000-0000-00000000000b"


def removed(row_id: str, reason: str = "deleted") -> dict[str, str]:
    return {
        "@odata.context": f"{API}/$metadata#leads/$deletedEntity",
        "id": row_id,
        "reason": reason,
    }


def test_the_first_page_asks_for_tracking_and_gives_the_delta_link(
    client: DataverseClient, wire: responses.RequestsMock
) -> None:
    wire.get(f"{API}/leads", json={"@odata.deltaLink": DELTA, "value": [{"leadid": A}]})
    page = client.fetch_first_page(LEADS)
    asked = wire.calls[-1].request
    assert asked.url == f"{API}/leads?$select=subject,_ownerid_value"
    assert asked.headers["Prefer"].startswith("odata.track-changes,odata.maxpagesize=2,")
    assert page.rows[0]["leadid"] == A
    assert (page.next_link, page.delta_link) == (None, DELTA)


def test_links_are_sent_verbatim_with_the_same_preferences_on_every_page(
    client: DataverseClient, wire: responses.RequestsMock
) -> None:
    wire.get(f"{API}/leads", json={"@odata.nextLink": NEXT, "value": [{"leadid": A}]})
    wire.get(f"{API}/leads", json={"@odata.deltaLink": DELTA, "value": [{"leadid": B}]})
    first = client.fetch_first_page(LEADS)
    assert first.next_link == NEXT
    assert first.delta_link is None
    second = client.fetch_page(LEADS, NEXT)
    asked = wire.calls[-1].request
    assert asked.url == NEXT
    assert "odata.maxpagesize=2" in asked.headers["Prefer"]
    assert second.delta_link == DELTA


def test_a_delta_without_value_and_without_link_keeps_the_old_link(
    client: DataverseClient, wire: responses.RequestsMock
) -> None:
    wire.get(f"{API}/leads", json={"@odata.context": f"{API}/$metadata#leads/$delta"})
    page = client.fetch_page(LEADS, DELTA)
    assert page.rows == []
    assert page.delta_link == DELTA


def test_an_empty_body_is_an_empty_delta(
    client: DataverseClient, wire: responses.RequestsMock
) -> None:
    wire.get(f"{API}/leads", body=b"")
    assert client.fetch_page(LEADS, DELTA).delta_link == DELTA


def test_a_chain_of_pages_that_ends_without_a_delta_link_is_not_taken_for_complete(
    client: DataverseClient, wire: responses.RequestsMock
) -> None:
    wire.get(f"{API}/leads", json={"value": []})
    with pytest.raises(ResyncRequired):
        client.fetch_page(LEADS, NEXT)


def test_a_first_read_that_was_not_tracked_is_refused(
    client: DataverseClient, wire: responses.RequestsMock
) -> None:
    wire.get(f"{API}/leads", json={"value": [{"leadid": A}]})
    with pytest.raises(ConfigProblem, match="did not track"):
        client.fetch_first_page(LEADS)


def test_a_table_without_change_tracking_is_named_before_anything_is_read(
    build: Build, wire: responses.RequestsMock
) -> None:
    add_tables(wire, change_tracking=False)
    with pytest.raises(ConfigProblem, match="change tracking is off for table lead"):
        build(follow_by=FollowBy.TRACKING).fetch_first_page(LEADS)
    assert all("EntityDefinitions" in str(call.request.url) for call in wire.calls)


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (400, "0x80044352"),
        (400, "-2147204270"),
        (404, "0x80044352"),
        (410, ""),
        (400, "0x80060888"),
        (400, "0x80048d19"),
    ],
)
def test_an_expired_or_invalid_link_asks_for_a_full_read(
    client: DataverseClient, wire: responses.RequestsMock, status: int, code: str
) -> None:
    wire.get(f"{API}/leads", status=status, json=error_body(code, "Version stamp has expired."))
    with pytest.raises(ResyncRequired):
        client.fetch_page(LEADS, DELTA)


def test_a_missing_privilege_is_not_mistaken_for_an_expired_link(
    client: DataverseClient, wire: responses.RequestsMock
) -> None:
    wire.get(f"{API}/leads", status=403, json=error_body("0x80040220", "missing prvReadLead"))
    with pytest.raises(FatalError, match="organization level"):
        client.fetch_page(LEADS, DELTA)


def test_a_deletion_is_reported_only_when_the_row_is_really_gone(
    client: DataverseClient, wire: responses.RequestsMock
) -> None:
    """A row deleted and restored is listed as changed first and as deleted after."""
    wire.get(
        DELTA,
        json={
            "value": [{"leadid": A, "subject": "old"}, removed(A), removed(B)],
            "@odata.deltaLink": DELTA,
        },
    )
    wire.get(f"{API}/leads", json={"value": [{"leadid": A, "subject": "restored"}]})
    page = client.fetch_page(LEADS, DELTA)
    assert page.deleted == [B]
    assert page.rows == [{"leadid": A, "subject": "restored"}]


def test_a_row_that_only_left_the_view_is_read_again(
    client: DataverseClient, wire: responses.RequestsMock
) -> None:
    wire.get(DELTA, json={"value": [removed(A, "changed")], "@odata.deltaLink": DELTA})
    wire.get(f"{API}/leads", json={"value": [{"leadid": A, "subject": "still here"}]})
    page = client.fetch_page(LEADS, DELTA)
    assert page.deleted == []
    assert [row["subject"] for row in page.rows] == ["still here"]


def test_an_unknown_column_names_the_table_and_ends_in_a_configuration_problem(
    client: DataverseClient, wire: responses.RequestsMock
) -> None:
    wire.get(
        f"{API}/leads",
        status=400,
        json=error_body("0x80060888", "Could not find a property named 'foo' on type 'lead'."),
    )
    with pytest.raises(ConfigProblem, match=r"(?s)table lead .*property named 'foo'"):
        client.fetch_first_page(LEADS)


def test_a_page_that_is_html_with_status_200_is_worth_another_try(
    client: DataverseClient, wire: responses.RequestsMock
) -> None:
    wire.get(f"{API}/leads", body="<html>maintenance</html>")
    with pytest.raises(RetriableError, match="not a page"):
        client.fetch_first_page(LEADS)


def test_the_feed_passes_rows_with_a_reason_column_through(
    client: DataverseClient, wire: responses.RequestsMock
) -> None:
    """A table may have a column called reason; only the context marks a deletion."""
    row = {"leadid": A, "reason": "deleted"}
    wire.get(f"{API}/leads", json={"value": [row], "@odata.deltaLink": DELTA})
    assert client.fetch_first_page(LEADS).rows == [row]
