"""What changes in the environment while the service runs: managers, and the definitions of tables."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from connector.service.application import Application
from connector.state.records import CycleOutcome
from engine.errors import ConfigProblem
from engine.schema import Column, ColumnType
from tests.cycle.test_preview import build_world
from tests.support.worlds import RULES, SCHEMA, SELLERS, World, seller_id

BOSS = "00000000-0000-0000-0007-000000000001"
UNDER_BOSS = {"column": "systemuserid", "operator": "under", "value": BOSS}


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    rules = {
        **RULES,
        "rules": [
            {
                "name": "Team of the boss",
                "table": "lead",
                "segment": "UK",
                "assign_to": {"sellers": {"matching": UNDER_BOSS}},
            }
        ],
    }
    made = World(tmp_path, rules=rules)
    report(made, "Miriam")
    yield made
    made.store.close()


def report(world: World, *names: str) -> None:
    """Let these sellers report to the boss, and nobody else."""
    for number, name in enumerate(SELLERS):
        above = BOSS if name in names else None
        world.dataverse.put_row("systemuser", seller_id(number), _parentsystemuserid_value=above)


def run(application: Application, world: World) -> None:
    world.clock.advance(timedelta(minutes=10))
    application.run_table(application.find_table("lead"))


def test_a_new_manager_counts_without_a_restart(world: World) -> None:
    application = world.application()
    run(application, world)
    world.put_lead(1, address1_country="UK")
    run(application, world)
    report(world, "Sanjay")
    world.put_lead(2, address1_country="UK")
    run(application, world)
    assert (world.owner(1), world.owner(2)) == ("Miriam", "Sanjay")


def test_rows_that_wait_are_tried_again_when_somebody_gets_another_manager(world: World) -> None:
    report(world)
    application = world.application()
    run(application, world)
    world.put_lead(1, address1_country="UK")
    run(application, world)
    assert world.owner(1) is None
    report(world, "Susana")
    run(application, world)
    assert world.owner(1) == "Susana"


def test_a_cycle_works_by_the_definitions_of_its_start_and_the_next_one_by_new_ones(
    world: World,
) -> None:
    application = world.application()
    run(application, world)
    before = application.readings()
    lead = SCHEMA["lead"]
    label = Column(name="address1_country", type=ColumnType.CHOICE, options={1: "UK"})
    columns = {**lead.columns, "address1_country": label}
    world.dataverse.schema = {**SCHEMA, "lead": replace(lead, columns=columns)}
    world.put_lead(1, address1_country=1)
    run(application, world)
    assert world.owner(1) == "Miriam"
    assert before.schema["lead"] == lead
    assert "address1_country" in (application.readings().tables[0].query.labelled or ())


def test_a_column_that_is_gone_fails_the_cycle_and_is_named(world: World) -> None:
    application = world.application()
    run(application, world)
    lead = SCHEMA["lead"]
    columns = {name: c for name, c in lead.columns.items() if name != "address1_country"}
    world.dataverse.schema = {**SCHEMA, "lead": replace(lead, columns=columns)}
    with pytest.raises(Exception, match="no column address1_country"):
        run(application, world)
    world.dataverse.schema = SCHEMA
    world.put_lead(1, address1_country="UK")
    run(application, world)
    assert world.owner(1) == "Miriam"


def test_a_column_that_one_table_lost_fails_the_cycles_of_that_table_alone(tmp_path: Path) -> None:
    world = build_world(tmp_path)
    application = world.application()
    opportunity = SCHEMA["opportunity"]
    columns = {
        name: column for name, column in opportunity.columns.items() if name != "address1_country"
    }
    world.dataverse.schema = {**SCHEMA, "opportunity": replace(opportunity, columns=columns)}
    world.put_lead(5, address1_country="UK")
    run(application, world)
    assert world.owner(5) is not None
    world.clock.advance(timedelta(minutes=10))
    with pytest.raises(ConfigProblem, match="opportunity has no column address1_country"):
        application.run_table(application.find_table("opportunity"))
    (told, *_) = world.read(lambda session: session.list_cycles(limit=1))
    assert (told.table, told.outcome) == ("opportunity", CycleOutcome.FAILED)
    world.store.close()
