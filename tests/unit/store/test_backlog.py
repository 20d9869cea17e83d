"""Rows that wait."""

from datetime import timedelta

from connector.store.opening import SqlStore
from tests.support.state_values import NOW, waiting


def test_the_backlog_gives_what_is_due_longest_waiting_first(store: SqlStore) -> None:
    late = waiting("a", since=NOW + timedelta(seconds=2), next_try_at=NOW)
    early = waiting("b", since=NOW + timedelta(seconds=1), next_try_at=NOW + timedelta(hours=1))
    never = waiting("c")
    with store.begin() as session:
        session.save_backlog([late, early, never])
        assert session.list_backlog() == [never, early, late]
        assert session.list_backlog(limit=1) == [never]
        assert session.list_backlog(table="account") == []
        assert session.list_backlog(table="lead", due_at=NOW) == [late]
        session.remove_backlog("account", ["b"])
        session.remove_backlog("lead", ["a", "unknown"])
        assert session.load_backlog("lead", ["a", "b"]) == {"b": early}


def test_unassigned_rows_come_by_segment_and_age(store: SqlStore) -> None:
    young = waiting("1", segment="UK", created_on=NOW - timedelta(days=1))
    old = waiting("2", segment="UK", created_on=NOW - timedelta(days=2))
    others = [
        waiting("3", segment="FR"),
        waiting("4", segment="UK", code="failed"),
        waiting("5", segment="UK", table="account"),
    ]
    with store.begin() as session:
        session.save_backlog([young, old, *others])
        codes = ["no_capacity", "no_availability"]
        assert session.list_unassigned("lead", "UK", codes=codes, limit=9) == [old, young]
        assert session.list_unassigned("lead", "UK", codes=codes, limit=1) == [old]


def test_rows_with_a_code_become_due_unless_they_are_before(store: SqlStore) -> None:
    soon, later = NOW + timedelta(hours=1), NOW + timedelta(hours=2)
    with store.begin() as session:
        session.save_backlog(
            [
                waiting("never"),
                waiting("late", next_try_at=later),
                waiting("due", next_try_at=NOW),
                waiting("failed", code="failed", next_try_at=later),
                waiting("other", table="account"),
            ]
        )
        assert session.wake_backlog("lead", ["no_capacity", "no_availability"], soon) == 2
        due = {entry.row_id: entry.next_try_at for entry in session.list_backlog()}
    assert due == {"never": soon, "late": soon, "due": NOW, "failed": later, "other": None}
