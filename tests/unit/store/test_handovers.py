"""Rows that sellers have and may lose again."""

from dataclasses import replace
from datetime import timedelta

from connector.state.records import Handover
from connector.store.opening import SqlStore
from tests.support.state_values import MIRIAM, NOW, SANJAY


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


def test_due_handovers_of_a_table_come_longest_due_first(store: SqlStore) -> None:
    def due(row_id: str, hours: int, table: str = "lead") -> Handover:
        return Handover(
            table=table,
            row_id=row_id,
            owner_id=MIRIAM.id,
            segment=None,
            rule="r",
            assigned_at=NOW,
            due_at=NOW + timedelta(hours=hours),
        )

    late, early, same = due("1", 2), due("2", 1), due("3", 1)
    with store.begin() as session:
        session.save_handovers([late, same, early, due("1", 0, "account")])
        assert session.list_handovers("lead", NOW + timedelta(hours=2), 9) == [early, same, late]
        assert session.list_handovers("lead", NOW + timedelta(hours=2), 2) == [early, same]
        session.remove_handovers("lead", ["1"])
        assert set(session.load_handovers("account", ["1"])) == {"1"}
        assert session.load_handovers("lead", ["1"]) == {}
