"""The verb `explain`: why one row is where it is, from the stored decision alone."""

from collections.abc import Sequence
from typing import Annotated

import typer

from connector.cli.arguments import parse_id
from connector.cli.invocation import settings_of
from connector.cli.printing.decisions import name_of, print_explanation
from connector.cli.printing.output import write_json
from connector.cli.printing.talk import talk
from connector.service.history import find_row_history
from connector.state.decision_document import build_decision_data
from connector.state.records import LedgerRow
from engine.errors import ConfigProblem, LeadrobinError
from engine.records import EntityReference

MOST_DECISIONS = 1000
"""About one row, with --all."""


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
    """Say what was decided about a row: segments, rules and sellers tried, and why each
    fell out.
    """
    where = "leadrobin backlog` or `leadrobin history CYCLE"
    row = EntityReference(table=table, id=parse_id(row_id, what="row", where=where))
    history = find_row_history(settings_of(context), row, limit=MOST_DECISIONS if every else 1)
    if not history.decisions:
        _raise_if_unwatched(table, history.tables)
        raise LeadrobinError(_explain_absence(row, history.known))
    if as_json:
        found = [build_decision_data(decision) for decision in history.decisions]
        write_json(found if every else found[0])
        return
    for decision in history.decisions:
        print_explanation(decision)


def _raise_if_unwatched(table: str, tables: Sequence[str]) -> None:
    if tables and table not in tables:
        raise ConfigProblem(
            f"{table} is not a table that was watched: the store has rows of {', '.join(tables)}"
        )


def _explain_absence(row: EntityReference, known: LedgerRow | None) -> str:
    if known is None:
        return f"{row.table} {row.id} is not in the store: it was never read from the environment"
    talk(f"Owner at last sight: {name_of(known.owner)}")
    return (
        f"{row.table} {row.id} was never decided: it was there at the baseline, and no watched "
        "column of it changed since; `leadrobin backfill` decides such rows"
    )
