"""What goes wrong between a tenant, a store and a clock, one by one; each once lost or doubled work."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import event

from connector.cycle.rows.seller_clocks import touch_clock
from connector.cycle.table_cycle import run_cycle
from connector.environment.reading import People, RememberedPeople
from connector.ports import RowWrite
from connector.state.records import Outcome
from engine.assignment.assembly import AssembledRules
from engine.records import EntityReference
from engine.sellers import Directory, SellerClock
from engine.statuses import RoutingStatus
from tests.support.fake_dataverse import FakeClock
from tests.support.worlds import World, build_people, lead_id, seller_id


@pytest.fixture
def world(tmp_path: Path) -> World:
    """A world after first contact, with one lead elsewhere."""
    world = World(folder=tmp_path)
    world.put_lead(0, address1_country="France")
    world.cycle()
    return world


def take(world: World, number: int, seller: int) -> None:
    """Somebody gives a lead to a seller."""
    owner = EntityReference(table="systemuser", id=seller_id(seller))
    world.dataverse.set_owner("lead", lead_id(number), owner)


def test_a_conflict_during_a_full_read_does_not_make_the_row_forgotten(world: World) -> None:
    """The sweep behind the read took it for a row that is gone, and then for a new one."""
    world.put_lead(0, address1_country="UK")
    world.dataverse.expire_links()
    world.dataverse.before_write = lambda _write: take(world, 0, 1)
    world.cycle()
    world.dataverse.before_write = lambda _write: None
    for _ in range(2):
        world.cycle()
    assert world.owner(0) == "Sanjay"
    assert world.decisions(0)[-1].routing_status == RoutingStatus.OWNER_ASSIGNED_MANUALLY


@pytest.mark.parametrize("was_known", [False, True])
def test_a_row_closed_before_it_was_decided_is_decided_when_it_is_reopened(
    world: World, was_known: bool
) -> None:
    number = 0 if was_known else 1
    world.put_lead(number, address1_country="UK", statecode=1)
    world.cycle()
    assert world.owner(number) is None
    world.put_lead(number, statecode=0)
    world.cycle()
    assert world.owner(number) == "Miriam"


def test_a_row_closed_while_it_waited_is_decided_when_it_is_reopened(world: World) -> None:
    people, world.dataverse.directory = world.dataverse.directory, build_people(is_disabled=True)
    world.put_lead(1, address1_country="UK")
    world.cycle()
    world.put_lead(1, statecode=1)
    world.cycle()
    world.dataverse.directory = people
    world.put_lead(1, statecode=0)
    world.cycle()
    assert world.owner(1) == "Miriam"


def test_a_row_closed_while_its_write_waited_is_decided_when_it_is_reopened(world: World) -> None:
    world.dataverse.refused.add(lead_id(1))
    world.put_lead(1, address1_country="UK")
    world.cycle()
    world.put_lead(1, statecode=1)
    world.clock.advance(timedelta(hours=1))
    world.cycle()
    world.dataverse.refused.clear()
    world.put_lead(1, statecode=0)
    world.cycle()
    assert world.owner(1) == "Miriam"


@pytest.mark.parametrize("is_at_first_contact", [False, True])
def test_a_closed_row_with_nothing_to_decide_is_left_alone_when_it_is_reopened(
    tmp_path: Path, is_at_first_contact: bool
) -> None:
    world = World(folder=tmp_path)
    world.put_lead(1, address1_country="UK", statecode=1 if is_at_first_contact else 0)
    world.cycle()
    for state in (1, 0):
        world.put_lead(1, statecode=state)
        world.cycle()
    assert world.owner(1) is None


def test_round_robin_goes_on_when_the_clock_was_put_back(world: World) -> None:
    """Everybody's last turn lies ahead; nobody may look as if it were the longest ago for hours."""
    for number in range(1, 7):
        if number == 4:
            world.clock.advance(timedelta(hours=-5))
        world.clock.advance(timedelta(minutes=1))
        world.put_lead(number, address1_country="UK")
        world.cycle()
    owners = [world.owner(number) for number in range(1, 7)]
    assert owners == ["Miriam", "Sanjay", "Susana"] * 2


def test_a_choice_by_hand_seen_late_does_not_turn_a_clock_back() -> None:
    at = FakeClock().now()
    clocks = {"a": SellerClock(seller_id="a", last_assigned_at=at, order=3)}
    touched = touch_clock(clocks, "a", at - timedelta(hours=1))
    assert touched == SellerClock(seller_id="a", last_assigned_at=at, order=4)


def test_a_row_given_away_while_a_plan_was_open_leaves_the_seller_the_turn(world: World) -> None:
    world.put_lead(1, address1_country="UK")
    world.die_in_a_cycle()
    take(world, 1, 2)
    world.cycle()
    world.put_lead(2, address1_country="UK")
    world.cycle()
    assert world.owner(1) == "Susana"
    assert world.owner(2) == "Miriam"
    assert [found.outcome for found in world.decisions(1)] == ["conflict", "manual"]


def test_a_write_that_arrived_late_is_the_sellers_turn(world: World) -> None:
    world.put_lead(1, address1_country="UK")
    world.dataverse.silent = True
    world.cycle()
    world.dataverse.silent = False
    world.clock.advance(timedelta(minutes=2))
    world.cycle()
    assert world.decisions(1)[-1].outcome == Outcome.ALREADY_SO
    world.put_lead(2, address1_country="UK")
    world.cycle()
    assert (world.owner(1), world.owner(2)) == ("Miriam", "Sanjay")


def test_people_are_not_read_while_a_transaction_is_open(world: World) -> None:
    """The environment may let us wait for minutes; nobody else could use the store meanwhile."""
    depth = [0]
    engine = world.store.engine
    event.listen(engine, "begin", lambda _connection: depth.__setitem__(0, depth[0] + 1))
    for ending in ("commit", "rollback"):
        event.listen(engine, ending, lambda _connection: depth.__setitem__(0, depth[0] - 1))
    found: list[int] = []

    def cycle() -> None:
        seams = world.seams()

        def read() -> AssembledRules:
            found.append(depth[0])
            return seams.assembled_rules()

        run_cycle(replace(seams, assembled_rules=read), world.table())

    world.dataverse.refused.add(lead_id(2))
    for number in range(1, 4):
        world.put_lead(number, address1_country="UK")
    cycle()
    world.clock.advance(timedelta(hours=1))
    cycle()
    assert len(found) > 2
    assert set(found) == {0}


def test_people_are_read_anew_when_the_clock_was_put_back() -> None:
    clock, reads = FakeClock(), []

    def read() -> People:
        reads.append(clock.now())
        return People(directory=Directory(), hierarchies={})

    people = RememberedPeople(read, clock, life=timedelta(minutes=5))
    people()
    clock.advance(timedelta(days=-1))
    people()
    assert len(reads) == 2


def test_a_row_that_cannot_be_read_when_its_plan_is_settled_is_not_written_twice(
    world: World,
) -> None:
    """Its write arrived; what it looks like now is known once it can be read again."""
    world.put_lead(1, address1_country="UK")
    world.die_in_a_cycle(after_writes=1)
    created = world.dataverse.tables["lead"][lead_id(1)]["createdon"]
    world.put_lead(1, createdon="some day")
    for _ in range(2):
        world.cycle()
        world.clock.advance(timedelta(hours=2))
    world.put_lead(1, createdon=created)
    for _ in range(2):
        world.cycle()
    assert len(world.dataverse.writes) == 1
    assert world.owner(1) == "Miriam"
    assert world.ledger_row(1).routing_status == RoutingStatus.OWNER_ASSIGNED  # type: ignore[union-attr]
    assert world.read(lambda session: session.list_open_plans("lead")) == []


def test_rules_that_change_while_a_plan_is_open_decide_its_rows(world: World) -> None:
    world.put_lead(1, address1_country="UK")
    world.die_in_a_cycle()
    rule = {**world.rules["rules"][0], "assign_to": {"sellers": {"named": ["Susana"]}}}
    world.rules = {**world.rules, "rules": [rule]}
    world.cycle()
    assert world.owner(1) == "Susana"
    assert len(world.dataverse.writes) == 1


def test_a_row_deleted_between_reading_and_writing_is_forgotten(world: World) -> None:
    world.put_lead(1, address1_country="UK")
    world.dataverse.before_write = lambda write: world.dataverse.delete_row("lead", write.id)
    world.cycle()
    world.dataverse.before_write = lambda _write: None
    world.cycle()
    assert world.ledger_row(1) is None
    assert world.read(lambda session: session.list_backlog()) == []


def test_a_row_given_to_the_seller_it_was_meant_for_is_written_once(world: World) -> None:
    """A person was faster, with the same choice; the rest of the plan still has to be written."""
    world.put_lead(1, address1_country="UK")
    world.dataverse.before_write = lambda _write: (
        take(world, 1, 0) if world.owner(1) is None else None
    )
    for _ in range(3):
        world.cycle()
    assert world.owner(1) == "Miriam"
    assert world.read(lambda session: session.list_backlog()) == []


def test_a_row_that_waits_is_still_owed_a_seller_when_it_is_updated(world: World) -> None:
    """It is in its segment already, which used to count as decided."""
    people, world.dataverse.directory = world.dataverse.directory, build_people(is_disabled=True)
    world.put_lead(1, address1_country="UK", revenue=1)
    world.cycle()
    world.dataverse.directory = people
    world.put_lead(1, revenue=2)
    world.cycle()
    assert world.owner(1) == "Miriam"


def test_a_move_whose_write_conflicted_leaves_the_row_its_owner(world: World) -> None:
    """Moving gives nobody else the row; trying the write again must not either."""
    segments = [
        {**segment, "accept_from_other_segments": True} for segment in world.rules["segments"]
    ]
    world.rules = {**world.rules, "segments": segments}
    world.put_lead(1, revenue=5000)
    world.cycle()
    assert world.owner(1) == "Miriam"
    moved: list[str] = []

    def meddle(write: RowWrite) -> None:
        if not moved:
            moved.append(write.id)
            world.put_lead(1, subject="a note")

    world.dataverse.before_write = meddle
    world.put_lead(1, address1_country="UK")
    for _ in range(2):
        world.cycle()
    assert moved == [lead_id(1)]
    assert world.owner(1) == "Miriam"
    row = world.ledger_row(1)
    assert row is not None
    assert row.segment == "UK"


def test_a_row_made_anew_with_the_id_of_a_deleted_one_is_a_new_row(world: World) -> None:
    """Its owner is not a choice by hand that differs from ours."""
    world.put_lead(1, address1_country="UK")
    world.cycle()
    assert world.owner(1) == "Miriam"
    world.dataverse.delete_row("lead", lead_id(1))
    world.clock.advance(timedelta(seconds=1))
    world.put_lead(1, address1_country="UK")
    world.cycle()
    assert world.owner(1) == "Sanjay"
    with world.store.begin() as session:
        assert session.count_open() == session.recount_open()


def test_a_row_that_cannot_be_read_during_a_full_read_is_not_taken_for_gone(world: World) -> None:
    """It was forgotten, and given to somebody else when it could be read again."""
    world.put_lead(1, address1_country="UK")
    world.cycle()
    created = world.dataverse.tables["lead"][lead_id(1)]["createdon"]
    world.put_lead(1, createdon="some day")
    world.dataverse.expire_links()
    world.cycle()
    world.put_lead(1, createdon=created)
    world.cycle()
    assert len(world.dataverse.writes) == 1
    assert world.owner(1) == "Miriam"
