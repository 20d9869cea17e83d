"""A past cycle is put back where nobody touched its rows since, whatever else was recorded of them."""

import tracemalloc
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from connector.cycle.context import CycleOptions
from connector.cycle.cycle_records import finish_cycle, start_cycle
from connector.cycle.review.apply import Leftover, apply_plan
from connector.cycle.review.preview import preview_backfill
from connector.cycle.review.reviewed_plan import ReviewedPlan
from connector.cycle.review.undo import plan_undo
from connector.ports import RowWrite, WriteOutcome, WriteResult
from connector.state.records import CycleRecord, Outcome, PlanOrigin
from tests.support.fake_dataverse import Crash
from tests.support.worlds import NOBODY, RULES, World, build_people, lead_id, seller_id


@pytest.fixture
def world(tmp_path: Path) -> World:
    """A world that knows its leads; none is decided yet."""
    made = World(folder=tmp_path)
    made.put_lead(1, address1_country="France")
    made.cycle()
    return made


def plan(world: World, cycle: CycleRecord) -> tuple[ReviewedPlan, list[Leftover]]:
    undo = start_cycle(world.seams(), world.table(), PlanOrigin.UNDO)
    return plan_undo(undo, cycle.id)


def undo(world: World, cycle: CycleRecord) -> tuple[CycleRecord, dict[str, str]]:
    """Put a cycle back; gives what was left out, by row, and why."""
    found, leftovers = plan(world, cycle)
    undo = start_cycle(world.seams(), world.table(), PlanOrigin.UNDO)
    own = {decision.row_id: decision for decision in found.decisions}
    record = finish_cycle(undo, lambda: apply_plan(undo, found.plan.rows, own)[0])
    return record, {left.row_id: left.reason for left in leftovers}


def plan_backfill(world: World) -> list[str]:
    return [row.id for row in preview_backfill(world.seams(), world.table()).plan.rows]


def backfill(world: World) -> CycleRecord:
    """Decide the rows that a backfill takes up."""
    found = preview_backfill(world.seams(), world.table())
    own = {row.record.id: row.decision for row in found.decided.rows}
    cycle = start_cycle(world.seams(), world.table(), PlanOrigin.BACKFILL)
    return finish_cycle(cycle, lambda: apply_plan(cycle, found.plan.rows, own)[0])


def let_rows_move(world: World) -> None:
    """Into the segment of large leads, which the environment knows as well."""
    uk, large, *others = world.rules["segments"]
    other = uk["segment_id"][:-1] + "2"
    segments = [uk, {**large, "segment_id": other, "accept_from_other_segments": True}, *others]
    world.rules = {**world.rules, "segments": segments}


def record_later(world: World, number: int, count: int) -> None:
    """Other cycles look at a row and find nothing to write."""
    latest = world.decisions(number)[-1]
    later = [
        replace(latest, cycle_id=f"later {at}", outcome=Outcome.UNCHANGED, etag=None)
        for at in range(count)
    ]
    with world.store.begin() as session:
        session.add_decisions(later)


def test_rows_with_many_later_decisions_are_named_and_the_others_put_back(world: World) -> None:
    for number in (2, 3):
        world.put_lead(number, address1_country="UK")
    cycle = world.cycle()
    record_later(world, 2, 1100)
    record, left = undo(world, cycle)
    assert left == {lead_id(2): "decided again since"}
    assert record.counts["applied"] == 1
    assert world.dataverse.owner_of("lead", lead_id(3)) == NOBODY.id
    assert world.owner(2) == "Miriam"


def test_owner_segment_and_sequence_are_put_back_together(world: World) -> None:
    world.put_lead(2, address1_country="UK")
    row = world.dataverse.tables["lead"][lead_id(2)]
    columns = [f"_{name}_value" for name in ("ownerid", "msdyn_segmentid", "lrobin_sequenceid")]
    before = [row.get(column) for column in columns]
    cycle = world.cycle()
    row = world.dataverse.tables["lead"][lead_id(2)]
    assert all(old != row.get(name) for old, name in zip(before, columns, strict=True))
    undo(world, cycle)
    row = world.dataverse.tables["lead"][lead_id(2)]
    assert [row.get(column) for column in columns] == before


def test_what_stood_before_is_found_behind_any_number_of_tries(world: World) -> None:
    world.put_lead(2, address1_country="UK")
    world.cycle()
    latest = world.decisions(2)[-1]
    tries = [replace(latest, cycle_id=f"try {at}", outcome=Outcome.REFUSED) for at in range(1100)]
    with world.store.begin() as session:
        session.add_decisions(tries)
    world.put_lead(2, address1_country="France", revenue=5000)
    undo(world, world.cycle())
    known = world.ledger_row(2)
    assert known is not None
    assert (known.segment, known.rule, known.decided_at is None) == ("UK", "UK to all", False)


def test_a_row_that_a_cycle_wrote_twice_goes_back_to_where_it_was_before_both(
    world: World,
) -> None:
    let_rows_move(world)
    world.put_lead(2, address1_country="UK")
    cycle = world.cycle()
    [first] = world.decisions(2)
    world.put_lead(2, address1_country="France", revenue=5000)
    world.cycle()
    second = replace(world.decisions(2)[-1], cycle_id=cycle.id)
    with world.store.begin() as session:
        session.add_decisions([second])
    assert second.outcome == "applied"
    assert second.before["segment_id"] == first.after["segment_id"]
    record, left = undo(world, cycle)
    assert (record.counts["applied"], left) == (1, {})
    row = world.dataverse.tables["lead"][lead_id(2)]
    assert (row["_ownerid_value"], row["_msdyn_segmentid_value"]) == (NOBODY.id, None)


def test_a_row_that_was_given_away_between_two_writes_goes_back_to_whom_it_was_given(
    world: World,
) -> None:
    let_rows_move(world)
    world.put_lead(2, address1_country="UK")
    cycle = world.cycle()
    world.options = CycleOptions(routes_manual_rows=True)
    world.put_lead(2, _ownerid_value=seller_id(2))
    world.cycle()
    world.put_lead(2, address1_country="France", revenue=5000)
    world.cycle()
    second = replace(world.decisions(2)[-1], cycle_id=cycle.id)
    with world.store.begin() as session:
        session.add_decisions([second])
    assert (second.outcome, world.owner(2)) == ("applied", "Susana")
    record, left = undo(world, cycle)
    assert (record.counts["applied"], left) == (1, {})
    row = world.dataverse.tables["lead"][lead_id(2)]
    assert (world.owner(2), row["_msdyn_segmentid_value"]) == (
        "Susana",
        world.rules["segments"][0]["segment_id"],
    )


def test_a_row_that_was_undone_twice_counts_as_never_decided(world: World) -> None:
    let_rows_move(world)
    world.put_lead(2, address1_country="UK")
    undo(world, world.cycle())
    assert lead_id(2) in plan_backfill(world)
    world.put_lead(2, address1_country="France", revenue=5000)
    undo(world, world.cycle())
    assert lead_id(2) in plan_backfill(world)


def test_a_row_that_was_left_alone_is_taken_up_again_once_its_backfill_is_undone(
    tmp_path: Path,
) -> None:
    world = World(folder=tmp_path, rules={**RULES, "rules": RULES["rules"][1:]})
    world.put_lead(1, address1_country="France")
    world.cycle()
    world.put_lead(2, address1_country="UK")
    world.cycle()
    world.rules = RULES
    done = backfill(world)
    assert world.owner(2) == "Miriam"
    undo(world, done)
    world.cycle()
    assert world.owner(2) is None
    assert lead_id(2) in plan_backfill(world)


def test_a_row_that_waited_before_is_taken_up_again_once_its_assignment_is_undone(
    world: World,
) -> None:
    people = world.dataverse.directory
    world.dataverse.directory = build_people((), is_disabled=True)
    world.put_lead(2, address1_country="UK")
    world.cycle()
    [entry] = world.read(lambda session: session.list_backlog())
    assert entry.row_id == lead_id(2)
    world.dataverse.directory = people
    done = world.cycle()
    assert world.owner(2) == "Miriam"
    undo(world, done)
    world.cycle()
    assert world.owner(2) is None
    assert lead_id(2) in plan_backfill(world)


def test_a_persons_choice_is_one_again_once_the_backfill_that_moved_it_is_undone(
    world: World,
) -> None:
    world.put_lead(1, _ownerid_value=seller_id(2))
    world.cycle()
    world.put_lead(1, address1_country="UK")
    world.cycle()
    assert world.owner(1) == "Susana"
    done = backfill(world)
    assert world.owner(1) == "Miriam"
    record, _ = undo(world, done)
    again, _ = undo(world, record)
    assert world.owner(1) == "Miriam"
    undo(world, again)
    world.put_lead(1, address1_country="France", revenue=5000)
    world.cycle()
    assert world.owner(1) == "Susana"


@pytest.mark.parametrize("is_lost", [False, True])
def test_a_row_whose_undo_did_not_arrive_is_left_and_can_be_undone_again(
    world: World, is_lost: bool
) -> None:
    world.put_lead(2, address1_country="UK")
    done = world.cycle()
    if is_lost:
        with pytest.MonkeyPatch.context() as broken:
            broken.setattr(world.dataverse, "_apply", lose)
            record, _ = undo(world, done)
    else:
        world.dataverse.refused.add(lead_id(2))
        record, _ = undo(world, done)
        world.dataverse.refused.clear()
    assert (record.counts.get("applied", 0), world.owner(2)) == (0, "Miriam")
    world.clock.advance(timedelta(hours=2))
    world.cycle()
    assert world.read(lambda session: session.list_backlog()) == []
    record, left = undo(world, done)
    assert (record.counts.get("applied", 0), left) == (1, {})
    assert world.dataverse.owner_of("lead", lead_id(2)) == NOBODY.id


def lose(write: RowWrite) -> WriteResult:
    return WriteResult(table=write.table, id=write.id, outcome=WriteOutcome.FAILED)


def test_an_undo_whose_answers_are_lost_is_nobodys_turn(world: World) -> None:
    world.put_lead(1, _ownerid_value=seller_id(0))
    world.cycle()
    world.put_lead(1, address1_country="UK")
    done = backfill(world)
    assert world.owner(1) != "Miriam"
    clocks = world.read(lambda session: session.load_clocks())
    world.dataverse.silent = True
    undo(world, done)
    world.dataverse.silent = False
    world.clock.advance(timedelta(minutes=2))
    assert world.cycle().counts["arrived_late"] == 1
    assert world.read(lambda session: session.load_clocks()) == clocks


def test_an_open_plan_is_settled_without_the_traces_of_its_cycle(world: World) -> None:
    """A cycle may have decided a million rows before the process died."""
    world.put_lead(2, address1_country="UK")

    def die(_write: RowWrite) -> None:
        raise Crash

    world.dataverse.before_write = die
    with pytest.raises(Crash):
        world.cycle()
    world.dataverse.before_write = lambda _write: None
    world.restart()
    [open_plan] = world.read(lambda session: session.list_open_plans("lead"))
    large = {"rules": ["x" * 1000] * 50}
    made = replace(
        open_plan.decisions[0], outcome=Outcome.APPLIED, plan_checksum="an earlier page's"
    )
    for start in range(0, 2000, 500):
        page = [
            replace(made, row_id=lead_id(10_000 + at), trace=large)
            for at in range(start, start + 500)
        ]
        with world.store.begin() as session:
            session.add_decisions(page)
    del page
    tracemalloc.start()
    try:
        world.cycle()
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert world.owner(2) == "Miriam"
    # Decisions and traces of the cycle would be more than a hundred.
    assert peak < 20_000_000
