"""Tables whose changes are not tracked: deletions are found by comparing versions."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from connector.cycle.context import CycleOptions
from connector.errors import ResyncRequired, RetriableError
from connector.ports import RowPage, TableQuery, VersionPage
from connector.state.records import BacklogEntry, CycleOutcome
from engine.errors import UnsafePlan
from tests.support.fake_dataverse import Crash
from tests.support.worlds import World, lead_id

DAY = timedelta(days=1, minutes=1)


@pytest.fixture
def world(tmp_path: Path) -> World:
    """Ten leads, remembered, and nothing that tells of deletions."""
    made = World(folder=tmp_path)
    made.dataverse.is_tracked = False
    for number in range(10):
        made.put_lead(number, address1_country="France")
    made.cycle()
    made.cycle()
    return made


def waiting_entry(number: int, due_at: datetime) -> BacklogEntry:
    """A lead that waits and is due."""
    return BacklogEntry(
        table="lead",
        row_id=lead_id(number),
        reason="waits",
        code="5",
        since=due_at,
        next_try_at=due_at,
    )


def test_a_deletion_stays_unseen_until_the_comparison_is_due(world: World) -> None:
    world.dataverse.delete_row("lead", lead_id(3))
    assert world.cycle().counts.get("compared", 0) == 0
    assert world.ledger_row(3) is not None
    world.clock.advance(DAY)
    record = world.cycle()
    assert (record.counts["compared"], record.counts["deleted"]) == (9, 1)
    assert world.ledger_row(3) is None


def test_a_comparison_is_not_repeated_before_its_time(world: World) -> None:
    world.clock.advance(DAY)
    assert world.cycle().counts["compared"] == 10
    assert world.cycle().counts.get("compared", 0) == 0
    world.clock.advance(DAY)
    assert world.cycle().counts["compared"] == 10


def test_tracked_tables_are_not_compared(world: World) -> None:
    world.dataverse.is_tracked = True
    world.clock.advance(DAY)
    assert world.cycle().counts.get("compared", 0) == 0


def miss_changes(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the feed show nothing of what changed until now."""
    missed = f"delta:{world.dataverse.version}:0:0"

    def see_nothing(query: TableQuery, link: str) -> RowPage:
        return RowPage(table=query.table, rows=(), delta_link=missed, sees_deletions=False)

    monkeypatch.setattr(world.dataverse, "fetch_page", see_nothing)


def test_a_change_that_the_feed_missed_is_decided(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.put_lead(3, address1_country="UK")
    world.put_lead(11, address1_country="UK")
    miss_changes(world, monkeypatch)
    world.clock.advance(DAY)
    world.cycle()
    assert world.owner(3) == "Miriam"
    assert world.owner(11) == "Sanjay"


@pytest.mark.parametrize("is_shown", [True, False], ids=["compared", "asked for by id"])
def test_a_comparison_that_is_stopped_half_way_stops_the_cycle_and_goes_on(
    world: World, monkeypatch: pytest.MonkeyPatch, is_shown: bool
) -> None:
    changed = (3, 4)
    for number in changed:
        world.put_lead(number, address1_country="UK")
    miss_changes(world, monkeypatch)
    fetch = world.dataverse.fetch_versions

    def show(query: TableQuery, link: str | None = None) -> VersionPage:
        page = fetch(query, link)
        known = {
            row: version for row, version in page.versions.items() if is_shown or row < lead_id(3)
        }
        return replace(page, versions=known)

    monkeypatch.setattr(world.dataverse, "fetch_versions", show)
    world.options = CycleOptions(write_chunk=1)
    world.is_stopping = lambda: len(world.dataverse.writes) >= 1
    world.clock.advance(DAY)
    assert world.cycle().outcome is CycleOutcome.STOPPED
    assert len(world.dataverse.writes) == 1
    world.is_stopping = lambda: False
    assert world.cycle().outcome is CycleOutcome.DONE
    assert [world.owner(number) for number in changed] == ["Miriam", "Sanjay"]
    assert [len(world.decisions(number)) for number in changed] == [1, 1]
    assert world.cycle().counts.get("compared", 0) == 0


def test_a_cycle_whose_comparison_is_over_goes_on_to_rows_that_wait(world: World) -> None:
    world.clock.advance(DAY)
    with world.store.begin() as session:
        session.save_backlog([waiting_entry(3, world.clock.now())])
    assert world.cycle().counts["retried"] == 1


def test_many_missing_rows_are_not_forgotten_without_being_told(world: World) -> None:
    world.options = CycleOptions(min_vanished_rows=2)
    for number in range(6):
        world.dataverse.delete_row("lead", lead_id(number))
    world.clock.advance(DAY)
    with pytest.raises(UnsafePlan, match="6 of 10 rows"):
        world.cycle()
    assert world.ledger_row(0) is not None
    world.options = CycleOptions(min_vanished_rows=2, is_forced=True)
    assert world.cycle().counts["deleted"] == 6


def test_a_row_that_one_comparison_did_not_show_is_asked_for_before_it_is_forgotten(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    hidden = world.dataverse.tables["lead"].pop(lead_id(4))

    def show_again(ids: Sequence[str]) -> None:
        world.dataverse.tables["lead"][lead_id(4)] = hidden

    send = world.dataverse.fetch_versions
    pages = send(world.table().query)
    monkeypatch.setattr(world.dataverse, "fetch_versions", lambda _query, _link=None: pages)
    show_again(())
    world.clock.advance(DAY)
    assert world.cycle().counts["deleted"] == 0
    assert world.ledger_row(4) is not None


def test_a_comparison_that_broke_off_goes_on_where_it_was(world: World) -> None:
    world.dataverse.page_size = 3
    asked: list[str] = []

    def die(ids: Sequence[str]) -> None:
        asked.extend(ids)
        if len(asked) > 6:
            raise Crash

    world.dataverse.before_versions = die
    world.clock.advance(DAY)
    with pytest.raises(Crash):
        world.cycle()
    world.restart()
    world.dataverse.delete_row("lead", lead_id(9))
    world.dataverse.before_versions = lambda _ids: None
    record = world.cycle()
    assert (record.counts["compared"], record.counts["deleted"]) == (3, 1)


def test_a_comparison_whose_link_died_begins_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.dataverse.page_size = 6
    fetch, asked = world.dataverse.fetch_versions, list[str | None]()

    def fetch_versions(query: TableQuery, link: str | None = None) -> VersionPage:
        asked.append(link)
        if link is not None and len(asked) < 4:
            raise ResyncRequired("the link has expired")
        return fetch(query, link)

    monkeypatch.setattr(world.dataverse, "fetch_versions", fetch_versions)
    world.clock.advance(DAY)
    world.dataverse.delete_row("lead", lead_id(3))
    with pytest.raises(RetriableError, match="comparing lead broke off"):
        world.cycle()
    assert world.ledger_row(3) is not None
    world.restart()
    record = world.cycle()
    assert (asked[0], asked[2]) == (None, None)
    assert (record.counts["compared"], record.counts["deleted"]) == (9, 1)
