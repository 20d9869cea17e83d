"""Records of cycles in SQL."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import delete, false, select, true, update

from connector.state.records import CycleOutcome, CycleRecord
from connector.store.statements import Statements, build_values, upsert_rows
from connector.store.tables import cycles

BROKEN_OFF = "its process ended before it did; the next cycle settled what it left open"


class CycleSession(Statements):
    """Cycles within one transaction."""

    def save_cycle(self, cycle: CycleRecord) -> None:
        """Insert or replace a cycle's record."""
        values = {**build_values(cycle), "is_idle": cycle.is_idle}
        upsert_rows(self._connection, cycles, [values])

    def list_cycles(self, limit: int, *, with_idle: bool = True) -> Sequence[CycleRecord]:
        """The latest cycles, newest first; without the idle ones if those are not wanted."""
        query = select(cycles).order_by(cycles.c.started_at.desc(), cycles.c.id).limit(limit)
        if not with_idle:
            query = query.where(cycles.c.is_idle == false())
        return self._read(query, CycleRecord)

    def break_off_cycles(self, table: str, at: datetime) -> int:
        """Note that cycles of a table which still seem to run do not; how many."""
        ended = self._connection.execute(
            update(cycles)
            .where(cycles.c.table == table, cycles.c.outcome == CycleOutcome.RUNNING.value)
            .values(outcome=CycleOutcome.BROKEN_OFF.value, finished_at=at, message=BROKEN_OFF)
        )
        return ended.rowcount

    def prune_idle(self, table: str, before: datetime) -> int:
        """Forget idle cycles of a table that are older; how many."""
        older = cycles.c.table == table, cycles.c.started_at < before
        idle = delete(cycles).where(cycles.c.is_idle == true(), *older)
        return self._connection.execute(idle).rowcount

    def prune_cycles(self, table: str, before: datetime) -> int:
        """Forget cycles of a table that are older, idle or not; how many."""
        older = cycles.c.table == table, cycles.c.started_at < before
        return self._connection.execute(delete(cycles).where(*older)).rowcount
