"""Open plans as documents of the store; what a plan document looks like is in `plan_document`."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import RowMapping

from connector.state.decision_document import build_decision_document, parse_decision_document
from connector.state.plan_document import build_plan_document, parse_plan_document
from connector.state.records import OpenPlan, PlanOrigin, SellerClock
from engine.instants import print_instant


def build_open_plan_document(open_plan: OpenPlan) -> dict[str, object]:
    """Plan, assumed clocks and the decisions behind the rows as plain data."""
    return {
        "plan": build_plan_document(open_plan.plan),
        "clocks": [_clock_data(clock) for clock in open_plan.clocks],
        "clocks_after": [_clock_data(clock) for clock in open_plan.clocks_after],
        "decisions": [build_decision_document(decision) for decision in open_plan.decisions],
        "watched_set": open_plan.watched_set,
        "fingerprints": dict(open_plan.fingerprints),
    }


def parse_open_plan(row: RowMapping) -> OpenPlan:
    """A row of `plans` as the open plan it was saved from."""
    document: Mapping[str, Any] = row["document"]
    return OpenPlan(
        id=row["id"],
        table=row["table_name"],
        cycle_id=row["cycle_id"],
        origin=PlanOrigin(row["origin"]),
        created_at=row["created_at"],
        plan=parse_plan_document(document["plan"]),
        clocks=tuple(_parse_clock(clock) for clock in document["clocks"]),
        clocks_after=tuple(_parse_clock(clock) for clock in document["clocks_after"]),
        decisions=tuple(parse_decision_document(decision) for decision in document["decisions"]),
        watched_set=document["watched_set"],
        fingerprints=document["fingerprints"],
    )


def _clock_data(clock: SellerClock) -> dict[str, object]:
    return {
        "seller_id": clock.seller_id,
        "last_assigned_at": _instant_data(clock.last_assigned_at),
        "order": clock.order,
        "by_rule": {rule: print_instant(at) for rule, at in clock.by_rule.items()},
        "turns": clock.turns,
        "joined_at": _instant_data(clock.joined_at),
        "head_start": clock.head_start,
    }


def _parse_clock(data: Mapping[str, Any]) -> SellerClock:
    by_rule: Mapping[str, str] = data["by_rule"]
    return SellerClock(
        seller_id=data["seller_id"],
        last_assigned_at=_parse_instant(data["last_assigned_at"]),
        order=data["order"],
        by_rule={rule: datetime.fromisoformat(at) for rule, at in by_rule.items()},
        turns=data["turns"],
        joined_at=_parse_instant(data["joined_at"]),
        head_start=data["head_start"],
    )


def _instant_data(at: datetime | None) -> str | None:
    return None if at is None else print_instant(at)


def _parse_instant(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
