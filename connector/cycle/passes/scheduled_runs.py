"""Scheduled runs: tries the unassigned rows of a segment again at the times its schedule names.

When a run is due is decided in the engine; how rows are taken up again is in `passes.backlog`.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import msgspec

from connector.cycle.context import Cycle
from connector.cycle.cycle_records import build_cycle, finish_cycle
from connector.cycle.passes.backlog import decide_again
from connector.cycle.rows.backlog_entries import ROUTING_CODES
from connector.state.records import CycleOutcome, PlanOrigin
from connector.state.session import DocumentState, StateSession, WaitingRows
from engine.instants import print_instant
from engine.policies.scheduled_runs import find_due_run
from engine.rules.models import Segment
from engine.rules.rule_set import RuleSet

_KIND = "scheduled_runs"


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """What is remembered of a segment: its schedule, and up to when the runs of it are done."""

    schedule: str
    done: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class DueRun:
    """A run over one segment that should have begun at `due_at`."""

    segment: str
    due_at: datetime
    rows: int


def run_scheduled(cycle: Cycle) -> bool:
    """Do the runs of the table that are due, each recorded as a cycle; False when stopped.

    A run counts as done when it ended: one that was broken off begins again while it is due.
    """
    table = cycle.table.name
    with cycle.store.begin() as session:
        _note_new_schedules(cycle.rule_set, session, table, now=cycle.now())
        due = list(find_due_runs(cycle.rule_set, session, table, now=cycle.now()))
    for one in due:
        if not _do(cycle, one):
            return False
        cycle.counts["scheduled_runs"] += 1
    return True


def find_due_runs(
    rule_set: RuleSet, session: DocumentState, table: str, *, now: datetime
) -> Iterator[DueRun]:
    """The runs of a table that are due now, in the order its segments are tried."""
    notes = _load_notes(session, table)
    for segment in _scheduled_segments(rule_set, table):
        note = notes.get(segment.name)
        schedule = segment.scheduled_runs
        if schedule is None or note is None or note.schedule != _describe(segment):
            continue
        due_at = find_due_run(schedule, rule_set.time_zone, now)
        if due_at is not None and due_at > note.done:
            yield DueRun(segment=segment.name, due_at=due_at, rows=schedule.rows)


def list_due_ids(
    rule_set: RuleSet, session: StateSession, table: str, *, now: datetime
) -> list[str]:
    """The rows that the runs which are due now would take up."""
    due = list(find_due_runs(rule_set, session, table, now=now))
    return [row_id for one in due for row_id in list_unassigned_ids(session, table, one)]


def list_unassigned_ids(session: WaitingRows, table: str, due: DueRun) -> list[str]:
    """The unassigned rows that a run takes up, those created first first."""
    found = session.list_unassigned(table, due.segment, codes=ROUTING_CODES, limit=due.rows)
    return [entry.row_id for entry in found]


def _do(cycle: Cycle, due: DueRun) -> bool:
    own = build_cycle(cycle.seams, cycle.table, PlanOrigin.SCHEDULED)
    own.about = f'scheduled run of segment "{due.segment}", due at {print_instant(due.due_at)}'
    own.reassigned = cycle.reassigned
    with cycle.store.begin() as session:
        ids = list_unassigned_ids(session, cycle.table.name, due)
    record = finish_cycle(own, lambda: decide_again(own, ids))
    if record.outcome is not CycleOutcome.DONE:
        return False
    with cycle.store.begin() as session:
        notes = _load_notes(session, cycle.table.name)
        notes[due.segment] = replace(notes[due.segment], done=due.due_at)
        _save_notes(session, cycle.table.name, notes, at=cycle.now())
    return True


def _note_new_schedules(
    rule_set: RuleSet, session: DocumentState, table: str, *, now: datetime
) -> None:
    """A schedule counts from when it is first seen: what it names before was never missed."""
    notes = _load_notes(session, table)
    fresh = {
        segment.name: Note(schedule=_describe(segment), done=now)
        for segment in _scheduled_segments(rule_set, table)
        if segment.name not in notes or notes[segment.name].schedule != _describe(segment)
    }
    if fresh:
        _save_notes(session, table, {**notes, **fresh}, at=now)


def _scheduled_segments(rule_set: RuleSet, table: str) -> Sequence[Segment]:
    return [segment for segment in rule_set.segments_of(table) if segment.scheduled_runs]


def _describe(segment: Segment) -> str:
    schedule = segment.scheduled_runs
    return "" if schedule is None else schedule.model_dump_json(exclude={"rows"})


def _load_notes(session: DocumentState, table: str) -> dict[str, Note]:
    return msgspec.convert(session.load_document(_KIND, table) or {}, dict[str, Note])


def _save_notes(
    session: DocumentState, table: str, notes: Mapping[str, Note], *, at: datetime
) -> None:
    session.save_document(_KIND, table, document=msgspec.to_builtins(notes), at=at)
