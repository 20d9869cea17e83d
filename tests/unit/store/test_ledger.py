"""Remembered rows come back as they were, and those of each owner stay counted."""

from dataclasses import replace
from datetime import timedelta

import pytest

from connector.state.records import LedgerRow
from connector.store.maintenance import check_store
from connector.store.opening import SqlStore
from engine.statuses import RoutingStatus
from tests.support.state_values import MIRIAM, NOW, SANJAY, ledger_row, waiting


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
    with store.begin() as session:
        session.save_rows([row])
        session.save_backlog([waiting(row.id)])
        session.save_rows([ledger_row(1, table="account")])
        assert session.delete_rows("lead", [row.id, "unknown"]) == 1
        assert session.list_backlog() == []
        assert session.count_rows("account") == 1


def test_rows_that_a_full_read_did_not_show_are_found(store: SqlStore) -> None:
    with store.begin() as session:
        session.save_rows([ledger_row(number, generation=1) for number in (1, 2, 3)])
        session.save_rows([ledger_row(1, table="account", generation=1)])
        session.mark_rows("lead", [ledger_row(1).id], 2)
        assert sorted(session.find_unmarked("lead", 2, 10)) == [ledger_row(2).id, ledger_row(3).id]
        assert len(session.find_unmarked("lead", 2, 1)) == 1
        assert session.find_unmarked("account", 2, 10) == [ledger_row(1).id]
        assert session.count_rows("lead", before_generation=2) == 2


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


def test_a_watched_set_is_known_by_its_name(store: SqlStore) -> None:
    with store.begin() as session:
        session.save_watched_set("w", ("a", "b"))
    with store.begin() as session:
        assert session.load_watched_set("w") == ("a", "b")
        assert session.load_watched_set("x") is None


def test_only_rows_of_earlier_full_reads_are_counted_as_such(store: SqlStore) -> None:
    with store.begin() as session:
        session.save_rows([ledger_row(number, generation=number) for number in (1, 2, 3)])
        assert session.count_rows("lead") == 3
        assert session.count_rows("lead", before_generation=3) == 2
        assert session.count_rows("account", before_generation=3) == 0


def test_a_row_nobody_owns_comes_back_without_an_owner(store: SqlStore) -> None:
    row = ledger_row(1, owner=None, created_on=None)
    with store.begin() as session:
        session.save_rows([row])
        assert session.load_rows("lead", [row.id]) == {row.id: row}
        assert session.count_open() == {}


def test_a_backfill_takes_rows_whose_segment_had_no_rules_then_and_has_now(
    store: SqlStore,
) -> None:
    def decided(number: int, segment: str, status: RoutingStatus) -> LedgerRow:
        return ledger_row(number, segment=segment, routing_status=int(status), decided_at=NOW)

    left_alone = decided(1, "UK", RoutingStatus.NO_ASSIGNMENT_RULE)
    others = [
        decided(2, "FR", RoutingStatus.NO_ASSIGNMENT_RULE),
        decided(3, "UK", RoutingStatus.OWNER_ASSIGNED),
        replace(left_alone, id=ledger_row(4).id, is_open=False),
        replace(left_alone, table="account"),
    ]
    with store.begin() as session:
        session.save_rows([left_alone, *others])
        assert session.list_undecided("lead", None, 9, with_rules=("UK",)) == [left_alone]
        assert session.list_undecided("lead", None, 9) == []


def test_a_row_that_is_closed_or_changes_hands_no_longer_counts(store: SqlStore) -> None:
    with store.begin() as session:
        session.save_rows([ledger_row(1), ledger_row(2, rule="r"), ledger_row(3, table="account")])
        session.save_rows([ledger_row(1, is_open=False), ledger_row(2, rule="s")])
        expected = {("lead", MIRIAM.id, "s"): 1, ("account", MIRIAM.id, ""): 1}
        assert session.count_open() == session.recount_open() == expected
