"""What a crash or a lost answer leaves behind is brought to its end: nothing twice, nothing lost."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from typing_extensions import override

from connector.cycle.context import CycleOptions
from connector.cycle.cycle_records import start_cycle
from connector.cycle.passes.backlog import retry_due
from connector.errors import LeaseHeld
from connector.ports import RowWrite
from connector.state.records import Outcome, PlanOrigin
from connector.watched_tables.watched_table import WriteColumns
from engine.sellers import Directory, Queue
from tests.support.fake_dataverse import Crash
from tests.support.worlds import NOBODY, RULES, World, build_people, lead_id, seller_id

SEQUENCE = RULES["sequences"][0]["sequence_id"]
QUEUE = "00000000-0000-0000-0007-000000000001"


def start(world: World) -> World:
    world.put_lead(1, address1_country="France")
    world.cycle()
    return world


def settle(world: World) -> None:
    for _ in range(3):
        world.cycle()
    sent = len(world.dataverse.writes)
    assert world.cycle().counts.get("decided", 0) == 0
    assert len(world.dataverse.writes) == sent


@pytest.fixture
def by_action(tmp_path: Path) -> World:
    """Sequences are connected by the platform's action."""
    writes = WriteColumns(segment="msdyn_segmentid", by_action=True)
    return start(World(folder=tmp_path, writes=writes))


@pytest.fixture
def in_two(tmp_path: Path) -> World:
    """The owner is written in a request of its own."""
    return start(World(folder=tmp_path, options=CycleOptions(splits_owner=True)))


@pytest.fixture
def to_queue(tmp_path: Path) -> World:
    """Rows go to a queue; they keep their owner and get a segment."""
    rule = {**RULES["rules"][0], "assign_to": {"queues": {"named": ["Overflow"]}}}
    world = World(folder=tmp_path, rules={**RULES, "rules": [rule]})
    queue = Queue(id=QUEUE, name="Overflow", row={"queueid": QUEUE})
    world.dataverse.directory = Directory(sellers=build_people().sellers, queues=(queue,))
    return start(world)


def test_a_change_made_after_the_write_and_before_the_restart_is_decided(tmp_path: Path) -> None:
    world = start(World(folder=tmp_path))
    world.put_lead(2, address1_country="UK")
    world.die_in_a_cycle(after_writes=1)
    world.put_lead(2, address1_country="France")
    settle(world)
    assert [found.segmentation_status for found in world.decisions(2)] == [1, 5]
    assert world.owner(2) == "Miriam"


def test_a_change_of_nothing_that_matters_is_not(tmp_path: Path) -> None:
    world = start(World(folder=tmp_path))
    world.put_lead(2, address1_country="UK")
    world.die_in_a_cycle(after_writes=1)
    world.put_lead(2, subject="other words")
    settle(world)
    assert len(world.decisions(2)) == 1


def test_a_lookup_changed_after_the_write_does_not_make_the_owner_a_choice_by_hand(
    tmp_path: Path,
) -> None:
    world = start(World(folder=tmp_path))
    world.put_lead(2, address1_country="UK")
    world.die_in_a_cycle(after_writes=1)
    world.put_lead(2, _lrobin_sequenceid_value=None)
    settle(world)
    assert [found.outcome for found in world.decisions(2)] == ["already_so"]
    assert world.owner(2) == "Miriam"


def test_a_write_without_an_answer_is_known_again_when_it_arrived(tmp_path: Path) -> None:
    world = start(World(folder=tmp_path))
    for number in (2, 3):
        world.put_lead(number, address1_country="UK")
    world.dataverse.silent = True
    world.cycle()
    world.dataverse.silent = False
    settle(world)
    assert [found.outcome for found in world.decisions(2)] == ["failed", "already_so"]
    assert [world.owner(2), world.owner(3)] == ["Miriam", "Sanjay"]
    assert len(world.dataverse.writes) == 2
    known = world.ledger_row(2)
    assert known is not None
    assert (known.is_manual, known.rule, known.segment) == (False, "UK to all", "UK")
    assert world.read(lambda session: session.list_backlog()) == []


def test_a_late_write_is_found_by_the_backlog_as_well(tmp_path: Path) -> None:
    world = start(World(folder=tmp_path))
    world.put_lead(2, address1_country="UK")
    world.dataverse.silent = True
    world.cycle()
    world.dataverse.silent = False
    seams, table = world.seams(), world.table()
    retry_due(start_cycle(seams, table, PlanOrigin.BACKLOG), everything=True)
    assert [found.outcome for found in world.decisions(2)] == ["failed", "already_so"]
    assert len(world.dataverse.writes) == 1


@pytest.mark.parametrize("is_retried", [False, True])
def test_a_row_made_anew_under_the_id_of_a_lost_write_is_a_new_row(
    tmp_path: Path, is_retried: bool
) -> None:
    world = start(World(folder=tmp_path))
    world.put_lead(2, address1_country="UK")
    world.dataverse.silent = True
    world.cycle()
    world.dataverse.silent = False
    world.dataverse.delete_row("lead", lead_id(2))
    world.clock.advance(timedelta(seconds=1))
    world.put_lead(2, address1_country="France", _ownerid_value=seller_id(0))
    if is_retried:
        seams, table = world.seams(), world.table()
        retry_due(start_cycle(seams, table, PlanOrigin.BACKLOG), everything=True)
    settle(world)
    lost, *others = world.decisions(2)
    assert lost.outcome == "failed"
    assert {found.segmentation_status for found in others} == {3}
    known = world.ledger_row(2)
    assert known is not None
    assert (known.segment, known.rule) == (None, None)
    assert world.read(lambda session: session.list_backlog()) == []


def test_a_sequence_is_connected_by_action_once_the_row_is_written(by_action: World) -> None:
    by_action.put_lead(2, address1_country="UK")
    by_action.cycle()
    assert by_action.dataverse.connected == {lead_id(2): SEQUENCE}
    assert "lrobin_sequenceid" not in by_action.dataverse.writes[0].binds
    settle(by_action)
    assert len(by_action.decisions(2)) == 1


def test_a_write_that_did_not_arrive_connects_no_sequence(by_action: World) -> None:
    by_action.put_lead(2, address1_country="UK")

    def edit(_write: RowWrite) -> None:
        by_action.put_lead(2, address1_country="UK")

    by_action.dataverse.before_write = edit
    by_action.cycle()
    assert by_action.dataverse.connected == {}
    assert {found.outcome for found in by_action.decisions(2)} == {Outcome.CONFLICT}
    by_action.dataverse.before_write = lambda _write: None
    settle(by_action)
    assert by_action.dataverse.connected == {lead_id(2): SEQUENCE}


def test_a_row_that_is_gone_before_its_sequence_is_connected_is_recorded_as_gone(
    by_action: World,
) -> None:
    by_action.put_lead(2, address1_country="UK")
    by_action.dataverse.before_action = lambda row_id: by_action.dataverse.delete_row(
        "lead", row_id
    )
    by_action.cycle()
    (decision,) = by_action.decisions(2)
    assert decision.outcome is Outcome.ROW_GONE
    assert (decision.message or "").startswith("the sequence: ")


def test_the_version_of_the_write_is_kept_where_the_action_names_none(by_action: World) -> None:
    by_action.put_lead(2, address1_country="UK")
    by_action.cycle()
    (decision,) = by_action.decisions(2)
    assert decision.etag is not None
    assert by_action.cycle().counts.get("decided", 0) == 0


def test_a_crash_between_the_write_and_the_action_connects_afterwards(by_action: World) -> None:
    for number in (2, 3):
        by_action.put_lead(number, address1_country="UK")

    def die(_row_id: str) -> None:
        raise Crash

    by_action.dataverse.before_action = die
    with pytest.raises(Crash):
        by_action.cycle()
    by_action.dataverse.before_action = lambda _row_id: None
    by_action.restart()
    settle(by_action)
    assert by_action.dataverse.connected == {lead_id(2): SEQUENCE, lead_id(3): SEQUENCE}
    assert [by_action.owner(2), by_action.owner(3)] == ["Miriam", "Sanjay"]
    for number in (2, 3):
        assert [found.routing_status for found in by_action.decisions(number)] == [2]


def test_an_owner_is_written_in_a_request_of_its_own_when_asked(in_two: World) -> None:
    in_two.put_lead(2, address1_country="UK")
    in_two.cycle()
    first, second = in_two.dataverse.writes
    assert set(first.binds) == {"msdyn_segmentid", "lrobin_sequenceid"}
    assert set(second.binds) == {"ownerid"}
    assert second.etag != first.etag
    assert [found.outcome for found in in_two.decisions(2)] == ["applied"]
    settle(in_two)


def test_an_owner_follows_after_a_crash_between_the_two_requests(in_two: World) -> None:
    for number in (2, 3):
        in_two.put_lead(number, address1_country="UK")
    in_two.die_in_a_cycle(after_writes=2)
    assert [in_two.owner(2), in_two.owner(3)] == [None, None]
    settle(in_two)
    assert [in_two.owner(2), in_two.owner(3)] == ["Miriam", "Sanjay"]
    assert [len(in_two.decisions(n)) for n in (2, 3)] == [1, 1]
    assert len(in_two.dataverse.writes) == 4


def test_a_choice_by_hand_between_the_two_requests_wins(in_two: World) -> None:
    in_two.put_lead(2, address1_country="UK")
    susana = in_two.dataverse.directory.sellers[2].reference()

    def take(write: RowWrite) -> None:
        if "ownerid" in write.binds:
            in_two.dataverse.before_write = lambda _write: None
            in_two.dataverse.set_owner("lead", write.id, susana)

    in_two.dataverse.before_write = take
    in_two.cycle()
    settle(in_two)
    assert in_two.owner(2) == "Susana"
    assert in_two.decisions(2)[-1].routing_status == 9


@pytest.mark.parametrize("moment", ["after_write", "before_action"])
def test_a_crash_around_the_queue_puts_the_row_there_once(to_queue: World, moment: str) -> None:
    to_queue.put_lead(2, address1_country="UK")

    def die(_argument: object) -> None:
        raise Crash

    setattr(to_queue.dataverse, moment, die)
    with pytest.raises(Crash):
        to_queue.cycle()
    setattr(to_queue.dataverse, moment, lambda _argument: None)
    to_queue.restart()
    settle(to_queue)
    assert to_queue.dataverse.queued == [(lead_id(2), QUEUE)]
    assert len(to_queue.decisions(2)) == 1
    assert to_queue.dataverse.owner_of("lead", lead_id(2)) == NOBODY.id


def test_a_crash_between_the_queue_and_its_outcome_leaves_one_item(to_queue: World) -> None:
    to_queue.put_lead(2, address1_country="UK")
    kept = to_queue.dataverse.queued

    class Dying(list[Any]):
        @override
        def append(self, item: Any) -> None:
            super().append(item)
            raise Crash

    to_queue.dataverse.queued = Dying(kept)
    with pytest.raises(Crash):
        to_queue.cycle()
    to_queue.dataverse.queued = list(to_queue.dataverse.queued)
    to_queue.restart()
    settle(to_queue)
    assert to_queue.dataverse.queued == [(lead_id(2), QUEUE)]
    assert len(to_queue.decisions(2)) == 1


def test_nothing_is_written_after_the_lease_was_lost(tmp_path: Path) -> None:
    world = start(World(folder=tmp_path))
    world.put_lead(2, address1_country="UK")

    def lose() -> None:
        raise LeaseHeld("somebody else took it over")

    world.keep_lease = lose
    with pytest.raises(LeaseHeld):
        world.cycle()
    assert world.dataverse.writes == []
    world.keep_lease = lambda: None
    settle(world)
    assert world.owner(2) == "Miriam"


def test_who_sleeps_in_the_midst_of_writing_writes_none_of_the_rest(tmp_path: Path) -> None:
    world = start(World(folder=tmp_path))
    for number in range(2, 7):
        world.put_lead(number, address1_country="UK")

    def lose() -> None:
        if len(world.dataverse.writes) == 2:
            raise LeaseHeld("somebody else took it over")

    world.keep_lease = lose
    with pytest.raises(LeaseHeld):
        world.cycle()
    assert len(world.dataverse.writes) == 2
    world.keep_lease = lambda: None
    settle(world)
    assert len(world.dataverse.writes) == 5


def test_two_decisions_at_one_instant_are_told_apart(tmp_path: Path) -> None:
    world = start(World(folder=tmp_path))
    world.put_lead(2, address1_country="Spain")
    world.cycle()
    world.put_lead(2, address1_country="UK")

    def die(_write: RowWrite) -> None:
        raise Crash

    world.dataverse.before_write = die
    with pytest.raises(Crash):
        world.cycle()
    world.dataverse.before_write = lambda _write: None
    world.restart()
    settle(world)
    assert world.owner(2) == "Miriam"
