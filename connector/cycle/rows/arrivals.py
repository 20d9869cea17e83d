"""Tells what happened to a row since the ledger saw it; nothing is read or written here."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from connector.state.fingerprints import build_fingerprint, find_changed_columns
from connector.state.records import LedgerRow
from connector.watched_tables.watched_table import WatchedTable
from engine.records import Record


class Arrival(StrEnum):
    """What a row of the feed is to us."""

    CREATED = "created"
    UPDATED = "updated"
    MANUAL = "manual"
    HELD = "held"
    ECHO = "echoes"
    UNCHANGED = "unchanged"
    CLOSED = "closed"


UNDECIDED = "?"
"""In place of a fingerprint: the row was closed while it still had to be decided."""

TO_DECIDE = frozenset({Arrival.CREATED, Arrival.UPDATED})


@dataclass(frozen=True, slots=True, kw_only=True)
class ArrivedRow:
    """A row of the feed with what it is to us; `seen` is the ledger row it leads to.

    `is_news` = something about it would be decided if it were open.
    """

    record: Record
    before: LedgerRow | None
    seen: LedgerRow
    arrival: Arrival
    is_news: bool = False


def examine_row(
    record: Record,
    before: LedgerRow | None,
    table: WatchedTable,
    *,
    watched_sets: Mapping[str, tuple[str, ...]],
    generation: int,
    routes_manual_rows: bool = False,
) -> ArrivedRow:
    """Compare a row with what the ledger remembers of it.

    `watched_sets` holds the columns behind each fingerprint of the ledger. The version written
    tells our own change from others, the fingerprint a change that matters from one that does
    not; time takes no part. A row that was created at another instant is another row, deleted and
    made again under its id.
    """
    if before is not None and is_another(before, record):
        before = None
    seen = describe_row(record, before, table, generation=generation)
    arrival = _classify(record, before, seen, watched_sets, routes_manual_rows)
    if arrival is Arrival.MANUAL:
        seen = replace(seen, is_manual=True, rule=None)
    is_news = before is None or _has_changed(before, seen, watched_sets)
    return ArrivedRow(record=record, before=before, seen=seen, arrival=arrival, is_news=is_news)


def is_another(before: LedgerRow, record: Record) -> bool:
    """The row that is remembered was deleted, and this one made anew under its id."""
    created = before.created_on, record.created_on
    return None not in created and created[0] != created[1]


def leave_undecided(arrived: ArrivedRow) -> LedgerRow:
    """A closed row as it is remembered when it has to be decided once it is open again."""
    return replace(arrived.seen, fingerprint=UNDECIDED)


def describe_row(
    record: Record, before: LedgerRow | None, table: WatchedTable, *, generation: int
) -> LedgerRow:
    """The row as the ledger remembers it: what it is now, with what was decided about it before."""
    current = {
        "etag": record.etag,
        "owner": record.owner,
        "is_open": record.is_open,
        "watched_set": table.watched_set,
        "fingerprint": build_fingerprint(record.row, table.watched),
        "created_on": record.created_on,
        "generation": generation,
    }
    if table.writes.segment is not None:
        current["segment_id"] = table.lookup_of(record.row, table.writes.segment)
    if table.writes.sequence is not None:
        current["sequence_id"] = table.lookup_of(record.row, table.writes.sequence)
    if before is not None:
        return replace(before, **current)  # type: ignore[arg-type]
    return LedgerRow(table=record.table, id=record.id, **current)  # type: ignore[arg-type]


def _classify(
    record: Record,
    before: LedgerRow | None,
    seen: LedgerRow,
    watched_sets: Mapping[str, tuple[str, ...]],
    routes_manual_rows: bool,
) -> Arrival:
    if before is None:
        return Arrival.CREATED if record.is_open else Arrival.CLOSED
    if before.etag is not None and before.etag == record.etag:
        return Arrival.ECHO
    if before.owner != record.owner and before.owner is not None and record.owner is not None:
        return Arrival.MANUAL
    if not record.is_open:
        return Arrival.CLOSED
    if not _has_changed(before, seen, watched_sets):
        return Arrival.UNCHANGED
    return Arrival.HELD if before.is_manual and not routes_manual_rows else Arrival.UPDATED


def _has_changed(
    before: LedgerRow, seen: LedgerRow, watched_sets: Mapping[str, tuple[str, ...]]
) -> bool:
    if before.fingerprint == UNDECIDED:
        return True
    if before.watched_set == seen.watched_set:
        return before.fingerprint != seen.fingerprint
    columns = watched_sets[seen.watched_set]
    known = watched_sets.get(before.watched_set, ())
    if not known:
        return False
    return bool(find_changed_columns(before.fingerprint, known, seen.fingerprint, columns))
