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
MOST_ROWS = 5000
"""In one slice: each is a plan of its own, and whoever settles it reads it as a whole."""

_MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """At most so many rows a minute; None = as fast as they go.

    `wait` takes seconds and answers True when it was told to stop.
    """

    rows_per_minute: int | None
    clock: Clock
    wait: Callable[[float], bool]

    def slices(self, rows: Sequence[Item]) -> Iterator[Sequence[Item]]:
        """The rows in slices, each when its time has come; ends early when told to stop."""
        if self.rows_per_minute is None:
            yield from (rows[at : at + MOST_ROWS] for at in range(0, len(rows), MOST_ROWS))
            return
        size = min(max(1, self.rows_per_minute // SLICES_PER_MINUTE), MOST_ROWS)
        begin = self.clock.now()
        for start in range(0, len(rows), size):
            due = begin + _MINUTE * start / self.rows_per_minute
            left = (due - self.clock.now()).total_seconds()
            if self.wait(max(left, 0.0)):
                return
            yield rows[start : start + size]
