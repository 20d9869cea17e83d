"""Scheduled runs over the unassigned rows of a segment."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from connector.cycle.context import CycleOptions
from connector.cycle.review.preview import preview_cycle
from connector.cycle.review.preview_state import Assumed
from connector.state.records import CycleOutcome, CycleRecord, PlanOrigin
from tests.support.worlds import RULES, World, build_people, lead_id

MONDAY = datetime(2026, 11, 23, tzinfo=UTC)


def rules_with(schedule: Mapping[str, Any] | None, **rule: Any) -> Mapping[str, Any]:
    """One try by itself as in the original, so that only schedules take rows up again."""
    uk = {**RULES["segments"][0], "scheduled_runs": schedule}
    only = {**RULES["rules"][0], "retry": {"attempts": 1}, "respect_capacity": True, **rule}
    return {**RULES, "segments": [uk, *RULES["segments"][1:]], "rules": [only]}


def build_world(folder: Path, schedule: Mapping[str, Any] | None, *, waiting: int = 3) -> World:
    """Monday at nine: leads of the UK wait for a seller who is full, the latest number oldest."""
    world = World(folder=folder, rules=rules_with(schedule))
    world.dataverse.directory = build_people(("Miriam",), max_capacity=0)
    world.put_lead(0, address1_country="France")
    world.cycle()
    for number in range(1, waiting + 1):
        created = MONDAY - timedelta(days=number)
        world.put_lead(number, address1_country="UK", createdon=f"{created:%Y-%m-%dT%H:%M:%SZ}")
    world.cycle()
    assert len(world.read(lambda session: session.list_backlog())) == waiting
    return world


def scheduled(world: World) -> list[CycleRecord]:
    cycles = world.read(lambda session: session.list_cycles(50))
    runs = [cycle for cycle in cycles if cycle.origin is PlanOrigin.SCHEDULED]
    return sorted(runs, key=lambda cycle: cycle.started_at)


def test_a_run_takes_the_oldest_rows_and_no_more_than_it_may(tmp_path: Path) -> None:
    world = build_world(tmp_path, {"at": ["10:00"], "rows": 2})
    world.clock.advance(timedelta(minutes=59))
    world.cycle()
    assert scheduled(world) == []
    world.clock.advance(timedelta(minutes=1))
    writes = len(world.dataverse.writes)
    world.cycle()
    [run] = scheduled(world)
    assert run.counts["retried"] == 2
    assert run.message == 'scheduled run of segment "UK", due at 2026-11-23T10:00:00Z'
    assert len(world.dataverse.writes) == writes
    attempts = {e.row_id: e.attempts for e in world.read(lambda session: session.list_backlog())}
    assert attempts == {lead_id(3): 2, lead_id(2): 2, lead_id(1): 1}
    world.cycle()
    assert len(scheduled(world)) == 1


def test_rows_that_find_somebody_now_are_assigned_and_leave_the_backlog(tmp_path: Path) -> None:
    world = build_world(tmp_path, {"at": ["10:00"], "rows": 2})
    seams = world.seams()
    world.clock.advance(timedelta(hours=1))
    world.dataverse.directory = build_people(("Miriam",), max_capacity=9)
    before = world.read(lambda session: session.load_document("situation", "lead"))
    assert before is not None
    preview = preview_cycle(seams, world.table(), Assumed())
    # The run takes two; that there is somebody else wakes the third.
    assert [row.id for row in preview.plan.rows] == [lead_id(1), lead_id(2), lead_id(3)]
    world.cycle()
    [run] = scheduled(world)
    assert (run.counts["assigned"], run.outcome) == (2, CycleOutcome.DONE)
    assert [world.owner(number) for number in (3, 2, 1)] == ["Miriam"] * 3


def test_runs_missed_while_nobody_ran_are_made_up_for_once_and_only_that_day(
    tmp_path: Path,
) -> None:
    world = build_world(tmp_path, {"at": ["10:00", "12:00"]})
    world.clock.at = MONDAY + timedelta(hours=17)
    world.restart()
    world.cycle()
    world.cycle()
    [run] = scheduled(world)
    assert run.message is not None
    assert run.message.endswith("due at 2026-11-23T12:00:00Z")
    world.clock.at = MONDAY + timedelta(days=2, hours=9)
    world.cycle()
    assert len(scheduled(world)) == 1


def test_a_schedule_that_is_new_or_changed_begins_with_its_next_run(tmp_path: Path) -> None:
    world = build_world(tmp_path, None)
    world.clock.advance(timedelta(hours=3))
    world.rules = rules_with({"at": ["10:00", "14:00"]})
    world.cycle()
    assert scheduled(world) == []
    world.clock.advance(timedelta(hours=2))
    world.cycle()
    assert len(scheduled(world)) == 1
    world.rules = rules_with({"at": ["13:00", "14:30"], "rows": 1})
    world.cycle()
    assert len(scheduled(world)) == 1
    world.rules = rules_with({"at": ["13:00", "14:30"], "rows": 2})
    world.clock.advance(timedelta(minutes=30))
    world.cycle()
    assert len(scheduled(world)) == 2


def test_other_segments_and_rows_that_were_not_written_are_left_alone(tmp_path: Path) -> None:
    world = build_world(tmp_path, {"at": ["10:00"]}, waiting=1)
    world.put_lead(7, revenue=5000)
    world.cycle()
    world.clock.advance(timedelta(hours=1))
    world.cycle()
    [run] = scheduled(world)
    assert run.counts["retried"] == 1


def test_a_run_that_was_killed_begins_again(tmp_path: Path) -> None:
    world = build_world(tmp_path, {"at": ["10:00"]})
    world.options = CycleOptions(write_chunk=1)
    world.clock.advance(timedelta(hours=1))
    world.dataverse.directory = build_people(("Miriam",), max_capacity=9)
    world.die_in_a_cycle(after_writes=1)
    world.cycle()
    assert [world.owner(number) for number in (1, 2, 3)] == ["Miriam"] * 3
    assert sum("ownerid" in write.binds for write in world.dataverse.writes) == 3
    assert [len(world.decisions(number)) for number in (1, 2, 3)] == [2, 2, 2]
