"""How long changes are kept is said at the start, and which tables were left for longer."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from connector.environment.link_expiry import note_link_life
from tests.support.worlds import World


@pytest.fixture
def world(tmp_path: Path) -> World:
    made = World(folder=tmp_path)
    made.cycle()
    return made


def note(world: World, days: int | None, *, by_date: bool = False) -> list[dict[str, Any]]:
    with capture_logs() as said:
        note_link_life(
            days,
            [world.table()],
            world.store,
            world.clock.now(),
            follows_by_date=lambda _link: by_date,
        )
    return [dict(each) for each in said]


def test_the_life_of_links_is_said_at_the_start(world: World) -> None:
    (said,) = note(world, 7)
    assert (said["action"], said["days"], said["log_level"]) == ("link_life", 7, "info")
    assert note(world, None) == []


@pytest.mark.parametrize(("away", "is_outlived"), [(7, False), (8, True)])
def test_a_table_that_was_left_for_longer_is_named(
    world: World, away: int, is_outlived: bool
) -> None:
    world.clock.advance(timedelta(days=away))
    outlived = [said for said in note(world, 7) if said["action"] == "link_outlived"]
    assert [(said["table"], said["days"]) for said in outlived] == [("lead", 7)] * is_outlived


def test_a_table_that_was_never_read_has_no_link_to_outlive(tmp_path: Path) -> None:
    world = World(folder=tmp_path)
    world.clock.advance(timedelta(days=90))
    assert [said["action"] for said in note(world, 7)] == ["link_life"]


def test_a_table_followed_by_its_stamps_has_no_link_to_outlive(world: World) -> None:
    world.clock.advance(timedelta(days=90))
    assert [said["action"] for said in note(world, 7, by_date=True)] == ["link_life"]
