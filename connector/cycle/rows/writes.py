"""Writes an open plan and records how it ended; what is written was decided before."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from connector.cycle.context import CycleOptions, CycleParts, CycleRun
from connector.cycle.rows.outcomes import ARRIVED
from connector.ports import RowWrite, WriteOutcome, WriteResult
from connector.watched_tables.watched_table import WatchedTable
from engine.plans.changes import (
    Change,
    OwnerChange,
    PlannedRow,
    QueueChange,
    SegmentChange,
    SequenceChange,
)
from engine.records import EntityReference


def write_rows(
    parts: CycleParts, run: CycleRun, rows: Iterable[PlannedRow]
) -> dict[str, WriteResult]:
    """Write rows chunk by chunk until done or stopping; results by row id, absent = not done."""
    results: dict[str, WriteResult] = {}
    planned = {row.id: row for row in rows}
    for chunk in _chunks([*planned.values()], _choose_chunk(parts.options, len(planned))):
        if parts.is_stopping():
            break
        parts.keep_lease()
        for result in _send(parts, run.table, chunk):
            # Asked for every row: who slept in the midst of a chunk must not write the rest of it.
            parts.keep_lease()
            results[result.id] = _connect(parts, run.table, planned[result.id], result)
            parts.report("written", 1)
    return results


def build_write(table: WatchedTable, row: PlannedRow) -> RowWrite:
    """The one write that carries all changes of a row."""
    binds: dict[str, EntityReference | None] = {}
    queue: EntityReference | None = None
    for change in row.changes:
        match change:
            case OwnerChange(after=owner):
                binds["ownerid"] = owner
            case QueueChange(after=target):
                queue = target
            case SegmentChange(after=segment):
                if table.writes.segment is not None:
                    binds[table.writes.segment] = _reference("msdyn_segment", segment)
            case SequenceChange(after=sequence):
                if table.writes.sequence is not None:
                    binds[table.writes.sequence] = _reference("msdyn_sequence", sequence)
    return RowWrite(
        table=row.table, id=row.id, etag=row.etag, binds=binds, queue=queue, rule=row.rule
    )


def _send(
    parts: CycleParts, table: WatchedTable, rows: Sequence[PlannedRow]
) -> Iterator[WriteResult]:
    """Send the writes of some rows; a row without any is as it should be."""
    if parts.options.splits_owner:
        yield from _send_in_two(parts, table, rows)
        return
    writes = [build_write(table, row) for row in rows]
    yield from parts.writer.write_rows([write for write in writes if write.binds or write.queue])
    for write in writes:
        if not write.binds and not write.queue:
            yield WriteResult(
                table=write.table, id=write.id, outcome=WriteOutcome.ALREADY_SO, etag=write.etag
            )


def _send_in_two(
    parts: CycleParts, table: WatchedTable, rows: Sequence[PlannedRow]
) -> Iterator[WriteResult]:
    """Lookups and queue first; then the owner, guarded by the version that made."""
    together = replace(parts, options=replace(parts.options, splits_owner=False))
    owners: list[PlannedRow] = []
    others = [replace(row, changes=_without_owner(row)) for row in rows]
    by_id = {row.id: row for row in rows}
    for result in _send(together, table, others):
        row = by_id[result.id]
        if row.owner_change is None or result.outcome not in ARRIVED:
            yield result
        else:
            owners.append(replace(row, etag=result.etag or row.etag, changes=(row.owner_change,)))
    yield from _send(together, table, owners)


def _without_owner(row: PlannedRow) -> tuple[Change, ...]:
    return tuple(change for change in row.changes if not isinstance(change, OwnerChange))


def _choose_chunk(options: CycleOptions, count: int) -> int:
    return options.write_chunk if count <= options.few_writes else options.large_write_chunk


def _chunks(rows: Sequence[PlannedRow], size: int) -> Iterator[Sequence[PlannedRow]]:
    for start in range(0, len(rows), size):
        yield rows[start : start + size]


def _reference(table: str, row_id: str | None) -> EntityReference | None:
    return None if row_id is None else EntityReference(table=table, id=row_id)


def _connect(
    parts: CycleParts, table: WatchedTable, row: PlannedRow, result: WriteResult
) -> WriteResult:
    """Connect the sequence by action once the row is as planned; a failure is the row's outcome."""
    sequence = next((c.after for c in row.changes if isinstance(c, SequenceChange)), None)
    if not table.writes.by_action or sequence is None or parts.connector is None:
        return result
    if result.outcome not in ARRIVED:
        return result
    connected = parts.connector.connect_sequence(
        row.table, row.id, sequence, segment_id=table.segment_ids.get(row.segment or "")
    )
    if connected.outcome in ARRIVED:
        return replace(result, etag=connected.etag or result.etag)
    return replace(result, outcome=connected.outcome, message=f"the sequence: {connected.message}")
