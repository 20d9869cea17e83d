"""Records of cycles."""

from dataclasses import replace
from datetime import timedelta

from connector.state.records import CycleOutcome
from connector.store.opening import SqlStore
from tests.support.state_values import NOW, cycle_record


def test_a_record_is_replaced_when_its_cycle_ends(store: SqlStore) -> None:
    running = cycle_record(1, outcome=CycleOutcome.RUNNING, counts={})
    ended = replace(
        running,
        outcome=CycleOutcome.FAILED,
        finished_at=NOW,
        counts={"decided": 2},
        message="the rows could not be read",
    )
    with store.begin() as session:
        session.save_cycle(running)
        assert session.list_cycles(9) == [running]
        session.save_cycle(ended)
        assert session.list_cycles(9) == [ended]


def test_idle_cycles_are_told_apart_and_forgotten_first(store: SqlStore) -> None:
    idle, busy = cycle_record(1), cycle_record(2, counts={"decided": 1})
    failed, other = cycle_record(3, outcome=CycleOutcome.FAILED), cycle_record(4, table="account")
    with store.begin() as session:
        for cycle in (idle, busy, failed, other):
            session.save_cycle(cycle)
        assert session.list_cycles(9) == [other, failed, busy, idle]
        assert session.list_cycles(9, with_idle=False) == [failed, busy]
        assert session.list_cycles(2) == [other, failed]
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


def test_old_cycles_of_the_table_are_forgotten_idle_or_not(store: SqlStore) -> None:
    idle, busy, young = cycle_record(1), cycle_record(2, counts={"decided": 1}), cycle_record(9)
    other = cycle_record(3, table="account")
    with store.begin() as session:
        for cycle in (idle, busy, young, other):
            session.save_cycle(cycle)
        assert session.prune_cycles("lead", NOW + timedelta(minutes=9)) == 2
        assert session.list_cycles(9) == [young, other]
