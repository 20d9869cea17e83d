"""The commands that write do, before anything else, what a cycle that was cut short left to do."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from connector.cycle.context import CycleOptions
from connector.cycle.review.reviewed_plan import merge_previews
from connector.ports import RowWrite
from tests.support.fake_dataverse import Crash
from tests.support.worlds import NOBODY, RULES, World, lead_id


@pytest.fixture
def world(tmp_path: Path) -> World:
    """A world that knows its leads; none is decided yet."""
    made = World(folder=tmp_path)
    made.put_lead(1, address1_country="France")
    made.cycle()
    return made


def assert_given_once(world: World) -> None:
    """The lead has the owner that the plan left open had chosen, and the history says so."""
    world.cycle()
    assert world.owner(2) == "Miriam"
    assert world.decisions(2)[-1].outcome == "applied"
    known = world.ledger_row(2)
    assert known is not None
    assert (known.rule, known.is_manual) == ("UK to all", False)
    assert sum("ownerid" in write.binds for write in world.dataverse.writes) == 1


@pytest.mark.parametrize("after_writes", [None, 1])
def test_rows_of_a_plan_left_open_are_not_planned_again(
    world: World, after_writes: int | None
) -> None:
    """Before the write or behind it: settling says where they stand, and comes first."""
    world.put_lead(2, address1_country="UK")
    world.die_in_a_cycle(after_writes=after_writes)
    world.put_lead(3, address1_country="UK")
    application = world.application()
    reviewed = merge_previews(application.preview(), application.seams.rule_set.checksum)
    assert [row.id for row in reviewed.plan.rows] == [lead_id(3)]
    application.apply_plan(reviewed)
    world.cycle()
    assert world.owner(2) == "Miriam"
    assert [write.id for write in world.dataverse.writes] == [lead_id(2), lead_id(3)]


def test_a_reviewed_plan_takes_the_turns_of_those_it_gives_rows_to(world: World) -> None:
    for number in (2, 3):
        world.put_lead(number, address1_country="UK")
    application = world.application()
    reviewed = merge_previews(application.preview(), application.seams.rule_set.checksum)
    application.apply_plan(reviewed)
    world.put_lead(4, address1_country="UK")
    world.cycle()
    assert [world.owner(number) for number in (2, 3, 4)] == ["Miriam", "Sanjay", "Susana"]


def test_rows_of_a_plan_left_open_are_not_backfilled(world: World) -> None:
    world.put_lead(1, address1_country="UK")
    world.die_in_a_cycle(after_writes=1)
    application = world.application()
    preview = application.preview_backfill(world.table(), segment=None, limit=None)
    assert preview.plan.rows == ()
    application.backfill(world.table(), preview)
    world.cycle()
    assert [write.id for write in world.dataverse.writes] == [lead_id(1)]


def test_a_plan_left_open_is_settled_before_a_reviewed_one_is_applied(world: World) -> None:
    world.put_lead(2, address1_country="UK")
    application = world.application()
    reviewed = merge_previews(application.preview(), application.seams.rule_set.checksum)
    world.die_in_a_cycle()
    application = world.application()
    _, [left] = application.apply_plan(reviewed)
    assert (left.row_id, left.reason) == (lead_id(2), "is as planned already")
    assert_given_once(world)


def test_a_plan_left_open_is_settled_before_the_backlog_is_tried(world: World) -> None:
    off = {**RULES["rules"][0], "active": False}
    world.rules = {**RULES, "rules": [off]}
    world.put_lead(2, address1_country="UK")
    world.cycle()
    world.rules = {**RULES, "rules": [{**off, "active": True}]}
    world.die_in_a_cycle()
    world.application().retry_backlog(world.table())
    assert_given_once(world)


def test_a_retry_that_ends_as_before_adds_nothing_to_the_history(world: World) -> None:
    world.rules = {**RULES, "rules": [{**RULES["rules"][0], "active": False}]}
    world.put_lead(2, address1_country="UK")
    world.cycle()
    told = len(world.decisions(2))
    application = world.application()
    record = application.retry_backlog(world.table())
    assert record.counts["retried"] == 1
    assert len(world.decisions(2)) == told == 1


def test_a_row_that_is_found_closed_when_it_is_tried_again_waits_no_longer(world: World) -> None:
    world.rules = {**RULES, "rules": [{**RULES["rules"][0], "active": False}]}
    world.put_lead(2, address1_country="UK")
    world.cycle()
    world.put_lead(2, address1_country="UK", statecode=1)
    world.application().retry_backlog(world.table())
    assert world.read(lambda session: session.list_backlog(table="lead")) == []
    known = world.ledger_row(2)
    assert known is not None
    assert not known.is_open


def test_a_reviewed_plan_that_was_cut_short_between_its_slices_is_applied_again(
    world: World,
) -> None:
    world.options = CycleOptions(slice_rows=2)
    for number in range(2, 8):
        world.put_lead(number, address1_country="UK")
    application = world.application()
    reviewed = merge_previews(application.preview(), application.seams.rule_set.checksum)
    world.dataverse.after_write = crash_behind(world, 3)
    with pytest.raises(Crash):
        application.apply_plan(reviewed)
    world.dataverse.after_write = lambda _write: None
    world.restart()
    _, leftovers = world.application().apply_plan(reviewed)
    assert [(left.row_id, left.reason) for left in leftovers] == [
        (lead_id(number), "is as planned already") for number in range(2, 6)
    ]
    owners = [world.owner(number) for number in range(2, 8)]
    assert owners == ["Miriam", "Sanjay", "Susana"] * 2
    assert [write.id for write in world.dataverse.writes] == [lead_id(n) for n in range(2, 8)]
    world.cycle()
    assert len(world.dataverse.writes) == 6
    assert {world.decisions(number)[-1].outcome for number in range(2, 8)} <= {
        "applied",
        "already_so",
    }


def test_every_slice_has_the_time_of_a_cycle(world: World) -> None:
    """A large plan, or a slow backfill, takes longer than the time to wait that a cycle has."""
    world.options = CycleOptions(slice_rows=2)
    for number in range(2, 8):
        world.put_lead(number, address1_country="UK")
    begun: list[int] = []
    application = replace(
        world.application(), start_cycle=lambda: begun.append(len(world.dataverse.writes))
    )
    reviewed = merge_previews(application.preview(), application.seams.rule_set.checksum)
    application.apply_plan(reviewed)
    assert {0, 2, 4} <= set(begun)


def test_a_cycle_that_was_cut_short_is_undone_with_what_was_still_to_be_written_of_it(
    world: World,
) -> None:
    world.options = CycleOptions(slice_rows=2)
    for number in range(2, 8):
        world.put_lead(number, address1_country="UK")
    application = world.application()
    reviewed = merge_previews(application.preview(), application.seams.rule_set.checksum)
    world.dataverse.after_write = crash_behind(world, 3)
    with pytest.raises(Crash):
        application.apply_plan(reviewed)
    world.dataverse.after_write = lambda _write: None
    world.restart()
    cut_short = world.decisions(2)[-1].cycle_id
    record, undone, leftovers = world.application().undo(world.table(), cut_short)
    assert (record.counts["applied"], len(undone.plan.rows), leftovers) == (4, 4, [])
    owners = {world.dataverse.owner_of("lead", lead_id(number)) for number in range(2, 8)}
    assert owners == {NOBODY.id}


def test_a_cycle_that_was_killed_in_its_first_plan_is_found_and_undone(world: World) -> None:
    for number in (2, 3):
        world.put_lead(number, address1_country="UK")
    world.die_in_a_cycle(after_writes=1)
    assert world.decisions(2) == []
    [open_plan] = world.read(lambda session: session.list_open_plans("lead"))
    application = world.application()
    table = application.find_cycle_table(open_plan.cycle_id)
    record, _, leftovers = application.undo(table, open_plan.cycle_id)
    assert (record.counts["applied"], leftovers) == (2, [])
    assert {world.dataverse.owner_of("lead", lead_id(number)) for number in (2, 3)} == {NOBODY.id}


def crash_behind(world: World, count: int) -> Callable[[RowWrite], None]:
    """The process dies behind its write number `count`."""

    def die(_write: RowWrite) -> None:
        if len(world.dataverse.writes) == count:
            raise Crash

    return die
