"""What is remembered of cycles: how each ended, whether it had anything to do, and its rule set."""

from datetime import timedelta
from pathlib import Path

import pytest

from connector.ports import RowWrite
from connector.state.records import CycleOutcome, PlanOrigin
from engine.rules.rule_set import build_rule_set
from tests.support.fake_dataverse import Crash
from tests.support.worlds import RULES, World


@pytest.fixture
def world(tmp_path: Path) -> World:
    """A world after first contact."""
    made = World(folder=tmp_path)
    made.put_lead(1, address1_country="France")
    made.cycle()
    return made


def outcomes(world: World, *, with_idle: bool = True) -> list[CycleOutcome]:
    """How the cycles so far ended, oldest first."""
    cycles = world.read(lambda session: session.list_cycles(20, with_idle=with_idle))
    by_start = sorted(cycles, key=lambda cycle: (cycle.started_at, cycle.id))
    return [cycle.outcome for cycle in by_start]


def test_a_killed_cycle_does_not_seem_to_run_for_ever(world: World) -> None:
    def die(_write: RowWrite) -> None:
        raise Crash

    world.put_lead(2, address1_country="UK")
    world.dataverse.before_write = die
    world.clock.advance(timedelta(minutes=1))
    with pytest.raises(Crash):
        world.cycle()
    assert outcomes(world)[-1] is CycleOutcome.RUNNING
    world.dataverse.before_write = lambda _write: None
    world.restart()
    world.clock.advance(timedelta(minutes=1))
    world.cycle()
    assert outcomes(world)[1:] == [CycleOutcome.BROKEN_OFF, CycleOutcome.DONE]
    assert world.owner(2) == "Miriam"


def test_cycles_with_nothing_to_do_are_told_apart_and_forgotten_after_a_day(world: World) -> None:
    for _ in range(3):
        world.clock.advance(timedelta(minutes=1))
        world.cycle()
    assert len(outcomes(world)) == 4
    assert len(outcomes(world, with_idle=False)) == 1
    world.clock.advance(timedelta(days=1))
    world.put_lead(2, address1_country="UK")
    world.cycle()
    assert len(outcomes(world)) == 3
    assert len(outcomes(world, with_idle=False)) == 2


def test_rule_sets_are_kept_with_the_time_they_came_into_force(world: World) -> None:
    first, began = world.rule_set(), world.clock.now()
    world.clock.advance(timedelta(hours=1))
    world.cycle()
    world.rules = {**RULES, "default_capacity": 7, "time_zone": "Europe/London"}
    world.clock.advance(timedelta(hours=1))
    world.cycle()
    kept = world.read(lambda session: session.find_rule_set(at=began + timedelta(minutes=90)))
    assert kept is not None
    assert (kept.in_force_since, kept.checksum) == (began, first.checksum)
    assert build_rule_set(kept.document).checksum == first.checksum
    latest = world.read(lambda session: session.find_rule_set(at=world.clock.now()))
    assert latest is not None
    assert build_rule_set(latest.document) == world.rule_set()


def test_every_cycle_says_who_asked_for_it(world: World) -> None:
    [cycle] = world.read(lambda session: session.list_cycles(1))
    assert (cycle.origin, cycle.is_idle) == (PlanOrigin.CYCLE, False)
