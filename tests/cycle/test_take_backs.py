"""Rows that a seller does not touch in time go to somebody else; touched ones never do."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from connector.cycle.context import CycleOptions
from connector.cycle.review.preview import preview_cycle
from connector.cycle.review.preview_state import Assumed
from connector.ports import RowWrite, WriteOutcome
from connector.state.records import BacklogEntry, Handover
from engine.errors import UnsafePlan
from engine.plans.safety import SafetyLimits
from engine.records import EntityReference
from engine.sellers import Calendar
from tests.support.fake_dataverse import APPLICATION_USER, SOMEBODY, Crash
from tests.support.worlds import RULES, SELLERS, World, build_people, lead_id, seller_id

MONDAY = datetime(2026, 11, 23, tzinfo=UTC)
DAYS = ("mon", "tue", "wed", "thu", "fri")
NINE_TO_FIVE = Calendar(time_zone="UTC", weekly=dict.fromkeys(DAYS, (("09:00", "17:00"),)))
HOUR = timedelta(hours=1)


def rules_with(**take_back: Any) -> Mapping[str, Any]:
    only = {**RULES["rules"][0], "take_back": {"after": "4 hours", **take_back}}
    return {**RULES, "rules": [only]}


def build_world(folder: Path, names: tuple[str, ...] = SELLERS, **take_back: Any) -> World:
    """Monday at three: Miriam was just given a lead, and has four working hours for it."""
    world = World(folder=folder, rules=rules_with(**take_back))
    world.dataverse.directory = build_people(names, calendar=NINE_TO_FIVE)
    world.put_lead(1, address1_country="France")
    world.cycle()
    world.clock.at = MONDAY + 15 * HOUR
    world.put_lead(2, address1_country="UK")
    world.cycle()
    assert world.owner(2) == "Miriam"
    return world


def handover(world: World, number: int = 2) -> Handover | None:
    known = world.read(lambda session: session.load_handovers("lead", [lead_id(number)]))
    return known.get(lead_id(number))


def pass_on(world: World, by: timedelta) -> None:
    """Time passes; two cycles see what happened."""
    world.clock.advance(by)
    world.cycle()
    world.cycle()


def owner_writes(world: World) -> int:
    return sum("ownerid" in write.binds for write in world.dataverse.writes)


def test_an_untouched_row_goes_to_somebody_else_after_the_sellers_working_time(
    tmp_path: Path,
) -> None:
    world = build_world(tmp_path)
    world.clock.at = MONDAY + timedelta(days=1, hours=10, minutes=59)
    world.cycle()
    assert world.owner(2) == "Miriam"
    world.clock.advance(timedelta(minutes=1))
    preview = preview_cycle(world.seams(), world.table(), Assumed())
    assert [row.id for row in preview.plan.rows] == [lead_id(2)]
    assert preview.plan.reassignments == 1
    record = world.cycle()
    assert (world.owner(2), record.counts["taken_back"]) == ("Sanjay", 1)
    latest = world.decisions(2)[-1]
    assert latest.message == "taken back from Miriam, untouched"
    assert latest.before["owner"] != latest.after["owner"]
    assert world.cycle().is_idle


@pytest.mark.parametrize(
    "touch",
    [
        {"subject": "called them"},
        {"revenue": 5},
        {"subject": "x", "_modifiedby_value": seller_id(0)},
        {"subject": "x", "_modifiedby_value": APPLICATION_USER},
        {"statecode": 1},
    ],
    ids=["by anyone", "a watched column", "by the owner", "by another program as us", "closed"],
)
def test_a_touched_row_stays(tmp_path: Path, touch: Mapping[str, Any]) -> None:
    world = build_world(tmp_path)
    pass_on(world, HOUR)
    world.put_lead(2, **touch)
    pass_on(world, timedelta(days=7))
    assert (world.owner(2), handover(world), owner_writes(world)) == ("Miriam", None, 1)


def test_a_touch_that_no_page_has_shown_yet_counts(tmp_path: Path) -> None:
    world = build_world(tmp_path)
    world.clock.advance(timedelta(days=7))

    def touch_late(_write: RowWrite) -> None:
        world.put_lead(2, subject="just now")

    world.dataverse.before_write = touch_late
    world.cycle()
    world.dataverse.before_write = lambda _write: None
    pass_on(world, timedelta(days=7))
    assert (world.owner(2), handover(world)) == ("Miriam", None)
    assert world.read(lambda session: session.list_backlog()) == []


def test_a_write_that_arrived_late_counts_as_a_hop(tmp_path: Path) -> None:
    world = build_world(tmp_path)
    world.dataverse.silent = True
    pass_on(world, timedelta(days=2))
    world.dataverse.silent = False
    world.cycle()
    assert world.owner(2) == "Sanjay"
    known = handover(world)
    assert known is not None
    assert (known.owner_id, known.hops) == (seller_id(1), 1)
    assert known.had_by == (seller_id(0), seller_id(1))
    pass_on(world, timedelta(days=2))
    assert world.owner(2) == "Susana"


def test_a_row_that_was_given_without_an_answer_is_watched_as_well(tmp_path: Path) -> None:
    world = build_world(tmp_path)
    world.put_lead(3, address1_country="UK")
    world.dataverse.silent = True
    world.cycle()
    world.dataverse.silent = False
    assert (world.owner(3), handover(world, 3)) == ("Sanjay", None)
    world.cycle()
    known = handover(world, 3)
    assert known is not None
    assert (known.owner_id, known.hops) == (seller_id(1), 0)


def test_a_row_that_was_given_away_while_its_plan_was_open_stays_there(tmp_path: Path) -> None:
    world = build_world(tmp_path)
    world.clock.advance(timedelta(days=7))

    def die(_write: RowWrite) -> None:
        raise Crash

    world.dataverse.before_write = die
    with pytest.raises(Crash):
        world.cycle()
    world.dataverse.before_write = lambda _write: None
    susana = EntityReference(table="systemuser", id=seller_id(2), name="Susana")
    world.dataverse.set_owner("lead", lead_id(2), susana)
    pass_on(world, timedelta(days=7))
    assert (world.owner(2), handover(world)) == ("Susana", None)


def test_a_refused_write_is_tried_again_in_an_hour(tmp_path: Path) -> None:
    world = build_world(tmp_path)
    world.dataverse.refused.add(lead_id(2))
    tried = len(world.dataverse.writes)
    pass_on(world, timedelta(days=7))
    assert len(world.dataverse.writes) == tried + 1
    pass_on(world, HOUR)
    assert len(world.dataverse.writes) == tried + 2
    world.dataverse.refused.clear()
    pass_on(world, HOUR)
    assert world.owner(2) == "Sanjay"


@pytest.mark.parametrize("arrives", [True, False])
def test_a_write_without_an_answer_is_no_choice_by_hand(tmp_path: Path, arrives: bool) -> None:
    world = build_world(tmp_path)
    world.clock.advance(timedelta(days=7))
    before = dict(world.dataverse.tables["lead"][lead_id(2)])
    world.dataverse.silent = True
    world.cycle()
    world.dataverse.silent = False
    if not arrives:
        world.dataverse.tables["lead"][lead_id(2)] = before
    pass_on(world, 2 * HOUR)
    row = world.ledger_row(2)
    assert row is not None
    assert (world.owner(2), row.is_manual) == ("Sanjay", False)
    assert world.read(lambda session: session.list_backlog()) == []


def test_with_owner_only_the_owners_change_counts(tmp_path: Path) -> None:
    world = build_world(tmp_path, touched_by="owner")
    world.put_lead(2, subject="scored by a flow", _modifiedby_value=SOMEBODY)
    pass_on(world, timedelta(days=7))
    assert world.owner(2) == "Sanjay"
    world.put_lead(2, subject="called", _modifiedby_value=seller_id(1))
    pass_on(world, timedelta(days=7))
    assert (world.owner(2), handover(world)) == ("Sanjay", None)


@pytest.mark.parametrize(("hours", "owner"), [(-1, "Sanjay"), (1, "Miriam")])
def test_a_later_instant_in_the_touch_column_counts(tmp_path: Path, hours: int, owner: str) -> None:
    world = build_world(tmp_path, touch_column="new_contactedon", touched_by="owner")
    contacted = world.clock.now() + hours * HOUR
    world.put_lead(2, new_contactedon=f"{contacted:%Y-%m-%dT%H:%M:%SZ}")
    pass_on(world, timedelta(days=7))
    assert world.owner(2) == owner


def test_a_choice_by_hand_is_never_taken_back(tmp_path: Path) -> None:
    world = build_world(tmp_path)
    susana = EntityReference(table="systemuser", id=seller_id(2))
    world.dataverse.set_owner("lead", lead_id(2), susana)
    pass_on(world, timedelta(days=7))
    assert (world.owner(2), handover(world), owner_writes(world)) == ("Susana", None, 1)


def test_a_row_goes_round_no_further_than_its_hops_and_to_nobody_twice(tmp_path: Path) -> None:
    world = build_world(tmp_path, names=("Miriam", "Sanjay", "Susana", "Tom"))
    owners = [world.owner(2)]
    for _ in range(5):
        pass_on(world, timedelta(days=7))
        owners.append(world.owner(2))
    assert owners == ["Miriam", "Sanjay", "Susana", "Susana", "Susana", "Susana"]
    last = handover(world)
    assert last is not None
    assert (last.hops, last.due_at, len(last.had_by)) == (2, None, 3)


def test_nobody_else_leaves_the_row_where_it_is_and_out_of_the_backlog(tmp_path: Path) -> None:
    world = build_world(tmp_path, names=("Miriam",))
    for _ in range(3):
        pass_on(world, timedelta(days=7))
    assert (world.owner(2), owner_writes(world)) == ("Miriam", 1)
    assert world.read(lambda session: session.list_backlog()) == []
    assert len(world.decisions(2)) == 1
    row = world.ledger_row(2)
    assert row is not None
    assert row.routing_status == 2
    people = build_people(("Miriam", "Sanjay"), calendar=NINE_TO_FIVE)
    world.dataverse.directory = people
    pass_on(world, timedelta(days=7))
    assert world.owner(2) == "Sanjay"


def test_time_off_that_came_since_puts_it_off(tmp_path: Path) -> None:
    world = build_world(tmp_path)
    away = replace(NINE_TO_FIVE, time_off=((date(2026, 11, 24), date(2026, 11, 27)),))
    world.dataverse.directory = build_people(SELLERS, calendar=away)
    pass_on(world, timedelta(days=3))
    assert world.owner(2) == "Miriam"
    known = handover(world)
    assert known is not None
    assert known.due_at == MONDAY + timedelta(days=7, hours=11)
    pass_on(world, timedelta(days=4))
    assert world.owner(2) == "Sanjay"


@pytest.mark.parametrize("moment", ["before_write", "after_write"])
def test_a_kill_counts_the_hop_once(tmp_path: Path, moment: str) -> None:
    def die(_write: RowWrite) -> None:
        raise Crash

    world = build_world(tmp_path)
    world.clock.advance(timedelta(days=7))
    setattr(world.dataverse, moment, die)
    with pytest.raises(Crash):
        world.cycle()
    setattr(world.dataverse, moment, lambda _write: None)
    world.restart()
    world.cycle()
    assert world.owner(2) == "Sanjay"
    known = handover(world)
    assert known is not None
    assert (known.hops, known.had_by) == (1, (seller_id(0), seller_id(1)))


def test_a_write_of_ours_whose_answer_was_lost_is_no_touch(tmp_path: Path) -> None:
    def die(_write: RowWrite) -> None:
        raise Crash

    world = World(folder=tmp_path, rules=rules_with())
    world.put_lead(1, address1_country="France")
    world.cycle()
    world.put_lead(2, address1_country="UK")
    world.dataverse.after_write = die
    with pytest.raises(Crash):
        world.cycle()
    world.dataverse.after_write = lambda _write: None
    world.restart()
    world.cycle()
    assert handover(world) is not None
    pass_on(world, timedelta(days=7))
    assert world.owner(2) == "Sanjay"


def test_too_many_at_once_are_refused_like_any_plan(tmp_path: Path) -> None:
    world = build_world(tmp_path)
    for number in range(3, 6):
        world.put_lead(number, address1_country="UK")
    world.cycle()
    world.clock.advance(timedelta(days=7))
    world.options = CycleOptions(limits=SafetyLimits(min_rows=1, max_owner_change_share=0.5))
    with pytest.raises(UnsafePlan, match="4 of 5 owned rows"):
        world.cycle()
    assert owner_writes(world) == 4


def test_rules_without_a_take_back_keep_nothing_in_mind(tmp_path: Path) -> None:
    world = build_world(tmp_path)
    world.rules = {**RULES, "rules": RULES["rules"][:1]}
    world.put_lead(3, address1_country="UK")
    pass_on(world, timedelta(days=30))
    assert world.owner(2) == "Miriam"
    assert (handover(world), handover(world, 3)) == (None, None)


def test_the_explanation_names_who_was_passed_over(tmp_path: Path) -> None:
    world = build_world(tmp_path)
    pass_on(world, timedelta(days=7))
    trace = world.decisions(2)[-1].trace
    assert trace is not None
    assert "the row was taken back from this seller" in str(trace)


def test_a_plan_takes_a_row_back_that_somebody_else_just_changed(tmp_path: Path) -> None:
    world = build_world(tmp_path, touched_by="owner")
    world.clock.advance(timedelta(days=7))
    world.put_lead(2, subject="by a colleague")
    preview = preview_cycle(world.seams(), world.table(), Assumed())
    assert [row.id for row in preview.plan.rows] == [lead_id(2)]
    assert world.cycle().counts["taken_back"] == 1


def test_a_plan_leaves_a_row_that_its_owner_just_touched(tmp_path: Path) -> None:
    world = build_world(tmp_path, touched_by="owner")
    world.clock.advance(timedelta(days=7))
    world.put_lead(2, subject="called them", _modifiedby_value=seller_id(0))
    assert preview_cycle(world.seams(), world.table(), Assumed()).plan.rows == ()
    assert world.cycle().counts.get("taken_back", 0) == 0


def test_a_touch_that_a_retry_sees_first_counts(tmp_path: Path) -> None:
    world = build_world(tmp_path)
    world.cycle()
    world.read(lambda session: session.save_backlog([waiting_entry(world)]))
    world.put_lead(2, revenue=5, subject="called them")
    world.application().retry_backlog(world.table())
    pass_on(world, timedelta(days=7))
    assert (world.owner(2), handover(world)) == ("Miriam", None)


def waiting_entry(world: World) -> BacklogEntry:
    """Something about the lead that its seller has could not be written."""
    return BacklogEntry(
        table="lead",
        row_id=lead_id(2),
        reason="Dataverse refused the write",
        code=WriteOutcome.REFUSED.value,
        since=world.clock.now(),
        next_try_at=world.clock.now(),
        attempts=1,
        segment="UK",
    )
