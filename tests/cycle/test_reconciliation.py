"""Tables whose changes are not tracked: deletions are found by comparing versions."""

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import pytest

from connector.cycle.context import CycleOptions
from connector.errors import ResyncRequired, RetriableError
from connector.ports import RowPage, TableQuery, VersionPage
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


def test_a_change_that_the_feed_missed_is_decided(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.put_lead(3, address1_country="UK")
    world.put_lead(11, address1_country="UK")
    missed = f"delta:{world.dataverse.version}:0:0"

    def see_nothing(query: TableQuery, link: str) -> RowPage:
        return RowPage(table=query.table, rows=(), delta_link=missed, sees_deletions=False)

    monkeypatch.setattr(world.dataverse, "fetch_page", see_nothing)
    world.clock.advance(DAY)
    world.cycle()
    assert world.owner(3) == "Miriam"
    assert world.owner(11) == "Sanjay"


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
