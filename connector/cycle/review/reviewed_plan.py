"""A plan with the decisions behind it, as `plan --out` saves it and `apply` reads it."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import cast

from connector.cycle.review.preview import Preview
from connector.state.decision_document import build_decision_document, parse_decision_document
from connector.state.plan_document import build_plan_document, parse_plan_document
from connector.state.records import DecisionRecord
from engine.errors import ConfigProblem
from engine.plans.plan import Plan, build_plan


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewedPlan:
    """A plan over any number of tables, with its decisions in the order they were taken."""

    plan: Plan
    decisions: Sequence[DecisionRecord]

    @property
    def tables(self) -> tuple[str, ...]:
        """The tables it writes to."""
        return tuple(dict.fromkeys(row.table for row in self.plan.rows))

    def keep_rows(self, ids: Collection[str]) -> "ReviewedPlan":
        """The part of the plan that writes some rows."""
        return ReviewedPlan(
            plan=build_plan(
                self.plan.rule_set_checksum, (row for row in self.plan.rows if row.id in ids)
            ),
            decisions=[decision for decision in self.decisions if decision.row_id in ids],
        )


def merge_previews(previews: Sequence[Preview], rule_set_checksum: str) -> ReviewedPlan:
    """Previews of several tables as one plan."""
    rows = [row for preview in previews for row in preview.plan.rows]
    skips = [skip for preview in previews for skip in preview.plan.skips]
    return ReviewedPlan(
        plan=build_plan(rule_set_checksum, [*rows, *skips]),
        decisions=[decision for preview in previews for decision in preview.decided.decisions],
    )


def build_document(reviewed: ReviewedPlan) -> dict[str, object]:
    """The plan as plain data; its traces are what `explain` knows once it is written."""
    return {
        **build_plan_document(reviewed.plan),
        "decisions": [build_decision_document(decision) for decision in reviewed.decisions],
    }


def parse_document(document: object) -> ReviewedPlan:
    """Plain data as a plan; raises ConfigProblem when it is none or was changed since."""
    plan = parse_plan_document(document)
    try:
        raw = cast("Mapping[str, Sequence[object]]", document)["decisions"]
        decisions = [parse_decision_document(data) for data in raw]
    except (KeyError, TypeError, ValueError) as error:
        raise ConfigProblem("the plan's decisions cannot be read; make a new plan") from error
    known = {(decision.table, decision.row_id) for decision in decisions}
    if {(row.table, row.id) for row in plan.rows} - known:
        raise ConfigProblem("the plan lacks decisions for some of its rows; make a new plan")
    return ReviewedPlan(plan=plan, decisions=decisions)
