"""Brings the next cycle of a table forward when somebody says that there is something to do."""

import threading
from collections.abc import Callable, Collection
from datetime import timedelta


class EarlyCycles:
    """Turns any number of hints into one early look at a table; safe for many threads.

    `bring_forward` takes a table and how soon its cycle shall begin. A hint for a table that is
    being looked at just now has it looked at once more, for the change may lie behind the page
    already read.
    """

    def __init__(
        self,
        bring_forward: Callable[[str, timedelta], None],
        tables: Collection[str],
        *,
        debounce: timedelta = timedelta(seconds=0.5),
    ) -> None:
        self._bring_forward = bring_forward
        self._tables = frozenset(tables)
        self._debounce = debounce
        self._lock = threading.Lock()
        self._expected: set[str] = set()
        self._running: set[str] = set()
        self._again: set[str] = set()

    def hint(self, table: str) -> None:
        """Something happened to a table; unknown tables are none of our business."""
        with self._lock:
            if table not in self._tables or table in self._expected:
                return
            if table in self._running:
                self._again.add(table)
                return
            self._expected.add(table)
        self._bring_forward(table, self._debounce)

    def started(self, table: str) -> None:
        """A look at a table begins; hints up to now are answered by it."""
        with self._lock:
            self._expected.discard(table)
            self._running.add(table)

    def finished(self, table: str) -> None:
        """A look at a table ended."""
        with self._lock:
            self._running.discard(table)
            is_wanted = table in self._again
            self._again.discard(table)
            if is_wanted:
                self._expected.add(table)
        if is_wanted:
            self._bring_forward(table, self._debounce)
