"""The verbs `backlog` and `backlog retry`: rows that wait, and why."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Annotated, Any

import typer

from connector.cli.invocation import settings_of
from connector.cli.printing.cycles import cycle_data, print_cycles
from connector.cli.printing.output import print_moment, print_table, write_json
from connector.cli.printing.talk import talk
from connector.cycle.rows.backlog_entries import ROUTING_CODES
from connector.service.bootstrap import bootstrap
from connector.service.options import RunOptions
from connector.service.signals import stopped_by_signals
from connector.service.system import SystemClock
from connector.state.records import BacklogEntry, KeptRuleSet, QuarantinedRow
from connector.store.opening import open_store
from connector.telemetry.logs import configure_logs
from connector.watched_tables.watched_table import choose_segment_tables, hint_at
from engine.errors import ConfigProblem
from engine.instants import print_instant
from engine.policies.scheduled_runs import find_next_run
from engine.rules.models import ScheduledRuns

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
            kept = session.find_rule_set()
    finally:
        store.close()
    if table is not None and not entries:
        _raise_if_unwatched(table, kept)
    entries = _with_scheduled_runs(entries, kept)
    if as_json:
        write_json([*map(_entry_data, entries), *map(_rejected_data, rejected)])
        return
    print_backlog_entries(entries)
    print_rejected(rejected)


@backlog_app.command("retry")
def retry(
    context: typer.Context,
    table: Annotated[str | None, typer.Option(help="Only rows of this table.")] = None,
    segment: Annotated[
        str | None, typer.Option(help="Only rows of this segment that nobody was found for.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Try waiting rows now, due or not: at most 500 of a table, those that wait longest first.

    With --segment those created first come first, as in Microsoft's "Run now".
    """
    settings = settings_of(context)
    configure_logs(settings.log.level.value, settings.log.format.value)
    with (
        bootstrap(settings, RunOptions(show_message=talk)) as application,
        stopped_by_signals(application.stop),
    ):
        tables = application.tables if table is None else [application.find_table(table)]
        if segment is not None:
            tables = choose_segment_tables(tables, segment)
        cycles = [application.retry_backlog(found, segment=segment) for found in tables]
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
                print_moment(entry.since),
                print_moment(entry.next_try_at) if entry.next_try_at else "when it changes",
                entry.attempts,
            )
            for entry in entries
        ],
    )


def _raise_if_unwatched(table: str, kept: KeptRuleSet | None) -> None:
    """A table that nothing waits for may be one that no cycle was ever run for."""
    if kept is None:
        raise ConfigProblem(
            f"table {table} is not watched: no cycle has run on this store; see `leadrobin run`"
        )
    known = sorted({segment["table"] for segment in _segments_of(kept)})
    if table not in known:
        raise ConfigProblem(
            f"table {table} is not watched; the rules file has segments for {', '.join(known)}"
            f"{hint_at(table, known)}"
        )


def _with_scheduled_runs(
    entries: Sequence[BacklogEntry], kept: KeptRuleSet | None
) -> list[BacklogEntry]:
    """The entries with the next run of their segment, where that comes before their own try."""
    if kept is None:
        return list(entries)
    now, time_zone = SystemClock().now(), str(kept.document.get("time_zone", "UTC"))
    runs = {
        segment: find_next_run(schedule, time_zone, now)
        for segment, schedule in _schedules_of(kept)
    }
    return [_with_run(entry, runs.get((entry.table, entry.segment or ""))) for entry in entries]


def _schedules_of(kept: KeptRuleSet) -> Iterator[tuple[tuple[str, str], ScheduledRuns]]:
    """The schedules of active segments, by table and name; one of a form not known any more is not.

    A segment is read by itself: the rest of the rule set may be of a version with fewer checks.
    """
    for segment in _segments_of(kept):
        if segment.get("scheduled_runs") is None or not segment.get("active", True):
            continue
        try:
            schedule = ScheduledRuns.model_validate(segment["scheduled_runs"])
        except ValueError:
            talk(
                f'The scheduled runs of segment "{segment["name"]}" are not shown: they were stored'
                " by another version; the next cycle stores them anew."
            )
            continue
        yield (segment["table"], segment["name"]), schedule


def _segments_of(kept: KeptRuleSet) -> Sequence[Mapping[str, Any]]:
    segments: Sequence[Mapping[str, Any]] = kept.document["segments"]  # type: ignore[assignment]
    return segments


def _with_run(entry: BacklogEntry, run: datetime | None) -> BacklogEntry:
    is_sooner = run is not None and (entry.next_try_at is None or run < entry.next_try_at)
    is_unassigned = entry.code in ROUTING_CODES
    return replace(entry, next_try_at=run) if is_sooner and is_unassigned else entry


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
        "segment": entry.segment,
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
