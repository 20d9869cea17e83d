"""Cycles as tables and as JSON."""

from collections.abc import Iterable, Sequence

from connector.cli.output import print_table
from connector.state import CycleRecord
from engine.instants import print_instant

_COLUMNS = (
    ("Baseline", ("baseline",)),
    ("Read", ("rows_read",)),
    ("New", ("created",)),
    ("Updated", ("updated",)),
    ("By hand", ("manual",)),
    ("Retried", ("retried",)),
    ("Decided", ("decided",)),
    ("Assigned", ("assigned",)),
    ("Written", ("applied", "already_so")),
    ("Conflicts", ("conflict",)),
    ("Failed", ("failed", "refused", "forbidden")),
    ("Rejected", ("rejected",)),
    ("Deleted", ("deleted",)),
)


def print_cycles(cycles: Sequence[CycleRecord], *, title: str | None = None) -> None:
    """Cycles as a table, in the order given; counts that are zero everywhere have no column."""
    shown = [
        (name, counts) for name, counts in _COLUMNS if any(_sum(cycle, counts) for cycle in cycles)
    ]
    rows = [
        (
            cycle.table,
            cycle.outcome.value,
            *(_sum(cycle, counts) or "" for _, counts in shown),
            cycle.id,
        )
        for cycle in cycles
    ]
    print_table(("Table", "Outcome", *(name for name, _ in shown), "Cycle"), rows, title=title)


def cycle_data(cycle: CycleRecord) -> dict[str, object]:
    """A cycle as plain data."""
    return {
        "cycle": cycle.id,
        "table": cycle.table,
        "origin": cycle.origin.value,
        "outcome": cycle.outcome.value,
        "started_at": print_instant(cycle.started_at),
        "finished_at": print_instant(cycle.finished_at) if cycle.finished_at else None,
        "counts": {name: count for name, count in cycle.counts.items() if count},
        "message": cycle.message,
    }


def _sum(cycle: CycleRecord, names: Iterable[str]) -> int:
    return sum(cycle.counts.get(name, 0) for name in names)
