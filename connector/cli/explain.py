"""The verb `explain`: why one row is where it is, from the stored decision alone."""

from collections.abc import Sequence
from typing import Annotated

import typer

from connector.cli.arguments import parse_id
from connector.cli.invocation import settings_of
from connector.cli.printing.output import write_json
from connector.cli.printing.talk import talk
from connector.state.decision_document import build_decision_data, parse_decision
from connector.state.plan_document import parse_reference
from connector.state.records import DecisionKind, DecisionRecord, LedgerRow
from connector.store.opening import open_store
from engine.decisions.explanation import explain_decision
from engine.errors import ConfigProblem, LeadrobinError
from engine.instants import print_instant
from engine.records import EntityReference
from engine.statuses import RoutingStatus


def register(app: typer.Typer) -> None:
    """Add the verb to the program."""
    app.command("explain")(explain)


def explain(
    context: typer.Context,
    table: Annotated[str, typer.Argument(help="Logical name of the table, such as lead.")],
    row_id: Annotated[str, typer.Argument(metavar="ID", help="The row's id.")],
    every: Annotated[bool, typer.Option("--all", help="Every decision, newest first.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Say what was decided about a row.

    Segments, rules and sellers tried, and why each fell out.
    """
    where = "leadrobin backlog` or `leadrobin history CYCLE"
    row = EntityReference(table=table, id=parse_id(row_id, what="row", where=where))
    store = open_store(settings_of(context).store.url)
    try:
        with store.begin() as session:
            decisions = session.list_decisions(row=row, limit=1000 if every else 1)
            known = session.load_rows(table, [row.id]).get(row.id)
            tables = [mark.table for mark in session.list_watermarks()]
    finally:
        store.close()
    if not decisions:
        _raise_if_unwatched(table, tables)
        raise LeadrobinError(_explain_absence(row, known))
    if as_json:
        found = [build_decision_data(decision) for decision in decisions]
        write_json(found if every else found[0])
        return
    for decision in decisions:
        print_explanation(decision)


def print_explanation(decision: DecisionRecord) -> None:
    """A stored decision in words, on stdout."""
    if decision.kind is DecisionKind.MANUAL:
        lines = describe_manual(decision)
    elif decision.kind is DecisionKind.UNDONE:
        lines = describe_undo(decision)
    else:
        lines = _describe(decision)
    typer.echo("\n".join(lines))


def describe_manual(decision: DecisionRecord) -> list[str]:
    """What is known of an owner that a person chose."""
    before = _name(parse_reference(decision.before.get("owner")))
    after = _name(parse_reference(decision.after.get("owner")))
    status = int(RoutingStatus.OWNER_ASSIGNED_MANUALLY)
    return [
        f"{decision.table} {decision.row_id}, seen at {print_instant(decision.decided_at)}",
        f"Owner: {after}, chosen by hand instead of {before} ({status})",
        "  it is not routed again unless asked",
    ]


def describe_undo(decision: DecisionRecord) -> list[str]:
    """What is known of a row that was put back."""
    before = _name(parse_reference(decision.before.get("owner")))
    after = _name(parse_reference(decision.after.get("owner")))
    return [
        f"{decision.table} {decision.row_id}, put back at {print_instant(decision.decided_at)}",
        f"Owner: {after} again instead of {before}",
        f"Segment: {decision.segment or 'none'}",
        *_describe_write(decision),
    ]


def _describe(decision: DecisionRecord) -> list[str]:
    return [*explain_decision(parse_decision(decision)), *_describe_write(decision)]


def _describe_write(decision: DecisionRecord) -> list[str]:
    said = f": {decision.message}" if decision.message else ""
    return [
        f"Written: {decision.outcome}{said}",
        f"Rule set {decision.rule_set_checksum[:12]}, cycle {decision.cycle_id}",
    ]


def _raise_if_unwatched(table: str, tables: Sequence[str]) -> None:
    if tables and table not in tables:
        raise ConfigProblem(
            f"{table} is not a table that was watched: the store has rows of {', '.join(tables)}"
        )


def _explain_absence(row: EntityReference, known: LedgerRow | None) -> str:
    if known is None:
        return f"{row.table} {row.id} is not in the store: it was never read from the environment"
    talk(f"Owner at last sight: {_name(known.owner)}")
    return (
        f"{row.table} {row.id} was never decided: it was there at the baseline, and no watched "
        "column of it changed since; `leadrobin backfill` decides such rows"
    )


def _name(reference: EntityReference | None) -> str:
    return "nobody" if reference is None else reference.name or reference.id
