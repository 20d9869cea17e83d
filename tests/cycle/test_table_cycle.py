"""One cycle after another over the fake environment: what is decided, written and remembered."""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path

import pytest

from connector.cycle.context import CycleOptions
from connector.ports import RowWrite, WriteResult
from connector.state.records import CycleOutcome
from engine.errors import UnsafePlan
from engine.plans.safety import SafetyLimits
from engine.records import EntityReference
from tests.support.fake_dataverse import Crash
from tests.support.worlds import RULES, World, build_people, lead_id, seller_id


@pytest.fixture
def world(tmp_path: Path) -> World:
    made = World(folder=tmp_path)
    made.put_lead(1, address1_country="UK")
    made.put_lead(2, address1_country="France", revenue=10)
    return made


def test_the_first_contact_remembers_rows_and_decides_nothing(world: World) -> None:
    record = world.cycle()
    assert record.counts["baseline"] == 2
    assert world.dataverse.writes == []
    assert world.decisions(1) == []


def test_a_row_created_after_the_baseline_is_assigned(world: World) -> None:
    world.cycle()
    world.put_lead(3, address1_country="UK")
    record = world.cycle()
    assert record.counts["created"] == 1
    assert world.owner(3) == "Miriam"
    row = world.dataverse.tables["lead"][lead_id(3)]
    assert row["_msdyn_segmentid_value"] == "00000000-0000-0000-0005-000000000001"
    assert row["_lrobin_sequenceid_value"] == "00000000-0000-0000-0006-000000000001"
    [decision] = world.decisions(3)
    assert (decision.segment, decision.rule, decision.outcome) == ("UK", "UK to all", "applied")
    assert decision.trace is not None


def test_owner_segment_and_sequence_travel_in_one_write(world: World) -> None:
    world.cycle()
    world.put_lead(3, address1_country="UK")
    world.cycle()
    (write,) = world.dataverse.writes
    assert (set(write.binds), write.columns) == (
        {"ownerid", "msdyn_segmentid", "lrobin_sequenceid"},
        {},
    )


def test_a_column_that_is_as_it_should_be_is_not_written(world: World) -> None:
    segment, sequence = RULES["segments"][0]["segment_id"], RULES["sequences"][0]["sequence_id"]
    world.cycle()
    world.put_lead(
        3,
        address1_country="UK",
        _msdyn_segmentid_value=segment,
        _lrobin_sequenceid_value=sequence,
    )
    world.cycle()
    (write,) = world.dataverse.writes
    assert set(write.binds) == {"ownerid"}


def test_rows_of_one_page_are_spread_over_the_sellers(world: World) -> None:
    world.cycle()
    for number in range(3, 9):
        world.put_lead(number, address1_country="UK")
    world.cycle()
    assert [world.owner(n) for n in range(3, 9)] == ["Miriam", "Sanjay", "Susana"] * 2


def test_a_repeated_cycle_writes_nothing(world: World) -> None:
    world.cycle()
    world.put_lead(3, address1_country="UK")
    world.cycle()
    sent = len(world.dataverse.writes)
    for _ in range(2):
        world.clock.advance(timedelta(hours=1))
        record = world.cycle()
        assert record.counts.get("decided", 0) == 0
    assert len(world.dataverse.writes) == sent == 1
    assert len(world.decisions(3)) == 1


def test_an_update_of_a_watched_column_decides_the_row(world: World) -> None:
    world.cycle()
    world.put_lead(2, address1_country="UK")
    record = world.cycle()
    assert record.counts["updated"] == 1
    assert world.owner(2) == "Miriam"


def test_an_update_of_another_column_decides_nothing(world: World) -> None:
    world.cycle()
    world.put_lead(1, subject="new words")
    record = world.cycle()
    assert record.counts["unchanged"] == 1
    assert world.dataverse.writes == []


def test_a_row_in_its_segment_already_keeps_its_owner_when_it_is_updated(world: World) -> None:
    world.cycle()
    world.put_lead(3, revenue=2000)
    world.cycle()
    assert world.owner(3) == "Miriam"
    world.put_lead(3, revenue=3000)
    world.cycle()
    assert world.owner(3) == "Miriam"
    assert world.decisions(3)[-1].segmentation_status == 4


def test_a_related_row_is_read_before_the_decision(world: World) -> None:
    world.dataverse.put_row("account", "00000000-0000-0000-0003-000000000001", industrycode=6)
    world.cycle()
    world.put_lead(3, _parentaccountid_value="00000000-0000-0000-0003-000000000001")
    world.cycle()
    assert world.decisions(3)[0].segment == "Banks"


def test_a_row_that_is_linked_to_another_row_is_decided_again(world: World) -> None:
    bank, shop = (f"00000000-0000-0000-0003-{number:012d}" for number in (1, 2))
    world.dataverse.put_row("account", bank, industrycode=6)
    world.dataverse.put_row("account", shop, industrycode=1)
    world.put_lead(3, _parentaccountid_value=shop)
    world.cycle()
    world.put_lead(3, _parentaccountid_value=bank)
    world.cycle()
    assert [decision.segment for decision in world.decisions(3)] == ["Banks"]
    assert world.owner(3) == "Miriam"


def test_an_owner_set_by_hand_is_noted_and_left_alone(world: World) -> None:
    world.cycle()
    world.put_lead(3, address1_country="UK")
    world.cycle()
    susana = EntityReference(table="systemuser", id=seller_id(2))
    world.dataverse.set_owner("lead", lead_id(3), susana)
    record = world.cycle()
    assert record.counts["manual"] == 1
    assert world.decisions(3)[-1].routing_status == 9
    world.put_lead(3, revenue=5000)
    assert world.cycle().counts["held"] == 1
    assert world.owner(3) == "Susana"


def test_an_assignment_by_hand_takes_the_sellers_turn(world: World) -> None:
    world.cycle()
    world.clock.advance(timedelta(minutes=5))
    miriam = EntityReference(table="systemuser", id=seller_id(0))
    world.dataverse.set_owner("lead", lead_id(2), miriam)
    world.cycle()
    for number in (3, 4):
        world.put_lead(number, address1_country="UK")
    world.cycle()
    assert [world.owner(3), world.owner(4)] == ["Sanjay", "Susana"]


def test_a_deleted_row_leaves_the_ledger(world: World) -> None:
    world.cycle()
    world.dataverse.delete_row("lead", lead_id(1))
    record = world.cycle()
    assert record.counts["deleted"] == 1
    assert world.ledger_row(1) is None


def test_a_row_deleted_and_made_again_under_its_id_is_a_new_row(world: World) -> None:
    world.cycle()
    world.put_lead(2, address1_country="UK")
    world.cycle()
    world.clock.advance(timedelta(minutes=1))
    world.dataverse.delete_row("lead", lead_id(2))
    world.put_lead(2, address1_country="UK")
    world.cycle()
    assert world.owner(2) is not None
    assert [decision.outcome for decision in world.decisions(2)] == ["applied", "applied"]


def test_a_conflict_waits_in_the_backlog_and_is_decided_again(world: World) -> None:
    world.cycle()
    world.put_lead(3, address1_country="UK")

    def edit(_write: RowWrite) -> None:
        world.put_lead(3, subject="edited meanwhile")

    world.dataverse.before_write = edit
    record = world.cycle()
    assert record.counts["conflict"] >= 1
    assert world.owner(3) is None
    world.dataverse.before_write = lambda write: None
    world.cycle()
    assert world.owner(3) == "Miriam"
    assert world.read(lambda session: session.list_backlog()) == []


def test_a_choice_made_between_reading_and_writing_wins(world: World) -> None:
    world.cycle()
    world.put_lead(3, address1_country="UK")
    susana = EntityReference(table="systemuser", id=seller_id(2))
    edits = iter([lambda: world.dataverse.set_owner("lead", lead_id(3), susana)])
    world.dataverse.before_write = lambda write: next(edits, lambda: None)()
    world.cycle()
    world.cycle()
    assert world.owner(3) == "Susana"
    assert world.decisions(3)[-1].routing_status == 9


def test_a_refused_row_does_not_stop_the_rows_behind_it(world: World) -> None:
    world.cycle()
    for number in (3, 4):
        world.put_lead(number, address1_country="UK")
    world.dataverse.refused.add(lead_id(3))
    world.cycle()
    assert (world.owner(3), world.owner(4)) == (None, "Sanjay")
    [entry] = world.read(lambda session: session.list_backlog())
    assert (entry.row_id, entry.code) == (lead_id(3), "refused")
    assert entry.next_try_at is not None


def test_a_seller_whose_row_was_refused_keeps_the_turn(world: World) -> None:
    world.cycle()
    world.put_lead(3, address1_country="UK")
    world.dataverse.refused.add(lead_id(3))
    world.cycle()
    world.put_lead(4, address1_country="UK")
    world.cycle()
    assert world.owner(4) == "Miriam"


def test_rows_without_a_seller_wait_until_capacity_frees(tmp_path: Path) -> None:
    rules = {**RULES, "rules": [{**RULES["rules"][0], "respect_capacity": True}]}
    world = World(folder=tmp_path, rules=rules)
    world.dataverse.directory = build_people(("Miriam",), max_capacity=1)
    world.cycle()
    for number in (1, 2):
        world.put_lead(number, address1_country="UK")
    world.cycle()
    assert (world.owner(1), world.owner(2)) == ("Miriam", None)
    [entry] = world.read(lambda session: session.list_backlog())
    assert entry.code == "no_capacity"
    world.put_lead(1, statecode=1)
    assert world.cycle().counts["woken"] == 1
    assert world.owner(2) == "Miriam"
    assert world.read(lambda session: session.list_backlog()) == []


def test_a_row_that_cannot_be_read_is_quarantined_and_released(world: World) -> None:
    world.cycle()
    world.put_lead(3, address1_country="UK", createdon="not a time")
    record = world.cycle()
    assert record.counts["rejected"] == 1
    assert len(world.read(lambda session: session.list_rejected(10))) == 1
    world.put_lead(3, createdon="2026-11-23T09:00:00Z")
    world.cycle()
    assert world.read(lambda session: session.list_rejected(10)) == []
    assert world.owner(3) == "Miriam"


@pytest.mark.parametrize("killed_at", range(5))
@pytest.mark.parametrize("moment", ["before_write", "after_write"])
def test_a_kill_between_two_writes_decides_no_row_twice(
    world: World, killed_at: int, moment: str
) -> None:
    world.cycle()
    for number in range(3, 8):
        world.put_lead(number, address1_country="UK")

    def die(write: object) -> None:
        if len(world.dataverse.writes) - (moment == "after_write") == killed_at:
            raise Crash

    setattr(world.dataverse, moment, die)
    with pytest.raises(Crash):
        world.cycle()
    setattr(world.dataverse, moment, lambda write: None)
    world.restart()
    world.cycle()
    owners = [world.owner(n) for n in range(3, 8)]
    assert owners == ["Miriam", "Sanjay", "Susana", "Miriam", "Sanjay"]
    assert [len(world.decisions(n)) for n in range(3, 8)] == [1] * 5
    assert len(world.dataverse.writes) == 5
    assert world.cycle().counts.get("decided", 0) == 0


def test_the_watermark_moves_with_the_last_outcome_of_a_page(world: World) -> None:
    world.cycle()
    before = world.read(lambda session: session.load_watermark("lead"))
    world.put_lead(3, address1_country="UK")
    world.cycle()
    after = world.read(lambda session: session.load_watermark("lead"))
    assert before is not None
    assert after is not None
    assert after.link != before.link
    assert after.rows_seen == before.rows_seen + 1


def test_a_stop_between_two_writes_goes_on_where_it_was(world: World) -> None:
    world.options = CycleOptions(write_chunk=1)
    world.cycle()
    for number in range(3, 6):
        world.put_lead(number, address1_country="UK")
    world.is_stopping = lambda: len(world.dataverse.writes) >= 1
    assert world.cycle().outcome is CycleOutcome.STOPPED
    world.is_stopping = lambda: False
    world.cycle()
    assert [world.owner(n) for n in range(3, 6)] == ["Miriam", "Sanjay", "Susana"]
    assert [len(world.decisions(n)) for n in range(3, 6)] == [1] * 3
    assert len(world.dataverse.writes) == 3


@pytest.mark.parametrize("splits_owner", [False, True])
@pytest.mark.parametrize("written", [1, 2, 3, 4])
def test_a_stop_within_a_chunk_starts_no_further_row(
    world: World, written: int, splits_owner: bool
) -> None:
    world.options = CycleOptions(splits_owner=splits_owner)
    world.cycle()
    for number in range(3, 8):
        world.put_lead(number, address1_country="UK")
    world.is_stopping = lambda: len(world.dataverse.writes) >= written
    world.dataverse.is_stopping = world.is_stopping
    assert world.cycle().outcome is CycleOutcome.STOPPED
    assert len(world.dataverse.writes) == written
    if not splits_owner:
        assert [len(world.decisions(n)) for n in range(3, 8)] == [1] * written + [0] * (5 - written)
    assert len(world.read(lambda session: session.list_open_plans("lead"))) == 1

    world.is_stopping = world.dataverse.is_stopping = lambda: False
    world.restart()
    world.dataverse.set_owner(
        "lead", lead_id(7), EntityReference(table="systemuser", id=seller_id(0))
    )
    world.cycle()
    owners = [world.owner(n) for n in range(3, 8)]
    assert owners == ["Miriam", "Sanjay", "Susana", "Miriam", "Miriam"]
    given = [write.id for write in world.dataverse.writes if "ownerid" in write.binds]
    assert sorted(given) == [lead_id(n) for n in range(3, 7)]
    assert world.cycle().counts.get("decided", 0) == 0


def test_an_expired_link_reads_the_table_again_and_misses_nothing(world: World) -> None:
    world.cycle()
    world.put_lead(2, address1_country="UK")
    world.put_lead(3, address1_country="UK")
    world.dataverse.delete_row("lead", lead_id(1))
    world.dataverse.expire_links()
    record = world.cycle()
    assert record.counts["resyncs"] == 1
    assert {world.owner(2), world.owner(3)} == {"Miriam", "Sanjay"}
    assert world.ledger_row(1) is None
    assert world.cycle().counts.get("decided", 0) == 0


def test_a_table_that_seems_to_vanish_is_not_forgotten(tmp_path: Path) -> None:
    world = World(folder=tmp_path)
    for number in range(50):
        world.put_lead(number)
    world.cycle()
    for number in range(40):
        world.dataverse.delete_row("lead", lead_id(number))
    world.dataverse.expire_links()
    with pytest.raises(UnsafePlan, match="40 of 50"):
        world.cycle()
    assert world.ledger_row(0) is not None
    world.options = CycleOptions(is_forced=True)
    world.cycle()
    assert world.ledger_row(0) is None


def test_a_plan_that_moves_too_much_is_refused_with_its_numbers(tmp_path: Path) -> None:
    limits = SafetyLimits(max_owner_change_share=0.5, min_rows=4)
    world = World(folder=tmp_path, options=CycleOptions(limits=limits))
    for number in range(4):
        world.put_lead(number, _ownerid_value=seller_id((number + 1) % 3))
    world.cycle()
    for number in range(3):
        world.put_lead(number, address1_country="UK")
    with pytest.raises(UnsafePlan, match="of 4 owned rows"):
        world.cycle()
    assert world.dataverse.writes == []
    world.options = CycleOptions(limits=limits, is_forced=True)
    world.cycle()
    assert world.decisions(0) != []


def test_what_a_cycle_takes_from_owners_adds_up_over_its_pages(tmp_path: Path) -> None:
    limits = SafetyLimits(max_owner_change_share=0.5, min_rows=4)
    world = World(folder=tmp_path, options=CycleOptions(limits=limits))
    world.dataverse.page_size = 2
    for number in range(6):
        world.put_lead(number, _ownerid_value=seller_id((number + 1) % 3))
    world.cycle()
    for number in range(6):
        world.put_lead(number, address1_country="UK")
    with pytest.raises(UnsafePlan, match="4 of 6 owned rows"):
        world.cycle()
    assert len(world.dataverse.writes) == 2


def test_pages_are_the_unit_of_progress(tmp_path: Path) -> None:
    world = World(folder=tmp_path)
    world.dataverse.page_size = 2
    for number in range(5):
        world.put_lead(number)
    assert world.cycle().counts["pages"] == 3
    for number in range(5):
        world.put_lead(number, address1_country="UK")

    def die(write: object) -> None:
        if len(world.dataverse.writes) == 3:
            raise Crash

    world.dataverse.before_write = die
    with pytest.raises(Crash):
        world.cycle()
    world.dataverse.before_write = lambda write: None
    world.restart()
    world.cycle()
    assert [len(world.decisions(n)) for n in range(5)] == [1] * 5
    assert len(world.dataverse.writes) == 5


def test_another_watched_column_finds_no_false_changes(world: World) -> None:
    world.cycle()
    more = {
        "name": "Named",
        "table": "lead",
        "priority": 9,
        "when": {"column": "subject", "operator": "eq", "value": "x"},
    }
    world.rules = {**RULES, "segments": [*RULES["segments"], more]}
    world.put_lead(2, address1_country="UK")
    record = world.cycle()
    assert record.counts["updated"] == 1
    assert world.decisions(1) == []
    assert world.owner(2) == "Miriam"


@pytest.mark.parametrize(("rows", "largest"), [(5, 2), (6, 6)])
def test_a_large_plan_is_handed_to_the_writer_in_large_chunks(
    world: World, rows: int, largest: int
) -> None:
    world.options = CycleOptions(write_chunk=2, few_writes=5, large_write_chunk=10)
    world.cycle()
    for number in range(3, 3 + rows):
        world.put_lead(number, address1_country="UK")
    sizes: list[int] = []
    send = world.dataverse.write_rows

    def note(writes: Sequence[RowWrite]) -> Iterator[WriteResult]:
        sizes.append(len(writes))
        return send(writes)

    world.dataverse.write_rows = note  # type: ignore[method-assign]
    world.cycle()
    assert max(sizes) == largest
