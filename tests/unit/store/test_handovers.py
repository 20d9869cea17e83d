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
