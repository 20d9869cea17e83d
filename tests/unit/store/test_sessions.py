"""What the store keeps comes back as it was, on every database."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from connector.state.records import (
    BacklogEntry,
    CycleOutcome,
    CycleRecord,
    DecisionKind,
    DecisionRecord,
    Handover,
    LeaseRecord,
    LedgerRow,
    OpenPlan,
    Outcome,
    PlanOrigin,
    Previous,
    QuarantinedRow,
    ReadMode,
    SellerClock,
    Watermark,
)
from connector.store.maintenance import check_store
from connector.store.opening import SqlStore
from engine.plans.changes import OwnerChange, PlannedRow, SegmentChange, Skip
from engine.plans.plan import build_plan
from engine.records import EntityReference

NOW = datetime(2026, 11, 23, 9, 30, 15, 123456, tzinfo=UTC)
MIRIAM = EntityReference(table="systemuser", id="m" * 36, name="Miriam")
SANJAY = EntityReference(table="systemuser", id="s" * 36, name="Sanjay")


def ledger_row(number: int, **fields: object) -> LedgerRow:
    """A row of the ledger, open and Miriam's unless said otherwise."""
    row = LedgerRow(
        table="lead",
        id=f"{number:036d}",
        etag=f'W/"{number}"',
        owner=MIRIAM,
        is_open=True,
        watched_set="w",
        fingerprint="abc",
        created_on=NOW,
    )
    return replace(row, **fields)  # type: ignore[arg-type]


def test_ledger_rows_come_back_as_they_were(store: SqlStore) -> None:
    row = ledger_row(1, segment="UK", rule="r", is_manual=True, decided_at=NOW, generation=3)
    with store.begin() as session:
        session.save_rows([row])
    with store.begin() as session:
        assert session.load_rows("lead", [row.id, "unknown"]) == {row.id: row}
        assert session.load_rows("opportunity", [row.id]) == {}


def test_more_rows_than_one_statement_takes(store: SqlStore) -> None:
    rows = [ledger_row(number) for number in range(1201)]
    with store.begin() as session:
        session.save_rows(rows)
        assert len(session.load_rows("lead", [row.id for row in rows])) == 1201
        assert session.count_rows("lead") == 1201


def test_open_rows_of_each_owner_stay_counted(store: SqlStore) -> None:
    with store.begin() as session:
        session.save_rows([ledger_row(1), ledger_row(2, rule="r"), ledger_row(3, is_open=False)])
    with store.begin() as session:
        session.save_rows([ledger_row(1, owner=SANJAY), ledger_row(4)])
    with store.begin() as session:
        session.delete_rows("lead", [ledger_row(2).id, "unknown"])
    with store.begin() as session:
        expected = {("lead", MIRIAM.id, ""): 1, ("lead", SANJAY.id, ""): 1}
        assert session.count_open() == session.recount_open() == expected
    assert check_store(store).problems == []


def test_a_row_saved_twice_at_once_counts_once(store: SqlStore) -> None:
    with store.begin() as session:
        session.save_rows([ledger_row(1), ledger_row(1, owner=SANJAY)])
        assert session.count_open() == {("lead", SANJAY.id, ""): 1}


def test_deleting_a_row_takes_what_waits_for_it(store: SqlStore) -> None:
    row = ledger_row(1)
    entry = BacklogEntry(
        table="lead", row_id=row.id, reason="x", code="c", since=NOW, next_try_at=NOW
    )
    with store.begin() as session:
        session.save_rows([row])
        session.save_backlog([entry])
        assert session.delete_rows("lead", [row.id]) == 1
        assert session.list_backlog() == []


def test_rows_that_a_full_read_did_not_show_are_found(store: SqlStore) -> None:
    with store.begin() as session:
        session.save_rows([ledger_row(1, generation=1), ledger_row(2, generation=1)])
        session.mark_rows("lead", [ledger_row(1).id], 2)
        assert session.find_unmarked("lead", 2, 10) == [ledger_row(2).id]
        assert session.count_rows("lead", before_generation=2) == 1


def test_a_backfill_takes_open_undecided_rows_oldest_first(store: SqlStore) -> None:
    rows = [
        ledger_row(1, created_on=NOW),
        ledger_row(2, created_on=NOW - timedelta(days=1)),
        ledger_row(3, decided_at=NOW),
        ledger_row(4, is_open=False),
    ]
    with store.begin() as session:
        session.save_rows(rows)
        found = session.list_undecided("lead", None, 9)
    assert [row.id for row in found] == [rows[1].id, rows[0].id]


@pytest.mark.parametrize("limit", [1, 2, 3])
def test_a_backfill_reads_on_where_a_page_ended(store: SqlStore, limit: int) -> None:
    dates = [None, None, NOW, NOW, NOW + timedelta(days=1)]
    rows = [ledger_row(number, created_on=at) for number, at in enumerate(dates, 1)]
    read: list[str] = []
    last: LedgerRow | None = None
    with store.begin() as session:
        session.save_rows(rows)
        while page := session.list_undecided("lead", last, limit):
            last = page[-1]
            read += [row.id for row in page]
    assert read == [row.id for row in rows]


def test_a_transaction_that_fails_leaves_nothing(store: SqlStore) -> None:
    def save_and_fail() -> None:
        with store.begin() as session:
            session.save_rows([ledger_row(1)])
            raise KeyError("half-way")

    with pytest.raises(KeyError):
        save_and_fail()
    with store.begin() as session:
        assert session.count_rows("lead") == 0
        assert session.count_open() == {}


def test_watermarks_clocks_and_cycles_come_back_as_they_were(store: SqlStore) -> None:
    mark = Watermark(table="lead", mode=ReadMode.CHANGES, link="delta", signpost=NOW, generation=2)
    clock = SellerClock(
        seller_id=MIRIAM.id, last_assigned_at=NOW, order=7, by_rule={"r": NOW}, turns=1
    )
    cycle = CycleRecord(
        id="c1", table="lead", origin=PlanOrigin.CYCLE, started_at=NOW, counts={"decided": 2}
    )
    with store.begin() as session:
        session.save_watermark(mark)
        session.save_clocks([clock])
        session.save_cycle(cycle)
    with store.begin() as session:
        assert session.load_watermark("lead") == mark
        assert session.list_watermarks() == [mark]
        assert session.load_clocks() == {MIRIAM.id: clock}
        assert session.list_cycles(10) == [cycle]


def test_an_open_plan_comes_back_until_it_is_closed(store: SqlStore) -> None:
    planned = PlannedRow(
        table="lead",
        id="1",
        etag='W/"1"',
        changes=(
            OwnerChange(before=None, after=MIRIAM),
            SegmentChange(before=None, after="s"),
        ),
    )
    plan = build_plan("rules", [planned, Skip(table="lead", id="2", reason="why")])
    decision = DecisionRecord(
        table="lead",
        row_id="1",
        cycle_id="c1",
        decided_at=NOW,
        outcome=Outcome.INTENDED,
        plan_checksum=plan.checksum,
        rule_set_checksum="rules",
        trace={"segments": []},
    )
    taken = replace(decision, kind=DecisionKind.TAKEN_BACK, previous=Previous(owner=MIRIAM))
    undone = replace(decision, kind=DecisionKind.UNDONE, previous=Previous(was_decided=False))
    open_plan = OpenPlan(
        id="i1",
        table="lead",
        cycle_id="c1",
        origin=PlanOrigin.CYCLE,
        created_at=NOW,
        plan=plan,
        clocks=(SellerClock(seller_id=MIRIAM.id),),
        clocks_after=(SellerClock(seller_id=MIRIAM.id, last_assigned_at=NOW, order=1),),
        decisions=(decision, taken, undone),
    )
    with store.begin() as session:
        session.save_open_plan(open_plan)
    with store.begin() as session:
        assert session.list_open_plans("lead") == [open_plan]
        session.close_open_plan("i1", NOW)
        assert session.list_open_plans("lead") == []


def test_decisions_are_listed_newest_first(store: SqlStore) -> None:
    first = DecisionRecord(
        table="lead",
        row_id="1",
        cycle_id="c1",
        decided_at=NOW,
        outcome=Outcome.APPLIED,
        plan_checksum="p",
        rule_set_checksum="r",
        after={"owner": None},
        trace={"rules": []},
    )
    second = replace(first, cycle_id="c2", outcome=Outcome.UNCHANGED, trace=None)
    undone = replace(first, kind=DecisionKind.UNDONE, previous=Previous(was_manual=True))
    taken = replace(undone, kind=DecisionKind.TAKEN_BACK, previous=Previous(owner=MIRIAM))
    with store.begin() as session:
        session.add_decisions([first, second])
        session.add_decisions([replace(found, cycle_id="c3") for found in (undone, taken)])
    with store.begin() as session:
        row = EntityReference(table="lead", id="1")
        later = session.list_decisions(cycle_id="c3")
        assert [replace(found, cycle_id="c1") for found in later] == [taken, undone]
        assert session.list_decisions(row=row) == [*later, second, first]
        assert session.list_decisions(cycle_id="c1") == [first]


def test_the_decisions_around_those_of_a_cycle_are_found_without_their_traces(
    store: SqlStore,
) -> None:
    def decision(
        row_id: str, cycle_id: str, outcome: Outcome, table: str = "lead"
    ) -> DecisionRecord:
        return DecisionRecord(
            table=table,
            row_id=row_id,
            cycle_id=cycle_id,
            decided_at=NOW,
            outcome=outcome,
            plan_checksum=f"plan of {cycle_id}",
            rule_set_checksum="r",
            trace={"rules": []},
        )

    earlier = [decision("1", "c1", Outcome.APPLIED), decision("1", "c2", Outcome.FAILED)]
    own = [
        decision("2", "c3", Outcome.APPLIED),
        *(decision("1", "c3", Outcome.APPLIED) for _ in range(2)),
    ]
    others = [
        decision("1", "c4", Outcome.APPLIED, table="account"),
        decision("3", "c4", Outcome.APPLIED),
    ]
    later = [decision("1", f"later {number}", Outcome.UNCHANGED) for number in range(1200)]
    in_vain = [decision("2", "c5", Outcome.REFUSED)]
    with store.begin() as session:
        session.add_decisions([*earlier, *own, *others, *later, *in_vain])
    with store.begin() as session:
        numbered = session.page_cycle("c3", after=0, limit=2)
        numbered = [*numbered, *session.page_cycle("c3", after=numbered[-1][0], limit=2)]
        assert [found for _, found in numbered] == [replace(one, trace=None) for one in own]
        recorded = session.list_recorded("c3", "plan of c3")
        assert sorted(recorded) == ["1", "1", "2"]
        assert session.list_recorded("c3", "another plan") == []
        latest = session.load_latest("lead", ["1", "2", "4"], {Outcome.APPLIED, Outcome.UNCHANGED})
        assert {row_id: found.cycle_id for row_id, found in latest.items()} == {
            "1": "later 1199",
            "2": "c3",
        }
        before = session.load_before(
            [number for number, _ in numbered], {Outcome.APPLIED, Outcome.UNCHANGED}
        )
        assert before == {"1": replace(earlier[0], trace=None)}


def test_the_backlog_gives_what_is_due_longest_waiting_first(store: SqlStore) -> None:
    def entry(row_id: str, since: int, due: timedelta | None) -> BacklogEntry:
        return BacklogEntry(
            table="lead",
            row_id=row_id,
            reason="r",
            code="c",
            since=NOW + timedelta(seconds=since),
            next_try_at=None if due is None else NOW + due,
        )

    late, early, never = (
        entry("a", 2, timedelta(0)),
        entry("b", 1, timedelta(hours=1)),
        entry("c", 0, None),
    )
    with store.begin() as session:
        session.save_backlog([late, early, never])
        assert [found.row_id for found in session.list_backlog()] == ["c", "b", "a"]
        assert session.list_backlog(table="lead", due_at=NOW) == [late]
        session.remove_backlog("lead", ["a", "unknown"])
        assert set(session.load_backlog("lead", ["a", "b"])) == {"b"}


def test_a_rejected_row_counts_each_time_until_it_can_be_read(store: SqlStore) -> None:
    row = QuarantinedRow(
        table="lead", row_id="1", reasons=("no key",), first_seen_at=NOW, last_seen_at=NOW
    )
    later = replace(row, first_seen_at=NOW + timedelta(1), last_seen_at=NOW + timedelta(1))
    with store.begin() as session:
        session.save_rejected([row])
        session.save_rejected([later])
        [found] = session.list_rejected(10)
        assert (found.times, found.first_seen_at) == (2, NOW)
        session.release_rejected("lead", ["1"])
        assert session.list_rejected(10) == []


def test_leases_watched_sets_and_documents_come_back(store: SqlStore) -> None:
    lease = LeaseRecord(name="store", holder="me", generation=1, expires_at=NOW)
    with store.begin() as session:
        session.save_lease(lease)
        session.save_watched_set("w", ("a", "b"))
        session.save_document("governor", "u", document={"rate": 1.5}, at=NOW)
    with store.begin() as session:
        assert session.share_lease("store") == lease
        assert session.list_leases("sto") == [lease]
        session.remove_leases(["store"])
        assert session.share_lease("store") is None
        assert session.load_watched_set("w") == ("a", "b")
        assert session.load_watched_set("x") is None
        assert session.load_document("governor", "u") == {"rate": 1.5}
        assert session.load_document("governor", "v") is None


def cycle_record(number: int, **fields: object) -> CycleRecord:
    record = CycleRecord(
        id=f"{number:036d}",
        table="lead",
        origin=PlanOrigin.CYCLE,
        started_at=NOW + timedelta(minutes=number),
        outcome=CycleOutcome.DONE,
        counts={"pages": 1, "rows_read": 3, "echoes": 3},
    )
    return replace(record, **fields)  # type: ignore[arg-type]


def test_idle_cycles_are_told_apart_and_forgotten_first(store: SqlStore) -> None:
    idle, busy = cycle_record(1), cycle_record(2, counts={"decided": 1})
    failed, other = cycle_record(3, outcome=CycleOutcome.FAILED), cycle_record(4, table="account")
    with store.begin() as session:
        for cycle in (idle, busy, failed, other):
            session.save_cycle(cycle)
        assert session.list_cycles(9) == [other, failed, busy, idle]
        assert session.list_cycles(9, with_idle=False) == [failed, busy]
        assert session.prune_idle("lead", NOW + timedelta(minutes=1)) == 0
        assert session.prune_idle("lead", NOW + timedelta(hours=1)) == 1
        assert session.list_cycles(9) == [other, failed, busy]


def test_only_running_cycles_of_the_table_are_broken_off(store: SqlStore) -> None:
    running, done = cycle_record(1, outcome=CycleOutcome.RUNNING), cycle_record(2)
    other = cycle_record(3, outcome=CycleOutcome.RUNNING, table="account")
    with store.begin() as session:
        for cycle in (running, done, other):
            session.save_cycle(cycle)
        assert session.break_off_cycles("lead", NOW) == 1
        found = {cycle.id: cycle for cycle in session.list_cycles(9)}
    assert (found[done.id], found[other.id]) == (done, other)
    assert found[running.id].outcome is CycleOutcome.BROKEN_OFF
    assert found[running.id].finished_at == NOW


def test_handovers_come_back_when_they_are_due(store: SqlStore) -> None:
    handover = Handover(
        table="lead",
        row_id="1",
        owner_id=MIRIAM.id,
        segment="UK",
        rule="r",
        assigned_at=NOW,
        due_at=NOW + timedelta(hours=4),
        hops=1,
        had_by=(SANJAY.id, MIRIAM.id),
    )
    settled = replace(handover, row_id="2", due_at=None)
    with store.begin() as session:
        session.save_handovers([handover, settled])
        assert session.list_handovers("lead", NOW, 10) == []
        assert session.list_handovers("lead", NOW + timedelta(hours=4), 10) == [handover]
        assert session.load_handovers("lead", ["1", "2", "3"]) == {"1": handover, "2": settled}
        session.remove_handovers("lead", ["1", "3"])
        session.delete_rows("lead", ["2"])
        assert session.load_handovers("lead", ["1", "2"]) == {}


def test_rule_sets_are_found_by_time_and_checksum(store: SqlStore) -> None:
    hours = [NOW + timedelta(hours=number) for number in range(4)]
    with store.begin() as session:
        for at, checksum in zip(hours, ("a", "a", "b", "a"), strict=True):
            session.note_rule_set(checksum, at, lambda at=at: {"at": str(at)})  # type: ignore[misc]
        assert session.find_rule_set(at=NOW - timedelta(seconds=1)) is None
        assert session.find_rule_set(checksum="c") is None
        found = [session.find_rule_set(at=at) for at in hours]
        assert [one.in_force_since for one in found if one] == [NOW, NOW, hours[2], hours[3]]
        assert [one.checksum for one in found if one] == ["a", "a", "b", "a"]
        old = session.find_rule_set(checksum="b")
        assert old is not None
        assert old.document == {"at": str(hours[2])}


def test_unassigned_rows_come_by_segment_and_age(store: SqlStore) -> None:
    def entry(number: int, **fields: object) -> BacklogEntry:
        made = BacklogEntry(
            table="lead",
            row_id=str(number),
            reason="r",
            code="no_capacity",
            since=NOW,
            next_try_at=None,
            segment="UK",
            created_on=NOW - timedelta(days=number),
        )
        return replace(made, **fields)  # type: ignore[arg-type]

    young, old = entry(1), entry(2)
    others = [entry(3, segment="FR"), entry(4, code="failed"), entry(5, table="account")]
    with store.begin() as session:
        session.save_backlog([young, old, *others])
        codes = ["no_capacity", "no_availability"]
        assert session.list_unassigned("lead", "UK", codes=codes, limit=9) == [old, young]
        assert session.list_unassigned("lead", "UK", codes=codes, limit=1) == [old]
