"""One process works on a store."""

from datetime import timedelta
from pathlib import Path

import pytest

from connector.lease import StoreLease, hold_file_lease
from connector.store.opening import SqlStore
from engine.errors import LeaseHeld
from tests.support.fake_dataverse import FakeClock


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


def test_a_lease_in_the_store_passes_on_when_it_expires(store: SqlStore) -> None:
    clock = FakeClock()
    first, second = (
        StoreLease(store, clock, holder=name, life=timedelta(minutes=1)) for name in ("a", "b")
    )
    first.acquire()
    with pytest.raises(LeaseHeld, match="a works on this store"):
        second.acquire()
    clock.advance(timedelta(seconds=50))
    first.renew()
    clock.advance(timedelta(seconds=61))
    second.acquire()
    with pytest.raises(LeaseHeld, match="was lost"):
        first.renew()
    first.release()
    second.renew()
    second.release()
    first.acquire()
