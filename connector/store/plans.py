"""Open plans in SQL, each as one document; what a plan document looks like is in `state`."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import delete, insert, select, update

from connector.state.decision_document import build_decision_document, parse_decision_document
from connector.state.plan_document import build_plan_document, parse_plan_document
from connector.state.records import OpenPlan, PlanOrigin
from connector.store.statements import Statements
from connector.store.tables import plans
from engine.sellers import SellerClock


class PlanSession(Statements):
    """Open plans within one transaction."""

    def save_open_plan(self, open_plan: OpenPlan) -> None:
        """Save an open plan."""
        self._connection.execute(
            insert(plans).values(
                id=open_plan.id,
                table=open_plan.table,
                cycle_id=open_plan.cycle_id,
                origin=open_plan.origin.value,
                checksum=open_plan.plan.checksum,
                created_at=open_plan.created_at,
                document=_build_document(open_plan),
            )
        )

    def list_open_plans(self, table: str) -> Sequence[OpenPlan]:
        """The open plans of a table, oldest first."""
        query = (
            select(plans)
            .where(plans.c.table == table, plans.c.closed_at.is_(None))
            .order_by(plans.c.created_at, plans.c.id)
        )
        return [_read_open_plan(row) for row in self._load(query)]

    def close_open_plan(self, plan_id: str, at: datetime) -> None:
        """Note that every outcome of a plan is saved."""
        self._connection.execute(update(plans).where(plans.c.id == plan_id).values(closed_at=at))

    def prune_plans(self, table: str, before: datetime) -> int:
        """Forget plans of a table that were closed earlier; how many."""
        older = plans.c.table == table, plans.c.closed_at < before
        return self._connection.execute(delete(plans).where(*older)).rowcount


def _build_document(open_plan: OpenPlan) -> dict[str, object]:
    """Plan, assumed clocks and the decisions behind the rows as plain data."""
    return {
        "plan": build_plan_document(open_plan.plan),
        "clocks": msgspec.to_builtins(open_plan.clocks),
        "clocks_after": msgspec.to_builtins(open_plan.clocks_after),
        "decisions": [build_decision_document(decision) for decision in open_plan.decisions],
        "watched_set": open_plan.watched_set,
        "fingerprints": dict(open_plan.fingerprints),
    }


def _read_open_plan(row: Mapping[str, Any]) -> OpenPlan:
    document: Mapping[str, Any] = row["document"]
    return OpenPlan(
        id=row["id"],
        table=row["table"],
        cycle_id=row["cycle_id"],
        origin=PlanOrigin(row["origin"]),
        created_at=row["created_at"],
        plan=parse_plan_document(document["plan"]),
        clocks=msgspec.convert(document["clocks"], tuple[SellerClock, ...]),
        clocks_after=msgspec.convert(document["clocks_after"], tuple[SellerClock, ...]),
        decisions=tuple(parse_decision_document(decision) for decision in document["decisions"]),
        watched_set=document["watched_set"],
        fingerprints=document["fingerprints"],
    )
