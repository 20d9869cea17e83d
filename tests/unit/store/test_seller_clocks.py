"""When each seller was given work last, and that one decides at a time."""

import threading
from dataclasses import replace
from datetime import timedelta

from connector.store.opening import SqlStore
from engine.sellers import SellerClock
from tests.support.state_values import MIRIAM, NOW, SANJAY


def test_a_clock_comes_back_as_it_was(store: SqlStore) -> None:
    clock = SellerClock(
        seller_id=MIRIAM.id,
        last_assigned_at=NOW,
        order=7,
        by_rule={"r": NOW, "s": NOW - timedelta(days=1)},
        turns=1,
        joined_at=NOW,
        head_start=2,
    )
    never = SellerClock(seller_id=SANJAY.id)
    with store.begin() as session:
        session.save_clocks([clock, never])
    with store.begin() as session:
        assert session.load_clocks() == {MIRIAM.id: clock, SANJAY.id: never}
        session.save_clocks(replace(found, order=8) for found in (clock,))
        assert session.load_clocks()[MIRIAM.id].order == 8


def test_who_decides_keeps_others_waiting_until_the_transaction_ends(store: SqlStore) -> None:
    seen: list[int] = []

    def decide() -> None:
        with store.begin() as session:
            session.lock_clocks()
            seen.append(session.load_clocks()[MIRIAM.id].order)

    with store.begin() as session:
        session.save_clocks([SellerClock(seller_id=MIRIAM.id)])
    other = threading.Thread(target=decide)
    with store.begin() as session:
        session.lock_clocks()
        other.start()
        other.join(timeout=0.2)
        assert other.is_alive()
        session.save_clocks([SellerClock(seller_id=MIRIAM.id, order=1)])
    other.join()
    assert seen == [1]
