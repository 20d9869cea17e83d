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


def test_rejected_rows_of_all_tables_come_latest_first(store: SqlStore) -> None:
    def row(number: int, table: str = "lead") -> QuarantinedRow:
        at = NOW + timedelta(hours=number)
        return QuarantinedRow(
            table=table,
            row_id="same" if number < 3 else "other",
            reasons=("no key", "no date"),
            first_seen_at=at,
            last_seen_at=at,
        )

    first, second, third = row(1), row(2, "account"), row(3)
    with store.begin() as session:
        session.save_rejected([second, first, third])
        assert session.list_rejected(9) == [third, second, first]
        assert session.list_rejected(1) == [third]
        session.release_rejected("lead", ["same", "unknown"])
        assert session.list_rejected(9) == [third, second]
