"""Plans that are being written."""

from dataclasses import replace
from datetime import timedelta

from connector.state.records import (
    DecisionKind,
    OpenPlan,
    Outcome,
    PlanOrigin,
    Previous,
)
from connector.store.opening import SqlStore
from engine.plans.changes import OwnerChange, PlannedRow, SegmentChange, Skip
from engine.plans.plan import build_plan
from engine.sellers import SellerClock
from tests.support.state_values import MIRIAM, NOW, decision


def test_an_open_plan_comes_back_until_it_is_closed(store: SqlStore) -> None:
    planned = PlannedRow(
        table="lead",
        id="1",
        etag='W/"1"',
        changes=(
            OwnerChange(before=None, after=MIRIAM),
            SegmentChange(before=None, after="s"),
        ),
    )
    plan = build_plan("rules", [planned, Skip(table="lead", id="2", reason="why")])
    made = decision("1", outcome=Outcome.INTENDED, plan_checksum=plan.checksum)
    taken = replace(made, kind=DecisionKind.TAKEN_BACK, previous=Previous(owner=MIRIAM))
    undone = replace(made, kind=DecisionKind.UNDONE, previous=Previous(was_decided=False))
    open_plan = OpenPlan(
        id="i1",
        table="lead",
        cycle_id="c1",
        origin=PlanOrigin.CYCLE,
        created_at=NOW,
        plan=plan,
        clocks=(SellerClock(seller_id=MIRIAM.id),),
        clocks_after=(SellerClock(seller_id=MIRIAM.id, last_assigned_at=NOW, order=1),),
        decisions=(made, taken, undone),
    )
    with store.begin() as session:
        session.save_open_plan(open_plan)
    with store.begin() as session:
        assert session.list_open_plans("lead") == [open_plan]
        session.close_open_plan("i1", NOW)
        assert session.list_open_plans("lead") == []


def test_open_plans_of_a_table_come_oldest_first_and_are_not_forgotten(store: SqlStore) -> None:
    def plan(number: int, table: str = "lead") -> OpenPlan:
        return OpenPlan(
            id=f"i{number}",
            table=table,
            cycle_id="c1",
            origin=PlanOrigin.UNDO,
            created_at=NOW - timedelta(hours=number),
            plan=build_plan("rules", []),
        )

    old, young, other, closed = plan(2), plan(1), plan(3, "account"), plan(4)
    with store.begin() as session:
        for one in (young, old, other, closed):
            session.save_open_plan(one)
        session.close_open_plan(closed.id, NOW)
        assert session.list_open_plans("lead") == [old, young]
        assert session.prune_plans("lead", NOW) == 0
        assert session.prune_plans("lead", NOW + timedelta(seconds=1)) == 1
        assert session.list_open_plans("lead") == [old, young]
        assert session.list_open_plans("account") == [other]
