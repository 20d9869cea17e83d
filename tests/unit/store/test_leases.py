"""Who may work on a store, and what becomes of one who was away for too long."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from connector.errors import LeaseHeld
from connector.service.leases import Hold, StoreLeases, UnsharedLeases, hold_file_lease, kept_alive
from connector.state.records import BacklogEntry, LeaseRecord
from connector.store.opening import SqlStore
from tests.support.fake_dataverse import START, FakeClock

LIFE = timedelta(minutes=1)


def build_leases(store: SqlStore, clock: FakeClock, *names: str) -> list[StoreLeases]:
    return [StoreLeases(store, clock, holder=name, life=LIFE) for name in names]


@contextmanager
def stalled(leases: StoreLeases, clock: FakeClock) -> Iterator[Hold]:
    """A hold on the lead table whose holder slept for longer than its life."""
    with leases.hold("lead") as hold:
        clock.advance(LIFE + timedelta(seconds=1))
        yield hold


def entry() -> BacklogEntry:
    return BacklogEntry(
        table="lead", row_id="1", reason="r", code="c", since=START, next_try_at=None
    )


def test_a_second_holder_of_a_file_is_refused_until_the_first_lets_go(tmp_path: Path) -> None:
    file = tmp_path / "store.db"
    with (
        hold_file_lease(file),
        pytest.raises(LeaseHeld, match="another leadrobin"),
        hold_file_lease(file),
    ):
        pass
    with hold_file_lease(file):
        pass


def test_an_unshared_store_needs_no_lease(store: SqlStore) -> None:
    leases = UnsharedLeases(store)
    leases.join(3)
    with leases.hold("lead") as hold, leases.hold("lead"):
        hold.keep()
        assert hold.store is store


def test_a_table_is_held_by_one_and_given_back_afterwards(store: SqlStore) -> None:
    first, second = build_leases(store, FakeClock(), "a", "b")
    with first.hold("lead"):
        with pytest.raises(LeaseHeld, match="a works on table lead"), second.hold("lead"):
            pass
        with second.hold("opportunity"):
            pass
    with second.hold("lead"):
        pass


def test_a_sign_of_life_keeps_a_lease(store: SqlStore) -> None:
    clock = FakeClock()
    first, second = build_leases(store, clock, "a", "b")
    with first.hold("lead") as hold:
        clock.advance(LIFE - timedelta(seconds=1))
        first.beat()
        clock.advance(LIFE - timedelta(seconds=1))
        with pytest.raises(LeaseHeld), second.hold("lead"):
            pass
        hold.keep()


def test_who_lost_the_lease_saves_nothing_any_more(store: SqlStore) -> None:
    clock = FakeClock()
    first, second = build_leases(store, clock, "a", "b")
    with stalled(first, clock) as hold, second.hold("lead") as other:
        with pytest.raises(LeaseHeld, match="lead was lost"), hold.store.begin() as session:
            session.save_backlog([entry()])
        with pytest.raises(LeaseHeld, match="lead was lost"):
            hold.keep()
        with other.store.begin() as session:
            assert session.list_backlog() == []
            session.save_backlog([entry()])
        other.keep()
    with store.begin() as session:
        assert len(session.list_backlog()) == 1


def test_who_was_away_but_not_missed_goes_on(store: SqlStore) -> None:
    clock = FakeClock()
    [leases] = build_leases(store, clock, "a")
    with stalled(leases, clock) as hold, hold.store.begin() as session:
        session.save_backlog([entry()])


def test_a_hold_is_asked_of_the_store_again_once_it_may_be_running_out(store: SqlStore) -> None:
    shared, here = FakeClock(), FakeClock()
    first = StoreLeases(store, shared, holder="a", life=LIFE, here=here)
    [second] = build_leases(store, shared, "b")
    with first.hold("lead") as hold:
        hold.keep()
        shared.advance(LIFE + timedelta(seconds=1))
        with second.hold("lead"):
            hold.keep()
            here.advance(LIFE / 3)
            with pytest.raises(LeaseHeld, match="lead was lost"):
                hold.keep()


def test_a_sign_of_life_that_finds_a_lease_lost_does_not_vouch_for_it(store: SqlStore) -> None:
    shared, here = FakeClock(), FakeClock()
    first = StoreLeases(store, shared, holder="a", life=LIFE, here=here)
    [second] = build_leases(store, shared, "b")
    with first.hold("lead") as hold:
        hold.keep()
        for clock in (shared, here):
            clock.advance(LIFE + timedelta(seconds=1))
        with second.hold("lead"):
            first.beat()
            with pytest.raises(LeaseHeld, match="lead was lost"):
                hold.keep()


def test_a_lease_taken_anew_does_not_vouch_for_the_one_before(store: SqlStore) -> None:
    shared, here = FakeClock(), FakeClock()
    first = StoreLeases(store, shared, holder="a", life=LIFE, here=here)
    [second] = build_leases(store, shared, "b")
    with first.hold("lead") as old:
        for clock in (shared, here):
            clock.advance(LIFE + timedelta(seconds=1))
        with second.hold("lead"):
            first.beat()
        with first.hold("lead") as new:
            new.keep()
            with pytest.raises(LeaseHeld, match="lead was lost"):
                old.keep()


def test_a_clock_that_was_put_back_vouches_for_no_hold(store: SqlStore) -> None:
    shared, here = FakeClock(), FakeClock()
    first = StoreLeases(store, shared, holder="a", life=LIFE, here=here)
    [second] = build_leases(store, shared, "b")
    with first.hold("lead") as hold:
        hold.keep()
        shared.advance(LIFE + timedelta(seconds=1))
        here.advance(timedelta(hours=-1))
        with second.hold("lead"), pytest.raises(LeaseHeld, match="lead was lost"):
            hold.keep()


def test_a_lease_given_back_late_does_not_end_the_next_holders(store: SqlStore) -> None:
    clock = FakeClock()
    first, second = build_leases(store, clock, "a", "b")
    with stalled(first, clock):
        second.join(1)
        with second.hold("lead") as other:
            first.beat()
            first.leave()
            other.keep()


def test_tables_spread_over_the_workers_alive(store: SqlStore) -> None:
    clock = FakeClock()
    first, second = build_leases(store, clock, "a", "b")
    tables = ["lead", "opportunity", "msdyn_salessuggestion"]
    first.join(len(tables))
    assert _held(first, tables) == tables
    second.join(len(tables))
    assert _held(second, tables) == []
    assert _held(first, tables) == tables
    assert _held(second, tables) == ["lead"]
    with pytest.raises(LeaseHeld, match="left to the other workers"), first.hold("lead"):
        pass
    clock.advance(LIFE + timedelta(seconds=1))
    second.beat()
    assert _held(second, tables) == tables


def test_who_leaves_gives_everything_back(store: SqlStore) -> None:
    clock = FakeClock()
    first, second = build_leases(store, clock, "a", "b")
    with kept_alive(first, life=LIFE):
        first.join(1)
        with first.hold("lead"):
            pass
    second.join(1)
    with second.hold("lead"):
        pass


def _held(leases: StoreLeases, tables: list[str]) -> list[str]:
    """The tables a worker gets when it tries all."""
    got: list[str] = []
    for table in tables:
        try:
            with leases.hold(table):
                got.append(table)
        except LeaseHeld:
            continue
    return got


def test_a_lease_comes_back_until_it_is_removed(store: SqlStore) -> None:
    lease = LeaseRecord(name="table lead", holder="me", generation=1, expires_at=START)
    other = LeaseRecord(name="worker me", holder="me", generation=3, expires_at=START)
    with store.begin() as session:
        session.save_lease(lease)
        session.save_lease(other)
    with store.begin() as session:
        assert session.share_lease("table lead") == lease
        assert session.lock_lease("table lead", START + LIFE) == lease
        assert session.list_leases("table ") == [lease]
        session.remove_leases(["table lead", "unknown"])
        session.remove_leases([])
        assert session.share_lease("table lead") is None
        assert session.list_leases("") == [other]


def test_a_lease_that_nobody_had_is_expired(store: SqlStore) -> None:
    nobodys = LeaseRecord(name="table lead", holder="", generation=0, expires_at=START)
    with store.begin() as session:
        assert session.lock_lease("table lead", START) == nobodys
        assert session.lock_lease("table lead", START + LIFE) == nobodys
