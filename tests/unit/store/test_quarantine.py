"""Rows that could not be normalised."""

from dataclasses import replace
from datetime import timedelta

from connector.state.records import QuarantinedRow
from connector.store.opening import SqlStore
from tests.support.state_values import NOW


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
