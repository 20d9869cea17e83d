"""A store belongs to one organization: another one's rows are not touched by what it knows."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from connector.cycle.context import CycleOptions
from connector.cycle.cycle_records import finish_cycle, start_cycle
from connector.cycle.passes.backlog import retry_due
from connector.cycle.review.preview import preview_cycle
from connector.cycle.review.preview_state import Assumed
from connector.cycle.table_cycle import run_cycle
from connector.errors import RetriableError
from connector.ports import RowPage, TableQuery
from connector.state.records import CycleOutcome, CycleRecord, PlanOrigin, ReadMode
from engine.errors import UnsafePlan
from tests.support.worlds import World, build_people, lead_id

OURS, THEIRS = "aaaaaaaa-0000-0000-0000-000000000000", "bbbbbbbb-0000-0000-0000-000000000000"


def cycle(world: World, organization_id: str | None) -> CycleRecord:
    return run_cycle(replace(world.seams(), organization_id=organization_id), world.table())


@pytest.fixture
def world(tmp_path: Path) -> World:
    """A lead that was there before, one that was assigned since, and an organization that is ours."""
    made = World(folder=tmp_path)
    made.dataverse.organization_id = OURS
    made.put_lead(1, address1_country="UK")
    cycle(made, OURS)
    made.put_lead(2, address1_country="UK")
    cycle(made, OURS)
    assert made.owner(2) is not None
    return made


def replace_environment(world: World) -> None:
    """What a copy over the environment leaves: one row less, one more, links that mean nothing."""
    world.dataverse.delete_row("lead", lead_id(1))
    world.put_lead(3, address1_country="UK")
    world.dataverse.expire_links()
    world.clock.advance(timedelta(minutes=1))


def test_another_organization_is_refused_and_nothing_is_forgotten(world: World) -> None:
    replace_environment(world)
    with pytest.raises(UnsafePlan, match=f"{OURS}.*{THEIRS}.*--force"):
        cycle(world, THEIRS)
    assert (world.owner(3), world.ledger_row(1) is not None) == (None, True)
    refused = world.read(lambda session: session.list_cycles(limit=1))[0]
    assert refused.outcome is CycleOutcome.REFUSED


def test_another_organization_is_a_new_baseline_when_that_is_agreed_to(world: World) -> None:
    replace_environment(world)
    world.options = CycleOptions(is_forced=True)
    record = cycle(world, THEIRS)
    assert (record.counts["baseline"], record.counts.get("decided", 0)) == (2, 0)
    assert world.ledger_row(1) is None
    mark = world.read(lambda session: session.load_watermark("lead"))
    assert mark is not None
    assert (mark.organization_id, mark.mode) == (THEIRS, ReadMode.CHANGES)
    world.options = CycleOptions()
    world.put_lead(4, address1_country="UK")
    cycle(world, THEIRS)
    assert (world.owner(3), world.owner(4) is not None) == (None, True)


def test_a_plan_that_was_open_in_another_organization_is_not_settled(world: World) -> None:
    world.put_lead(5, address1_country="UK")
    world.die_in_a_cycle()
    with pytest.raises(UnsafePlan):
        cycle(world, THEIRS)
    assert world.read(lambda session: session.list_open_plans("lead"))


def test_nothing_that_was_begun_for_another_organization_is_written_to_a_copy_of_it(
    world: World,
) -> None:
    """The copy has the same ids and versions, so that an open plan would fit and a row be tried."""
    people = world.dataverse.directory
    world.dataverse.directory = build_people(("Miriam",), is_disabled=True)
    world.put_lead(4, address1_country="UK")
    cycle(world, OURS)
    world.dataverse.directory = people
    world.put_lead(5, address1_country="UK")
    world.die_in_a_cycle()
    world.dataverse.expire_links()
    world.clock.advance(timedelta(days=1))
    written = len(world.dataverse.writes)
    world.options = CycleOptions(is_forced=True)
    record = cycle(world, THEIRS)
    assert (record.counts["baseline"], record.counts.get("decided", 0)) == (4, 0)
    assert len(world.dataverse.writes) == written
    assert world.read(
        lambda session: (session.list_open_plans("lead"), session.list_backlog())
    ) == (
        [],
        [],
    )
    known = world.ledger_row(2)
    assert known is not None
    assert (known.segment, known.decided_at) == (None, None)


def test_neither_a_preview_nor_a_retry_works_on_another_organization(world: World) -> None:
    world.options = CycleOptions(is_forced=True)
    seams = replace(world.seams(), organization_id=THEIRS)
    cycle = start_cycle(seams, world.table(), PlanOrigin.BACKLOG)
    with pytest.raises(UnsafePlan):
        finish_cycle(cycle, lambda: retry_due(cycle, everything=True))
    unforced = replace(seams, options=CycleOptions())
    with pytest.raises(UnsafePlan):
        preview_cycle(unforced, world.table(), Assumed())


@pytest.mark.parametrize("organization_id", [OURS.upper(), None])
def test_the_same_organization_goes_on(world: World, organization_id: str | None) -> None:
    world.clock.advance(timedelta(minutes=1))
    assert cycle(world, organization_id).outcome is CycleOutcome.DONE


def test_who_turns_back_from_another_organization_half_way_gets_a_new_baseline(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A wrong URL was agreed to: what changed here meanwhile is not taken for new."""
    world.options = CycleOptions(is_forced=True)

    def fail(_query: TableQuery) -> RowPage:
        raise RetriableError("no answer")

    with monkeypatch.context() as broken:
        broken.setattr(world.dataverse, "fetch_first_page", fail)
        with pytest.raises(RetriableError):
            cycle(world, THEIRS)
    world.options = CycleOptions()
    world.put_lead(1, revenue=5000)
    record = cycle(world, OURS)
    assert (record.counts["baseline"], record.counts.get("decided", 0)) == (2, 0)
    assert (world.owner(1), world.ledger_row(1) is not None) == (None, True)
    world.put_lead(4, address1_country="UK")
    assert cycle(world, OURS).counts["assigned"] == 1
