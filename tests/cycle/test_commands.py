"""The commands that write do, before anything else, what a cycle that was cut short left to do."""

import threading
from pathlib import Path

import pytest

from connector.application import Application
from connector.lease import UnsharedLeases
from connector.reviewed_plan import merge_previews
from tests.support.worlds import RULES, World, lead_id


@pytest.fixture
def world(tmp_path: Path) -> World:
    """A world that knows its leads; none is decided yet."""
    made = World(folder=tmp_path)
    made.put_lead(1, address1_country="France")
    made.cycle()
    return made


def build_application(world: World) -> Application:
    return Application(
        parts=world.parts(),
        tables=[world.table()],
        stop=threading.Event(),
        start_cycle=lambda: None,
        leases=UnsharedLeases(world.store),
        forget_people=lambda: None,
    )


def assert_given_once(world: World) -> None:
    """The lead has the owner that the plan left open had chosen, and the history says so."""
    world.cycle()
    assert world.owner(2) == "Miriam"
    assert world.decisions(2)[-1].outcome == "applied"
    known = world.ledger_row(2)
    assert known is not None
    assert (known.rule, known.is_manual) == ("UK to all", False)
    assert sum("ownerid" in write.binds for write in world.dataverse.writes) == 1


def test_a_plan_left_open_is_settled_before_a_reviewed_one_is_applied(world: World) -> None:
    world.put_lead(2, address1_country="UK")
    world.die_in_a_cycle()
    application = build_application(world)
    checksum = application.parts.rule_set.checksum
    reviewed = merge_previews(application.preview(), checksum)
    [row] = reviewed.plan.rows
    assert row.owner_change is not None
    assert row.owner_change.after.name == "Sanjay"
    _, [left] = application.apply_plan(reviewed)
    assert (left.row_id, left.reason) == (lead_id(2), "changed since the plan was made")
    assert_given_once(world)


def test_a_plan_left_open_is_settled_before_the_backlog_is_tried(world: World) -> None:
    off = {**RULES["rules"][0], "active": False}
    world.rules = {**RULES, "rules": [off]}
    world.put_lead(2, address1_country="UK")
    world.cycle()
    world.rules = {**RULES, "rules": [{**off, "active": True}]}
    world.die_in_a_cycle()
    build_application(world).retry_backlog(world.table())
    assert_given_once(world)
