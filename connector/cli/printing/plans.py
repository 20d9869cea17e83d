"""Plans for the terminal, as Markdown and as JSON."""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path

from connector.cli.printing.output import count_of, print_table
from connector.cli.printing.talk import talk
from connector.cycle.review.apply import Leftover
from connector.cycle.review.reviewed_plan import ReviewedPlan, build_document
from connector.state.plan_document import build_plan_document
from engine.plans.changes import (
    Change,
    OwnerChange,
    PlannedRow,
    QueueChange,
    SegmentChange,
    SequenceChange,
)
from engine.plans.plan import Plan, count_by
from engine.records import EntityReference

COLUMNS = ("Table", "Row", "Owner before", "Owner after", "Segment", "Rule", "Also")


def print_plan(plan: Plan, *, title: str | None = None) -> None:
    """The plan as a table, with its totals and checksum below."""
    if plan.rows:
        print_table(COLUMNS, [_cells(row) for row in plan.rows], title=title)
    talk(summarise(plan))


def summarise(plan: Plan) -> str:
    """The plan in a few sentences."""
    people = count_by(plan, lambda row: _name(row.owner_change.after) if row.owner_change else None)
    to_whom = ", ".join(f"{name} {count}" for name, count in people.items())
    return (
        f"{count_of(len(plan.rows), 'row')} to write, {plan.owner_changes} with a new owner"
        f"{f' ({to_whom})' if to_whom else ''}; {count_of(len(plan.skips), 'row')} "
        f"{'needs' if len(plan.skips) == 1 else 'need'} nothing. "
        f"Checksum {plan.checksum[:16]}."
    )


def build_markdown(plan: Plan) -> str:
    """The plan as a Markdown document, for reviews."""
    lines = [
        "# Plan",
        "",
        summarise(plan),
        "",
        f"| {' | '.join(COLUMNS)} |",
        f"|{'---|' * len(COLUMNS)}",
        *(f"| {' | '.join(_escape(_cells(row)))} |" for row in plan.rows),
    ]
    return "\n".join(lines) + "\n"


def plan_data(plan: Plan) -> dict[str, object]:
    """The plan as plain data."""
    return build_plan_document(plan)


def print_leftovers(leftovers: Sequence[Leftover]) -> None:
    """Rows of a plan that were not written."""
    if leftovers:
        rows = [(row.row_id, row.reason) for row in leftovers]
        title = "1 row was" if len(rows) == 1 else f"{len(rows)} rows were"
        print_table(("Row", "Left out because"), rows, title=f"{title} left out")


def leftovers_data(leftovers: Sequence[Leftover]) -> list[dict[str, str]]:
    """Rows of a plan that were not written, as plain data."""
    return [{"id": row.row_id, "reason": row.reason} for row in leftovers]


def save_plan(reviewed: ReviewedPlan, file: Path) -> None:
    """Write a plan with its decisions into a file, and say so."""
    file.write_text(json.dumps(build_document(reviewed), indent=1), encoding="utf-8")
    talk(f"The plan was saved; `leadrobin apply {file}` writes it.")


def _cells(row: PlannedRow) -> tuple[str, ...]:
    owner = row.owner_change
    return (
        row.table,
        row.id,
        _name(owner.before) if owner else "",
        _name(owner.after) if owner else "",
        row.segment or "",
        row.rule or "",
        ", ".join(_also(row.changes)),
    )


def _also(changes: Iterable[Change]) -> Iterable[str]:
    for change in changes:
        match change:
            case SegmentChange(after=after):
                yield "segment" if after else "segment cleared"
            case SequenceChange(after=after):
                yield "sequence" if after else "sequence cleared"
            case QueueChange(after=queue):
                yield f"queue {_name(queue)}"
            case OwnerChange():
                pass


def _name(reference: EntityReference | None) -> str:
    return "" if reference is None else reference.name or reference.id


def _escape(cells: Iterable[str]) -> Iterable[str]:
    return (cell.replace("|", "\\|") for cell in cells)
