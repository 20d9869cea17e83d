"""Cycles as tables and as JSON."""

from collections.abc import Iterable, Iterator, Sequence

from connector.cli.printing.output import print_table
from connector.state.records import CycleOutcome, CycleRecord
from engine.instants import print_instant

_COLUMNS = (
    ("Baseline", ("baseline",)),
    ("Read", ("rows_read",)),
    ("New", ("created",)),
    ("Updated", ("updated",)),
    ("By hand", ("manual",)),
    ("Retried", ("retried",)),
    ("Taken back", ("taken_back",)),
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
    shown = _choose_columns(cycles)
    rows = [(cycle.table, cycle.outcome.value, *_cells(cycle, shown), cycle.id) for cycle in cycles]
    print_table(("Table", "Outcome", *(name for name, _ in shown), "Cycle"), rows, title=title)


def print_history(cycles: Sequence[CycleRecord]) -> None:
    """As `print_cycles`, with when each began, how long it took, and who asked for it."""
    shown = _choose_columns(cycles)
    rows = [
        (
            f"{cycle.started_at:%Y-%m-%d %H:%M:%S}",
            _length(cycle),
            cycle.table,
            cycle.origin.value.replace("_", " "),
            cycle.outcome.value.replace("_", " "),
            *_cells(cycle, shown),
            cycle.id,
        )
        for cycle in cycles
    ]
    columns = ("Started", "Took", "Table", "Kind", "Outcome")
    print_table((*columns, *(name for name, _ in shown), "Cycle"), rows)


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


def _choose_columns(cycles: Sequence[CycleRecord]) -> list[tuple[str, tuple[str, ...]]]:
    return [
        (name, counts) for name, counts in _COLUMNS if any(_sum(cycle, counts) for cycle in cycles)
    ]


def _cells(cycle: CycleRecord, shown: Sequence[tuple[str, tuple[str, ...]]]) -> Iterator[object]:
    for _, counts in shown:
        yield _sum(cycle, counts) or ""


def _length(cycle: CycleRecord) -> str:
    if cycle.finished_at is None or cycle.outcome is CycleOutcome.BROKEN_OFF:
        return ""
    return f"{(cycle.finished_at - cycle.started_at).total_seconds():.1f} s"


def _sum(cycle: CycleRecord, names: Iterable[str]) -> int:
    return sum(cycle.counts.get(name, 0) for name in names)
