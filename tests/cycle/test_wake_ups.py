"""Waiting rows are tried when something changed that may help them, and not before."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from connector.cycle.review.preview import preview_backfill
from connector.cycle.rows import wake_ups
from connector.cycle.rows.wake_ups import find_opening
from connector.state.records import BacklogEntry
from engine.calendars.availability import wait_until_free
from engine.sellers import Calendar, Directory
from tests.support.worlds import RULES, World, build_people, lead_id

DAYS = ("mon", "tue", "wed", "thu", "fri")
NINE_TO_FIVE = Calendar(time_zone="UTC", weekly=dict.fromkeys(DAYS, (("09:00", "17:00"),)))
AFTERNOON = Calendar(time_zone="UTC", weekly=dict.fromkeys(DAYS, (("13:00", "17:00"),)))
MONDAY = datetime(2026, 11, 23, tzinfo=UTC)


def rules_of(**rule: Any) -> Mapping[str, Any]:
    return {**RULES, "rules": [{**RULES["rules"][0], **rule}]}


def waiting_world(folder: Path, people: Directory, **rule: Any) -> World:
    """A world in which one lead waits: nobody can take it."""
    world = World(folder=folder, rules=rules_of(**rule))
    world.dataverse.directory = people
    world.put_lead(1, address1_country="France")
    world.cycle()
    world.put_lead(2, address1_country="UK")
    world.cycle()
    assert world.owner(2) is None
    return world


def entry_of(world: World) -> BacklogEntry:
    [entry] = world.read(lambda session: session.list_backlog())
    return entry


def test_a_row_nobody_is_available_for_is_tried_when_somebody_is(tmp_path: Path) -> None:
    people = build_people(("Miriam",), calendar=AFTERNOON)
    world = waiting_world(tmp_path, people, available_within_hours=1)
    assert entry_of(world).next_try_at == MONDAY + timedelta(hours=12)
    world.clock.advance(timedelta(hours=2, minutes=59))
    assert world.cycle().counts.get("retried", 0) == 0
    world.clock.advance(timedelta(minutes=1))
    world.cycle()
    assert world.owner(2) == "Miriam"


def test_calendars_are_asked_once_for_all_rows_that_begin_to_wait(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Calendar | None] = []

    def count(calendar: Calendar | None, now: datetime) -> timedelta | None:
        asked.append(calendar)
        return wait_until_free(calendar, now)

    monkeypatch.setattr(wake_ups, "wait_until_free", count)
    people = build_people(calendar=AFTERNOON)
    world = World(folder=tmp_path, rules=rules_of(available_within_hours=1))
    world.dataverse.directory = people
    world.put_lead(1, address1_country="France")
    world.cycle()
    for number in range(2, 12):
        world.put_lead(number, address1_country="UK")
    world.cycle()
    entries = world.read(lambda session: session.list_backlog())
    assert [entry.next_try_at for entry in entries] == [MONDAY + timedelta(hours=12)] * 10
    assert len(asked) == len(people.sellers)


def test_rows_of_a_segment_without_rules_wait_for_nothing(tmp_path: Path) -> None:
    world = World(folder=tmp_path, rules={**RULES, "rules": RULES["rules"][1:]})
    world.put_lead(1, address1_country="France")
    world.cycle()
    world.put_lead(2, address1_country="UK")
    world.cycle()
    [decision] = world.decisions(2)
    assert (decision.segment, decision.routing_status) == ("UK", 8)
    assert world.read(lambda session: session.list_backlog()) == []
    world.put_lead(2, subject="other words")
    world.cycle()
    assert world.read(lambda session: session.list_backlog()) == []
    assert len(world.decisions(2)) == 1


def test_rows_of_a_segment_whose_rules_are_switched_off_wait_for_them(tmp_path: Path) -> None:
    world = waiting_world(tmp_path, build_people(), active=False)
    assert entry_of(world).code == "no_assignment_rule"
    world.rules = rules_of(active=True)
    world.cycle()
    assert world.owner(2) == "Miriam"


def test_a_row_that_waits_for_somebody_outlives_the_rules_of_its_segment(tmp_path: Path) -> None:
    away = build_people(("Miriam",), is_disabled=True)
    world = waiting_world(tmp_path, away)
    world.rules = {**RULES, "rules": RULES["rules"][1:]}
    world.cycle()
    world.cycle()
    assert entry_of(world).code == "no_assignment_rule"
    world.dataverse.directory = build_people(("Miriam",))
    world.cycle()
    world.rules = rules_of(name="UK again")
    world.cycle()
    assert world.owner(2) == "Miriam"


def test_a_backfill_takes_up_rows_of_a_segment_that_has_got_rules(tmp_path: Path) -> None:
    def plan() -> list[str]:
        preview = preview_backfill(world.seams(), world.table(), segment="UK")
        return [row.id for row in preview.plan.rows if row.owner_change is not None]

    world = World(folder=tmp_path, rules={**RULES, "rules": RULES["rules"][1:]})
    world.put_lead(1, address1_country="France")
    world.cycle()
    world.put_lead(2, address1_country="UK")
    world.cycle()
    assert plan() == []
    world.rules = rules_of(active=False)
    assert plan() == []
    world.rules = rules_of()
    world.cycle()
    assert (world.owner(2), plan()) == (None, [lead_id(2)])


def test_a_row_is_tried_when_a_seller_comes_back_or_joins(tmp_path: Path) -> None:
    away = build_people(("Miriam",), is_disabled=True)
    world = waiting_world(tmp_path, away)
    world.dataverse.directory = build_people(("Miriam",))
    assert world.cycle().counts["woken"] == 1
    assert world.owner(2) == "Miriam"


def test_a_row_is_tried_when_the_rules_change(tmp_path: Path) -> None:
    world = waiting_world(
        tmp_path, build_people(), when={"column": "revenue", "operator": "ge", "value": 5}
    )
    assert entry_of(world).next_try_at is None
    world.rules = rules_of()
    assert world.cycle().counts["woken"] == 1
    assert world.owner(2) == "Miriam"


def test_a_row_decided_by_the_new_rules_is_not_tried_again_by_the_cycle_that_saw_them_first(
    tmp_path: Path,
) -> None:
    revenue = {"column": "revenue", "operator": "ge", "value": 5}
    world = waiting_world(tmp_path, build_people(), when=revenue)
    world.rules = rules_of(when={**revenue, "value": 6})
    world.put_lead(3, address1_country="UK")
    record = world.cycle()
    assert (record.counts["woken"], record.counts["retried"]) == (1, 1)
    entries = world.read(lambda session: session.list_backlog())
    assert {entry.row_id: entry.attempts for entry in entries} == {lead_id(2): 2, lead_id(3): 1}


def test_nothing_is_tried_while_nothing_changes(tmp_path: Path) -> None:
    people = build_people(("Miriam",), is_disabled=True)
    world = waiting_world(tmp_path, people)
    seller = people.sellers[0]
    again = replace(seller, row={**seller.row, "@odata.etag": 'W/"9"'})
    world.dataverse.directory = Directory(sellers=(again,))
    for _ in range(3):
        assert world.cycle().counts.get("retried", 0) == 0


def test_freed_capacity_wakes_only_those_who_wait_for_it(tmp_path: Path) -> None:
    people = build_people(("Miriam",), max_capacity=1)
    rules = rules_of(respect_capacity=True)
    large = {**RULES["rules"][1], "active": False}
    world = World(folder=tmp_path, rules={**rules, "rules": [*rules["rules"], large]})
    world.dataverse.directory = people
    world.put_lead(1, address1_country="France")
    world.cycle()
    for number in (2, 3):
        world.put_lead(number, address1_country="UK")
    world.put_lead(4, revenue=5000)
    world.cycle()
    codes = {entry.row_id: entry.code for entry in world.read(lambda s: s.list_backlog())}
    assert codes == {lead_id(3): "no_capacity", lead_id(4): "no_assignment_rule"}
    world.put_lead(2, statecode=1)
    record = world.cycle()
    assert (record.counts["woken"], record.counts["retried"]) == (1, 1)
    assert world.owner(3) == "Miriam"


@pytest.mark.parametrize(
    ("within", "hour", "expected"),
    [
        (None, 7, 9),
        (1, 7, 8),
        (1, 8, 12),
        (4, 9, None),
        (None, 18, 24 + 9),
    ],
)
def test_the_next_opening_is_the_first_that_is_still_to_come(
    within: int | None, hour: int, expected: int | None
) -> None:
    people = build_people(("Miriam",), calendar=NINE_TO_FIVE).sellers
    others = build_people(("Sanjay",), calendar=AFTERNOON).sellers
    found = find_opening(
        Directory(sellers=(*people, *others)), within, MONDAY + timedelta(hours=hour)
    )
    assert found == (None if expected is None else MONDAY + timedelta(hours=expected))


def test_a_rule_gives_a_row_up_and_a_freed_seller_wakes_it_all_the_same(tmp_path: Path) -> None:
    people = build_people(("Miriam",), max_capacity=1)
    world = World(
        folder=tmp_path,
        rules=rules_of(respect_capacity=True, retry={"every_minutes": 30, "attempts": 2}),
    )
    world.dataverse.directory = people
    world.put_lead(1, address1_country="France")
    world.cycle()
    for number in (2, 3):
        world.put_lead(number, address1_country="UK")
    world.cycle()
    assert entry_of(world).next_try_at == world.clock.now() + timedelta(minutes=30)
    world.clock.advance(timedelta(minutes=30))
    assert world.cycle().counts["retried"] == 1
    given_up = entry_of(world)
    assert given_up.next_try_at is None
    assert given_up.reason == "no capacity (rule UK to all); given up after 2 tries"
    assert (given_up.segment, given_up.created_on) == ("UK", MONDAY + timedelta(hours=9))
    world.clock.advance(timedelta(days=3))
    assert world.cycle().counts.get("retried", 0) == 0
    world.put_lead(2, statecode=1)
    world.cycle()
    assert world.owner(3) == "Miriam"
