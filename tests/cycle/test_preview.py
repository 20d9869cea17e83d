"""A plan over several tables is what the cycles of those tables then do."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from connector.cycle.review.preview import preview_cycle
from connector.cycle.review.preview_state import Assumed
from connector.cycle.review.reviewed_plan import merge_previews
from connector.ports import RowPage, TableQuery
from engine.records import EntityReference
from tests.support.fake_dataverse import LOOKUP
from tests.support.worlds import NOBODY, RULES, World, build_people, lead_id, seller_id

TABLES = ("lead", "opportunity")


def opportunity_id(number: int) -> str:
    return f"00000000-0000-0000-0004-{number:012d}"


def rules_of(**rule: Any) -> dict[str, Any]:
    """Both tables have a segment UK with a rule over all sellers."""
    segment = {"name": "UK deals", "table": "opportunity", "priority": 1}
    when = {"column": "address1_country", "operator": "eq", "value": "UK"}
    return {
        **RULES,
        "segments": [*RULES["segments"], {**segment, "when": when}],
        "rules": [
            {**RULES["rules"][0], **rule},
            {
                "name": "Deals to all",
                "table": "opportunity",
                "segment": "UK deals",
                "assign_to": {"any_seller": True},
                **rule,
            },
        ],
    }


def build_world(folder: Path, **rule: Any) -> World:
    world = World(folder=folder, rules=rules_of(**rule))
    for number in range(2):
        world.put_lead(number, address1_country="France")
    for table in TABLES:
        world.cycle(table)
    return world


def put_deals(world: World, count: int) -> None:
    owner = {"_ownerid_value": NOBODY.id, f"_ownerid_value{LOOKUP}": "systemuser"}
    for number in range(count):
        row_id = opportunity_id(number)
        world.dataverse.put_row("opportunity", row_id, address1_country="UK", **owner)


def preview_owners(world: World) -> dict[str, str]:
    assumed = Assumed()
    previews = [preview_cycle(world.seams(), world.table(table), assumed) for table in TABLES]
    rows = [row for preview in previews for row in preview.plan.rows]
    return {row.id: row.owner_change.after.id for row in rows if row.owner_change}


def cycle_owners(world: World) -> dict[str, str]:
    sent = len(world.dataverse.writes)
    for table in TABLES:
        world.cycle(table)
    writes = world.dataverse.writes[sent:]
    return {
        write.id: owner.id for write in writes if (owner := write.binds.get("ownerid")) is not None
    }


@pytest.mark.parametrize("leads", [1, 2, 3, 5])
def test_a_plan_goes_on_with_the_seller_whose_turn_it_is_after_the_table_before(
    tmp_path: Path, leads: int
) -> None:
    world = build_world(tmp_path)
    for number in range(2, 2 + leads):
        world.put_lead(number, address1_country="UK")
    put_deals(world, 4)
    planned = preview_owners(world)
    assert world.dataverse.writes == []
    assert len(planned) == leads + 4
    assert cycle_owners(world) == planned


def test_a_plan_counts_the_capacity_that_the_table_before_takes(tmp_path: Path) -> None:
    world = build_world(tmp_path, respect_capacity=True)
    world.dataverse.directory = build_people(("Miriam", "Sanjay"), max_capacity=2)
    for number in range(2, 5):
        world.put_lead(number, address1_country="UK")
    put_deals(world, 3)
    planned = preview_owners(world)
    assert len(planned) == 4
    assert cycle_owners(world) == planned


def test_a_plan_sees_what_people_did_by_hand_closed_and_deleted(tmp_path: Path) -> None:
    world = build_world(tmp_path, respect_capacity=True)
    world.dataverse.directory = build_people(("Miriam", "Sanjay"), max_capacity=2)
    for number in range(2, 6):
        world.put_lead(number, address1_country="UK")
    assert len(cycle_owners(world)) == 4
    world.put_lead(2, statecode=1)
    world.dataverse.delete_row("lead", lead_id(3))
    sanjay = EntityReference(table="systemuser", id=seller_id(1))
    world.dataverse.set_owner("lead", lead_id(0), sanjay)
    put_deals(world, 3)
    planned = preview_owners(world)
    assert planned
    assert cycle_owners(world) == planned


def test_a_plan_takes_up_what_waits_once_other_rules_may_find_somebody(tmp_path: Path) -> None:
    world = build_world(tmp_path, when={"column": "revenue", "operator": "gt", "value": 5})
    world.put_lead(2, address1_country="UK", revenue=1)
    assert cycle_owners(world) == {}
    assert preview_owners(world) == {}
    world.rules = rules_of()
    planned = preview_owners(world)
    assert list(planned) == [lead_id(2)]
    assert cycle_owners(world) == planned


def test_a_plan_takes_up_what_waits_for_room_that_a_closed_row_makes(tmp_path: Path) -> None:
    world = build_world(tmp_path, respect_capacity=True)
    world.dataverse.directory = build_people(("Miriam",), max_capacity=1)
    for number in (2, 3):
        world.put_lead(number, address1_country="UK")
    assert len(cycle_owners(world)) == 1
    world.cycle()
    world.put_lead(2, statecode=1)
    planned = preview_owners(world)
    assert list(planned) == [lead_id(3)]
    assert cycle_owners(world) == planned


def test_a_plan_knows_that_a_row_named_as_deleted_was_restored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = build_world(tmp_path, respect_capacity=True)
    world.dataverse.directory = build_people(("Miriam",), max_capacity=1)
    world.put_lead(2, address1_country="UK")
    assert len(cycle_owners(world)) == 1
    world.put_lead(2, subject="restored")
    world.put_lead(3, address1_country="UK")
    fetch = world.dataverse.fetch_page

    def name_as_deleted(query: TableQuery, link: str) -> RowPage:
        page = fetch(query, link)
        restored = [str(row["leadid"]) for row in page.rows if row.get("leadid") == lead_id(2)]
        return replace(page, deleted=restored)

    monkeypatch.setattr(world.dataverse, "fetch_page", name_as_deleted)
    assert preview_owners(world) == {}
    assert cycle_owners(world) == {}


def test_a_plan_counts_a_write_that_arrived_without_an_answer_as_the_sellers(
    tmp_path: Path,
) -> None:
    world = build_world(tmp_path)
    world.dataverse.silent = True
    world.put_lead(2, address1_country="UK")
    cycle_owners(world)
    world.dataverse.silent = False
    world.clock.advance(timedelta(hours=2))
    world.put_lead(2, revenue=5)
    for number in (3, 4):
        world.put_lead(number, address1_country="UK")
    planned = preview_owners(world)
    assert cycle_owners(world) == planned
    assert list(planned) == [lead_id(3), lead_id(4)]


def test_a_row_that_waits_and_was_given_away_by_hand_is_left_to_whom_it_was_given(
    tmp_path: Path,
) -> None:
    world = World(folder=tmp_path)
    world.dataverse.directory = build_people(is_disabled=True)
    world.put_lead(1, address1_country="France")
    world.cycle()
    world.put_lead(2, address1_country="UK")
    world.cycle()
    world.dataverse.directory = build_people()
    by_hand = EntityReference(table="systemuser", id=seller_id(2))
    world.dataverse.set_owner("lead", lead_id(2), by_hand)
    application = world.application()
    reviewed = merge_previews(application.preview(), application.seams.rule_set.checksum)
    assert reviewed.plan.rows == ()
    application.apply_plan(reviewed)
    world.cycle()
    assert world.owner(2) == "Susana"
