"""Rows that wait, and when each is tried next; trying them is the application's."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import cast

from connector.cycle.rows.backlog_entries import ROUTING_CODES
from connector.ports import Clock
from connector.service.store import read_store
from connector.service.system import SYSTEM_CLOCK
from connector.state.records import BacklogEntry, KeptRuleSet, QuarantinedRow
from engine.errors import ConfigProblem
from engine.nearest import ask_nearest
from engine.policies.scheduled_runs import find_next_run
from engine.rules.models import ScheduledRuns
from settings.model import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """Rows that wait, rows that could not be read, and segments whose schedule cannot be told."""

    entries: Sequence[BacklogEntry]
    rejected: Sequence[QuarantinedRow]
    unreadable: Sequence[str]


def list_waiting(
    settings: Settings, *, table: str | None, limit: int, clock: Clock = SYSTEM_CLOCK
) -> Waiting:
    """At most `limit` rows that wait, with the next run of their segment where that comes sooner.

    Raises ConfigProblem for a table that no cycle was ever run for.
    """
    with read_store(settings) as session:
        entries = session.list_backlog(table=table, limit=limit)
        rejected = session.list_rejected(limit)
        kept = session.find_rule_set()
    if table is not None and not entries:
        _raise_if_unwatched(table, kept)
    unreadable: list[str] = []
    runs = dict(_find_runs(kept, clock.now(), unreadable)) if kept else {}
    return Waiting(
        entries=[
            _with_run(entry, runs.get((entry.table, entry.segment or ""))) for entry in entries
        ],
        rejected=rejected,
        unreadable=unreadable,
    )


def _raise_if_unwatched(table: str, kept: KeptRuleSet | None) -> None:
    """A table that nothing waits for may be one that no cycle was ever run for."""
    if kept is None:
        raise ConfigProblem(
            f"table {table} is not watched: no cycle has run on this store; see `leadrobin run`"
        )
    known = sorted({str(segment["table"]) for segment in _segments_of(kept)})
    if table not in known:
        raise ConfigProblem(
            f"table {table} is not watched; the rules file has segments for {', '.join(known)}"
            f"{ask_nearest(table, known, folds=True)}"
        )


def _find_runs(
    kept: KeptRuleSet, now: datetime, unreadable: list[str]
) -> Iterator[tuple[tuple[str, str], datetime | None]]:
    """The next runs of active segments, by table and segment.

    A segment is read by itself: the rest of the rule set may be of a version with fewer checks. One
    with a schedule of a form that is not known any more is added to `unreadable`.
    """
    time_zone = str(kept.document.get("time_zone", "UTC"))
    for segment in _segments_of(kept):
        if segment.get("scheduled_runs") is None or not segment.get("active", True):
            continue
        table, name = str(segment["table"]), str(segment["name"])
        try:
            schedule = ScheduledRuns.model_validate(segment["scheduled_runs"])
        except ValueError:
            unreadable.append(name)
        else:
            yield (table, name), find_next_run(schedule, time_zone, now)


def _segments_of(kept: KeptRuleSet) -> Sequence[Mapping[str, object]]:
    return cast("Sequence[Mapping[str, object]]", kept.document["segments"])


def _with_run(entry: BacklogEntry, run: datetime | None) -> BacklogEntry:
    is_sooner = run is not None and (entry.next_try_at is None or run < entry.next_try_at)
    is_unassigned = entry.code in ROUTING_CODES
    return replace(entry, next_try_at=run) if is_sooner and is_unassigned else entry
