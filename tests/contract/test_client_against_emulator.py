"""The client against the emulator, over TLS and with MSAL: two readings of one protocol."""

import random
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from connector.dataverse.client import DataverseClient
from connector.dataverse.limits.governor import GovernorOptions
from connector.dataverse.reads.feed import FollowBy
from connector.dataverse.sign_in.options import SignInOptions
from connector.dataverse.wire.transport import TransportOptions
from connector.dataverse.writes.sender import WriteOptions, WriteWay
from connector.emulator.protection.throttle import Limits
from connector.emulator.seed.organization import SeedSize
from connector.emulator.server import EmulatorOptions, EmulatorServer
from connector.errors import FatalError, ResyncRequired
from connector.ports import (
    IS_ACTIVE,
    RowPage,
    RowWrite,
    TableQuery,
    WriteOutcome,
    equals,
)
from engine.errors import ConfigProblem
from engine.records import EntityReference, Row
from tests.support.installed import connect, left_as_found

LEADS = TableQuery(table="lead", columns=("subject", "_ownerid_value", "statecode"), page_size=20)
SIZE = SeedSize(sellers=8, leads=50, opportunities=10, insights=4)


@pytest.fixture(scope="module")
def server() -> Iterator[EmulatorServer]:
    with EmulatorServer(EmulatorOptions(size=SIZE)) as running:
        yield running


@pytest.fixture(autouse=True)
def fresh(server: EmulatorServer) -> Iterator[None]:
    """Every test finds the seed as it was made, and no faults."""
    with left_as_found(server):
        yield


@pytest.fixture
def client(server: EmulatorServer) -> Iterator[DataverseClient]:
    with connect(server) as connected:
        yield connected


def read_changes(client: DataverseClient, link: str | None = None) -> tuple[list[RowPage], str]:
    """All pages from the start or from a link, and the new delta link."""
    page = client.fetch_page(LEADS, link) if link else client.fetch_first_page(LEADS)
    pages = [page]
    while page.next_link is not None:
        page = client.fetch_page(LEADS, page.next_link)
        pages.append(page)
    assert page.delta_link is not None
    return pages, page.delta_link


def rows_of(pages: list[RowPage]) -> dict[str, Row]:
    return {str(row["leadid"]): row for page in pages for row in page.rows}


def open_rows(pages: list[RowPage]) -> list[Row]:
    """Closed rows are read-only."""
    return [row for row in rows_of(pages).values() if row["statecode"] == 0]


def patch(client: DataverseClient, row: Row, **columns: str) -> WriteOutcome:
    write = RowWrite(
        table="lead", id=str(row["leadid"]), etag=str(row["@odata.etag"]), columns=columns
    )
    (result,) = client.write_rows([write])
    return result.outcome


def delete(server: EmulatorServer, client: DataverseClient, row_id: str) -> None:
    """Another client deletes a row."""
    from connector.dataverse.wire.transport import Request

    channel = client._parts.channel
    channel.call(Request(method="DELETE", url=f"{channel.api}leads({row_id})", operation="delete"))


def seller_of(client: DataverseClient) -> EntityReference:
    rows = client.read_rows("systemuser", ("fullname",), where=(equals("isdisabled", False),))
    found = [row for row in rows if row.get("fullname")]
    return EntityReference(table="systemuser", id=str(found[-1]["systemuserid"]))


def test_signing_in_and_asking_who_we_are(client: DataverseClient) -> None:
    found = client.who_am_i()
    assert len(found.user_id) == len(found.organization_id) == 36


def test_the_authority_is_found_when_it_is_not_set(server: EmulatorServer) -> None:
    sign_in = SignInOptions(
        mode="client_secret", client_id=server.client_id, client_secret=server.client_secret
    )
    with connect(server, sign_in=sign_in) as client:
        assert client.who_am_i().user_id


def test_a_wrong_secret_is_one_sentence(server: EmulatorServer) -> None:
    sign_in = SignInOptions(
        mode="client_secret",
        tenant_id=server.tenant_id,
        client_id=server.client_id,
        client_secret="wrong",
        authority=server.authority,
    )
    with connect(server, sign_in=sign_in) as client, pytest.raises(ConfigProblem, match="secret"):
        client.who_am_i()


def test_a_ca_that_is_not_trusted_is_one_sentence(server: EmulatorServer) -> None:
    with (
        connect(server, transport=TransportOptions()) as client,
        pytest.raises(ConfigProblem, match="CA_FILE"),
    ):
        client.who_am_i()


def test_an_unknown_table_and_an_unknown_column_are_one_sentence(client: DataverseClient) -> None:
    with pytest.raises(ConfigProblem, match='no table "leed"'):
        client.describe_table("leed")
    with pytest.raises(ConfigProblem, match="nosuchcolumn"):
        client.fetch_first_page(TableQuery(table="lead", columns=("nosuchcolumn",)))


def test_definitions_carry_what_the_rules_need(client: DataverseClient) -> None:
    lead = client.describe_table("lead")
    assert (lead.entity_set, lead.primary_id, lead.change_tracking) == ("leads", "leadid", True)
    assert lead.columns["statecode"].options[0] == "Open"
    assert "systemuser" in lead.columns["ownerid"].targets
    assert client.describe_table("opportunity").entity_set == "opportunities"


def test_pages_bring_every_row_once(client: DataverseClient) -> None:
    pages, _ = read_changes(client)
    assert [len(page.rows) for page in pages[:2]] == [20, 20]
    ids = [row["leadid"] for page in pages for row in page.rows]
    assert len(ids) == len(set(ids)) >= SIZE.leads


def test_an_unchanged_table_has_an_empty_delta(client: DataverseClient) -> None:
    _, link = read_changes(client)
    pages, _ = read_changes(client, link)
    assert rows_of(pages) == {}


def test_changes_and_deletions_come_through_the_delta(
    server: EmulatorServer, client: DataverseClient
) -> None:
    pages, link = read_changes(client)
    changed, gone = open_rows(pages)[:2]
    assert patch(client, changed, subject="changed") is WriteOutcome.APPLIED
    delete(server, client, str(gone["leadid"]))
    pages, _ = read_changes(client, link)
    assert rows_of(pages)[str(changed["leadid"])]["subject"] == "changed"
    assert [row_id for page in pages for row_id in page.deleted] == [gone["leadid"]]


def test_an_expired_link_asks_for_a_full_read(
    server: EmulatorServer, client: DataverseClient
) -> None:
    _, link = read_changes(client)
    server.faults.add([{"kind": "expired_delta_token"}])
    client.who_am_i()
    with pytest.raises(ResyncRequired):
        client.fetch_page(LEADS, link)


def test_a_token_that_expired_in_between_is_renewed(
    server: EmulatorServer, client: DataverseClient
) -> None:
    client.who_am_i()
    server.clock.advance(timedelta(hours=3))
    assert client.who_am_i().user_id


def test_an_owner_is_written_and_the_new_version_is_the_rows(client: DataverseClient) -> None:
    pages, link = read_changes(client)
    row = open_rows(pages)[0]
    seller = seller_of(client)
    write = RowWrite(
        table="lead",
        id=str(row["leadid"]),
        etag=str(row["@odata.etag"]),
        binds={"ownerid": seller},
    )
    (result,) = client.write_rows([write])
    assert result.outcome is WriteOutcome.APPLIED
    after = rows_of(read_changes(client, link)[0])[write.id]
    assert after["_ownerid_value"] == seller.id
    assert after["@odata.etag"] == result.etag


def test_a_stale_version_is_a_conflict_and_the_same_owner_is_already_so(
    client: DataverseClient,
) -> None:
    pages, _ = read_changes(client)
    row = open_rows(pages)[0]
    assert patch(client, row, subject="first") is WriteOutcome.APPLIED
    assert patch(client, row, subject="second") is WriteOutcome.CONFLICT
    assert patch(client, row, subject="first") is WriteOutcome.ALREADY_SO


def test_a_row_that_is_gone_is_not_created_again(
    server: EmulatorServer, client: DataverseClient
) -> None:
    pages, _ = read_changes(client)
    row = next(iter(rows_of(pages).values()))
    delete(server, client, str(row["leadid"]))
    assert patch(client, row, subject="ghost") is WriteOutcome.ROW_GONE
    assert client.fetch_rows(LEADS, [str(row["leadid"])]) == []


@pytest.mark.parametrize("way", [WriteWay.PARALLEL, WriteWay.BATCH])
def test_both_ways_of_writing_give_each_row_its_result(
    server: EmulatorServer, way: WriteWay
) -> None:
    options = WriteOptions(way=way, concurrency=4, batch_size=10)
    with connect(server, writes=options) as client:
        pages, _ = read_changes(client)
        rows = open_rows(pages)[:25]
        assert patch(client, rows[0], subject="moved") is WriteOutcome.APPLIED
        writes = [
            RowWrite(
                table="lead",
                id=str(row["leadid"]),
                etag=str(row["@odata.etag"]),
                columns={"subject": f"number {number}"},
            )
            for number, row in enumerate(rows)
        ]
        results = {result.id: result for result in client.write_rows(writes)}
        after = {str(r["leadid"]): r for r in client.fetch_rows(LEADS, [w.id for w in writes])}
    assert results[writes[0].id].outcome is WriteOutcome.CONFLICT
    for write in writes[1:]:
        assert results[write.id].outcome is WriteOutcome.APPLIED
        assert results[write.id].etag == after[write.id]["@odata.etag"]
        assert after[write.id]["subject"] == write.columns["subject"]


def test_update_multiple_writes_rows_whose_version_does_not_count(server: EmulatorServer) -> None:
    options = WriteOptions(way=WriteWay.MULTIPLE, concurrency=1, batch_size=50)
    with connect(server, writes=options) as client:
        pages, _ = read_changes(client)
        ids = [str(row["leadid"]) for row in open_rows(pages)[:5]]
        writes = [
            RowWrite(table="lead", id=row_id, etag=None, columns={"subject": "many"})
            for row_id in ids
        ]
        outcomes = [result.outcome for result in client.write_rows(writes)]
        after = client.fetch_rows(LEADS, ids)
    assert outcomes == [WriteOutcome.APPLIED] * 5
    assert {row["subject"] for row in after} == {"many"}


def test_related_rows_come_nested(client: DataverseClient) -> None:
    query = TableQuery(
        table="opportunity",
        columns=("name",),
        expand={"parentaccountid": ("name",), "parentaccountid/primarycontactid": ("fullname",)},
    )
    ids = [str(row["opportunityid"]) for row in client.read_rows("opportunity", ("name",))]
    rows = client.fetch_rows(query, ids)
    assert len(rows) == len(ids)
    assert any(isinstance(row["parentaccountid"], dict) for row in rows)


def test_a_row_goes_to_a_queue_once(client: DataverseClient) -> None:
    lead = next(iter(client.read_rows("lead", ("subject",), where=(IS_ACTIVE,))))
    queue = next(iter(client.read_rows("queue", ("name",))))
    target = EntityReference(table="queue", id=str(queue["queueid"]))
    write = RowWrite(table="lead", id=str(lead["leadid"]), etag=None, queue=target)
    outcomes = [result.outcome for _ in range(2) for result in client.write_rows([write])]
    assert outcomes == [WriteOutcome.APPLIED, WriteOutcome.ALREADY_SO]


def test_a_sequence_is_connected_once(client: DataverseClient) -> None:
    lead = next(iter(client.read_rows("lead", ("subject",), where=(IS_ACTIVE,))))
    sequence = next(
        iter(
            client.read_rows(
                "msdyn_sequence",
                ("msdyn_name",),
                where=(equals("statecode", 1), equals("msdyn_regardingentityname", "lead")),
            )
        )
    )
    row = EntityReference(table="lead", id=str(lead["leadid"]))
    wanted = str(sequence["msdyn_sequenceid"])
    assert client.connect_sequence(row, wanted).outcome is WriteOutcome.APPLIED
    assert client.connect_sequence(row, wanted).outcome is WriteOutcome.ALREADY_SO


def test_a_missing_application_user_is_said(
    server: EmulatorServer, client: DataverseClient
) -> None:
    server.faults.add(
        [
            {
                "path": "WhoAmI",
                "status": 403,
                "code": "0x80072560",
                "message": "The user is not a member of the organization.",
            }
        ]
    )
    with pytest.raises(FatalError, match="application user is missing"):
        client.who_am_i()


def test_work_goes_on_below_a_limit_that_throttles() -> None:
    limits = Limits(requests=40, window_seconds=30)
    with (
        EmulatorServer(EmulatorOptions(size=SIZE, limits=limits)) as small,
        connect(small, governor=GovernorOptions(is_pacing=False)) as client,
    ):
        for _ in range(100):
            client.who_am_i()
    assert client.describe_governor()["in_flight"] == 0


def test_pacing_to_the_published_limit_is_hardly_ever_refused() -> None:
    limits = Limits(requests=40, window_seconds=30)
    with (
        EmulatorServer(EmulatorOptions(size=SIZE, limits=limits)) as small,
        connect(small, governor=GovernorOptions(requests=40, window_seconds=30)) as client,
    ):
        for _ in range(150):
            client.who_am_i()
        refused = [entry for entry in small.log.entries if entry.status == 429]
    assert len(refused) <= 3


FAULTS: list[dict[str, Any]] = [
    {"status": 503},
    {"status": 502, "body": "<html>Bad gateway</html>"},
    {"status": 429, "code": "0x80072322", "headers": {"Retry-After": "7"}},
    {"kind": "reset_before"},
    {"kind": "reset_after"},
    {"kind": "truncate"},
    {"kind": "deadlock"},
]


@pytest.mark.parametrize("seed", range(3))
def test_the_mirror_ends_identical_under_every_fault(server: EmulatorServer, seed: int) -> None:
    """Reads, concurrent edits and deletions with one request in ten disturbed."""
    dice = random.Random(seed)
    with connect(server) as client:
        pages, link = read_changes(client)
        mirror = rows_of(pages)
        for _ in range(3):
            for row in dice.sample(sorted(mirror.values(), key=str), 6):
                if row["statecode"] == 0:
                    patch(client, row, subject=f"edit {dice.random()}")
            victim = dice.choice(sorted(mirror))
            delete(server, client, victim)
            server.faults.add([{**fault, "count": None, "probability": 0.1} for fault in FAULTS])
            pages, link = read_changes(client, link)
            server.faults.clear()
            mirror |= rows_of(pages)
            for page in pages:
                for row_id in page.deleted:
                    mirror.pop(row_id, None)
        truth = rows_of(read_changes(client)[0])
    assert mirror == truth


@pytest.mark.parametrize("way", [WriteWay.PARALLEL, WriteWay.BATCH])
def test_writes_under_every_fault_end_as_reported(server: EmulatorServer, way: WriteWay) -> None:
    with connect(server, writes=WriteOptions(way=way, concurrency=2, batch_size=5)) as client:
        pages, _ = read_changes(client)
        rows = open_rows(pages)[:30]
        writes = [
            RowWrite(
                table="lead",
                id=str(row["leadid"]),
                etag=str(row["@odata.etag"]),
                columns={"subject": f"number {number}"},
            )
            for number, row in enumerate(rows)
        ]
        server.faults.add([{**fault, "count": None, "probability": 0.1} for fault in FAULTS])
        results = {result.id: result for result in client.write_rows(writes)}
        server.faults.clear()
        after = {str(r["leadid"]): r for r in client.fetch_rows(LEADS, [w.id for w in writes])}
    assert len(results) == len(writes)
    for write in writes:
        if results[write.id].outcome in {WriteOutcome.APPLIED, WriteOutcome.ALREADY_SO}:
            assert after[write.id]["subject"] == write.columns["subject"]
            assert after[write.id]["@odata.etag"] == results[write.id].etag
        else:
            assert results[write.id].outcome is WriteOutcome.FAILED


def test_a_table_followed_by_its_stamps_shows_every_row_and_every_change(
    server: EmulatorServer,
) -> None:
    with connect(server, follow_by=FollowBy.MODIFIED_ON) as client:
        pages, link = read_changes(client)
        assert len(rows_of(pages)) == len({row["leadid"] for p in pages for row in p.rows})
        assert len(rows_of(pages)) >= SIZE.leads
        server.clock.advance(timedelta(hours=1))
        changed, gone = open_rows(pages)[:2]
        patch(client, changed, subject="changed")
        delete(server, client, str(gone["leadid"]))
        found, link = read_changes(client, link)
        assert rows_of(found)[str(changed["leadid"])]["subject"] == "changed"
        again, _ = read_changes(client, link)
        assert set(rows_of(again)) == {changed["leadid"]}
        versions: dict[str, str] = {}
        page = client.fetch_versions(LEADS)
        versions.update(page.versions)
        truth = rows_of(read_changes(client)[0])
    assert versions == {str(row["leadid"]): row["@odata.etag"] for row in truth.values()}
    assert str(gone["leadid"]) not in versions
