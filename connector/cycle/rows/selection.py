"""Which of the rows that were read are to be decided, and as what; deciding is in `decisions`.

A cycle and a preview of it ask here alike.
"""

from collections.abc import Collection, Mapping, Sequence

from connector.cycle.context import RowToDecide
from connector.cycle.rows.arrivals import TO_DECIDE, UNDECIDED, Arrival, ArrivedRow
from connector.cycle.rows.backlog_entries import ROUTING_CODES
from connector.state.records import BacklogEntry, Handover, LedgerRow

Waiting = Mapping[str, BacklogEntry]
"""Entries of the backlog by row id."""


def select_changed(arrived: Sequence[ArrivedRow], waiting: Waiting) -> list[RowToDecide]:
    """The rows of a page that have to be decided.

    One that waits, or was closed before it could be decided, is still owed what it waits for. A
    row that was never decided and came new takes nothing from anybody.
    """
    return [
        RowToDecide(
            record=row.record,
            before=row.before,
            is_fresh=_is_owed_rules(row.before, waiting.get(row.record.id)),
            is_reassignment=row.arrival is Arrival.UPDATED and row.before is not None,
        )
        for row in arrived
        if row.arrival in TO_DECIDE
    ]


def select_waiting(
    arrived: Sequence[ArrivedRow], waiting: Waiting, *, settled: Collection[str]
) -> list[RowToDecide]:
    """The rows that are tried again; those that were settled meanwhile wait for nothing.

    Rules run unless somebody has the row already and something else about it waits.
    """
    return [
        RowToDecide(
            record=row.record,
            before=row.before,
            is_fresh=_is_for_rules(row.before, waiting.get(row.record.id)),
            is_reassignment=False,
        )
        for row in arrived
        if _is_there(row) and row.record.id not in settled
    ]


def select_undecided(arrived: Sequence[ArrivedRow]) -> list[RowToDecide]:
    """The rows that a backfill decides as if they were new; it takes them from their owners."""
    return [
        RowToDecide(record=row.record, before=row.before, is_fresh=True, is_reassignment=True)
        for row in arrived
        if _is_there(row)
    ]


def select_overdue(row: ArrivedRow, handover: Handover) -> RowToDecide:
    """A row that is taken back from its owner."""
    return RowToDecide(
        record=row.record,
        before=row.before,
        is_fresh=True,
        is_reassignment=True,
        handover=handover,
    )


def _is_there(row: ArrivedRow) -> bool:
    """The row is open, and no person gave it to somebody since it was seen last."""
    return row.record.is_open and row.arrival is not Arrival.MANUAL


def _is_owed_rules(before: LedgerRow | None, entry: BacklogEntry | None) -> bool:
    if before is None:
        return True
    was_left = entry is not None or before.fingerprint == UNDECIDED
    return was_left and _is_for_rules(before, entry)


def _is_for_rules(before: LedgerRow | None, entry: BacklogEntry | None) -> bool:
    """Rules are to run for a row that waits: nobody was found for it, or nobody has it yet.

    A row that somebody has waits for something else to be written, and its owner stays.
    """
    if before is None or (entry is not None and entry.code in ROUTING_CODES):
        return True
    return before.rule is None and not before.is_manual
