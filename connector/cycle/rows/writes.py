"""Writes an open plan and records how it ended; what is written was decided before."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from connector.cycle.context import Cycle, CycleOptions, Seams
from connector.cycle.rows.outcomes import ARRIVED
from connector.ports import RowWrite, RowWriter, SequenceConnector, WriteOutcome, WriteResult
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


def write_rows(cycle: Cycle, rows: Iterable[PlannedRow]) -> dict[str, WriteResult]:
    """Write rows chunk by chunk until done or stopping; results by row id, absent = not done."""
    results: dict[str, WriteResult] = {}
    planned = {row.id: row for row in rows}
    for chunk in _chunks([*planned.values()], _choose_chunk(cycle.options, len(planned))):
        if cycle.seams.is_stopping():
            break
        cycle.seams.keep_lease()
        for result in _send(cycle.seams, cycle.table, chunk):
            # Asked for every row: who slept in the midst of a chunk must not write the rest of it.
            cycle.seams.keep_lease()
            results[result.id] = _connect(
                cycle.seams.connector, cycle.table, planned[result.id], result
            )
            cycle.seams.report("written", 1)
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


def _send(seams: Seams, table: WatchedTable, rows: Sequence[PlannedRow]) -> Iterator[WriteResult]:
    """Send the writes of some rows; a row without any is as it should be."""
    if seams.options.splits_owner:
        return _send_in_two(seams.writer, table, rows)
    return _send_at_once(seams.writer, table, rows)


def _send_at_once(
    writer: RowWriter, table: WatchedTable, rows: Sequence[PlannedRow]
) -> Iterator[WriteResult]:
    """All changes of a row in one write."""
    writes = [build_write(table, row) for row in rows]
    yield from writer.write_rows([write for write in writes if write.binds or write.queue])
    for write in writes:
        if not write.binds and not write.queue:
            yield WriteResult(
                table=write.table, id=write.id, outcome=WriteOutcome.ALREADY_SO, etag=write.etag
            )


def _send_in_two(
    writer: RowWriter, table: WatchedTable, rows: Sequence[PlannedRow]
) -> Iterator[WriteResult]:
    """Lookups and queue first; then the owner, guarded by the version that made."""
    owners: list[PlannedRow] = []
    others = [replace(row, changes=_without_owner(row)) for row in rows]
    by_id = {row.id: row for row in rows}
    for result in _send_at_once(writer, table, others):
        row = by_id[result.id]
        if row.owner_change is None or result.outcome not in ARRIVED:
            yield result
        else:
            owners.append(replace(row, etag=result.etag or row.etag, changes=(row.owner_change,)))
    yield from _send_at_once(writer, table, owners)


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
    connector: SequenceConnector | None, table: WatchedTable, row: PlannedRow, result: WriteResult
) -> WriteResult:
    """Connect the sequence by action once the row is as planned; a failure is the row's outcome."""
    sequence = next((c.after for c in row.changes if isinstance(c, SequenceChange)), None)
    if not table.writes.by_action or sequence is None or connector is None:
        return result
    if result.outcome not in ARRIVED:
        return result
    connected = connector.connect_sequence(
        EntityReference(table=row.table, id=row.id),
        sequence,
        segment_id=table.segment_ids.get(row.segment or ""),
    )
    if connected.outcome in ARRIVED:
        return replace(result, etag=connected.etag or result.etag)
    return replace(result, outcome=connected.outcome, message=f"the sequence: {connected.message}")
