"""The verbs `backlog` and `backlog retry`: rows that wait, and why."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated

import typer

from connector.bootstrap import Wishes, open_application
from connector.cli.cycles_output import cycle_data, print_cycles
from connector.cli.invocation import settings_of
from connector.cli.output import print_table, write_json
from connector.cli.talking import talk
from connector.logs import configure_logs
from connector.state import BacklogEntry, QuarantinedRow
from connector.stopping import stopped_by_signals
from connector.store.opening import open_store
from engine.instants import print_instant

backlog_app = typer.Typer(help="See rows that wait, and try them again.")


def register(app: typer.Typer) -> None:
    """Add the verbs to the program."""
    app.add_typer(backlog_app, name="backlog")


@backlog_app.callback(invoke_without_command=True)
def list_backlog(
    context: typer.Context,
    table: Annotated[str | None, typer.Option(help="Only rows of this table.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many rows.")] = 100,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List the rows that wait: why, since when, and when they are tried next."""
    if context.invoked_subcommand is not None:
        return
    store = open_store(settings_of(context).store.url)
    try:
        with store.begin() as session:
            entries = session.list_backlog(table=table, limit=limit)
            rejected = session.list_rejected(limit)
    finally:
        store.close()
    if as_json:
        write_json([*map(_entry_data, entries), *map(_rejected_data, rejected)])
        return
    print_backlog_entries(entries)
    print_rejected(rejected)


@backlog_app.command("retry")
def retry(
    context: typer.Context,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Try every waiting row now, due or not."""
    settings = settings_of(context)
    configure_logs(settings.log.level.value, settings.log.format.value)
    with (
        open_application(settings, Wishes(show_message=talk)) as application,
        stopped_by_signals(application.stop),
    ):
        cycles = [application.retry_backlog(table) for table in application.tables]
    if as_json:
        write_json([cycle_data(cycle) for cycle in cycles])
    else:
        print_cycles(cycles)


def print_backlog_entries(
    entries: Sequence[BacklogEntry], *, names: Mapping[str, str] | None = None
) -> None:
    """Waiting rows as a table, by name where `names` knows them; a sentence when there are none."""
    if not entries:
        talk("No row waits.")
        return
    print_table(
        ("Table", "Row", "Reason", "Since", "Next try", "Attempts"),
        [
            (
                entry.table,
                (names or {}).get(entry.row_id, entry.row_id),
                entry.reason,
                _moment(entry.since),
                _moment(entry.next_try_at) if entry.next_try_at else "when it changes",
                entry.attempts,
            )
            for entry in entries
        ],
    )


def _moment(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M}"


def print_rejected(rows: Sequence[QuarantinedRow]) -> None:
    """Rows that could not be read, as a table; nothing when there are none."""
    if rows:
        print_table(
            ("Table", "Row", "Cannot be read because", "Times"),
            [(row.table, row.row_id, "; ".join(row.reasons), row.times) for row in rows],
        )


def _entry_data(entry: BacklogEntry) -> dict[str, object]:
    return {
        "table": entry.table,
        "id": entry.row_id,
        "code": entry.code,
        "reason": entry.reason,
        "since": print_instant(entry.since),
        "next_try_at": print_instant(entry.next_try_at) if entry.next_try_at else None,
        "attempts": entry.attempts,
    }


def _rejected_data(row: QuarantinedRow) -> dict[str, object]:
    return {
        "table": row.table,
        "id": row.row_id,
        "code": "rejected",
        "reason": "; ".join(row.reasons),
        "since": print_instant(row.first_seen_at),
        "next_try_at": None,
        "attempts": row.times,
    }
