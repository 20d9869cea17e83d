"""Rows that wait as tables and as JSON."""

from collections.abc import Mapping, Sequence

from connector.cli.printing.output import print_moment, print_table
from connector.cli.printing.talk import talk
from connector.state.records import BacklogEntry, QuarantinedRow
from engine.instants import print_instant


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


def print_rejected(rows: Sequence[QuarantinedRow]) -> None:
    """Rows that could not be read, as a table; nothing when there are none."""
    if rows:
        print_table(
            ("Table", "Row", "Cannot be read because", "Times"),
            [(row.table, row.row_id, "; ".join(row.reasons), row.times) for row in rows],
        )


def entry_data(entry: BacklogEntry) -> dict[str, object]:
    """A waiting row as plain data."""
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


def rejected_data(row: QuarantinedRow) -> dict[str, object]:
    """A row that could not be read as plain data, in the same shape."""
    return {
        "table": row.table,
        "id": row.row_id,
        "code": "rejected",
        "reason": "; ".join(row.reasons),
        "since": print_instant(row.first_seen_at),
        "next_try_at": None,
        "attempts": row.times,
    }
