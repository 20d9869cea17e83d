"""Hands rows over a few at a time, so that a backfill leaves room for others and can be stopped.

How fast requests may follow each other at all is the governor's matter.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVar

from connector.ports import Clock

Item = TypeVar("Item")

SLICES_PER_MINUTE = 12

_MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """At most so many rows a minute, None = as fast as they go, and `most_rows` in one slice.

    `wait` takes seconds and answers True when it was told to stop.
    """

    rows_per_minute: int | None
    clock: Clock
    wait: Callable[[float], bool]
    most_rows: int

    def slices(self, rows: Sequence[Item]) -> Iterator[Sequence[Item]]:
        """The rows in slices, each when its time has come; ends early when told to stop."""
        if self.rows_per_minute is None:
            yield from (
                rows[at : at + self.most_rows] for at in range(0, len(rows), self.most_rows)
            )
            return
        size = min(max(1, self.rows_per_minute // SLICES_PER_MINUTE), self.most_rows)
        begin = self.clock.now()
        for start in range(0, len(rows), size):
            due = begin + _MINUTE * start / self.rows_per_minute
            left = (due - self.clock.now()).total_seconds()
            if self.wait(max(left, 0.0)):
                return
            yield rows[start : start + size]
