"""Writes rows back, each guarded by its row version; which rows, and why, was decided before."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from itertools import islice, takewhile

from connector.dataverse.channel import Attempts, Channel
from connector.dataverse.definitions.reader import MetadataReader
from connector.dataverse.reads.rows import RowReader
from connector.dataverse.wire.payloads import ETAG
from connector.dataverse.writes.actions import DataverseActions
from connector.dataverse.writes.bulk import BulkSender
from connector.dataverse.writes.encoding import WriteEncoder
from connector.dataverse.writes.outcomes import OutcomeReader, confirm, fail
from connector.ports import RowWrite, WriteOutcome, WriteResult
from engine.errors import LeadrobinError
from engine.records import EntityReference

Task = Callable[[], list[WriteResult]]


class WriteWay(StrEnum):
    """How writes travel."""

    AUTO = "auto"
    PARALLEL = "parallel"
    BATCH = "batch"
    MULTIPLE = "multiple"


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteOptions:
    """How many writes are under way at once, and how many share a request.

    `auto` sends single requests in parallel up to `few` writes, so that logs, plug-in traces and
    429s tell them apart, and batches of them beyond, or when the budget has not that many requests
    left.
    """

    way: WriteWay = WriteWay.AUTO
    concurrency: int = 8
    batch_size: int = 100
    few: int = 100


class RowSender:
    """Yields a result for every write that was begun, as they finish."""

    def __init__(
        self,
        channel: Channel,
        encoder: WriteEncoder,
        *,
        bulk: BulkSender,
        actions: DataverseActions,
        reader: RowReader,
        metadata: MetadataReader,
    ) -> None:
        self._channel = channel
        self._encoder = encoder
        self._bulk = bulk
        self._actions = actions
        self._reader = reader
        self._metadata = metadata
        self._outcomes = OutcomeReader(reader)

    def write_rows(
        self,
        writes: Sequence[RowWrite],
        options: WriteOptions,
        *,
        is_stopping: Callable[[], bool],
    ) -> Iterator[WriteResult]:
        """Send all writes; a failure of one never stops the others.

        Once `is_stopping` says so, requests under way are finished and give their results; what was
        not begun is not sent and has none. When the consumer stops early, results of requests under
        way are lost to it.
        """
        tasks = takewhile(lambda _: not is_stopping(), self._plan(writes, options))
        with ThreadPoolExecutor(options.concurrency, thread_name_prefix="write") as pool:
            running: set[Future[list[WriteResult]]] = set()
            try:
                running.update(pool.submit(task) for task in islice(tasks, options.concurrency))
                while running:
                    done, running = wait(running, return_when=FIRST_COMPLETED)
                    running.update(pool.submit(task) for task in islice(tasks, len(done)))
                    for future in done:
                        yield from future.result()
            finally:
                pool.shutdown(cancel_futures=True)

    def write_one(self, write: RowWrite) -> WriteResult:
        """One conditional PATCH, and the queue where one is wanted."""
        result = self._patch(write) if write.columns or write.binds else None
        if write.queue is None:
            return result or WriteResult(
                table=write.table, id=write.id, outcome=WriteOutcome.ALREADY_SO, etag=write.etag
            )
        if result is not None and result.outcome not in {
            WriteOutcome.APPLIED,
            WriteOutcome.ALREADY_SO,
        }:
            return result
        queued = self._actions.add_to_queue(
            EntityReference(table=write.table, id=write.id), write.queue.id
        )
        return queued if result is None or queued.outcome is WriteOutcome.FAILED else result

    def _plan(self, writes: Sequence[RowWrite], options: WriteOptions) -> Iterator[Task]:
        shared: dict[str, list[RowWrite]] = {}
        single: list[RowWrite] = []
        for write in writes:
            if self._can_share(write):
                shared.setdefault(write.table, []).append(write)
            else:
                single.append(write)
        for group in shared.values():
            way = self._choose_way(len(group), options)
            if way is WriteWay.PARALLEL:
                single = [*group, *single]
                continue
            for chunk in _chunk(group, _choose_size(len(group), options)):
                yield partial(self._send_chunk, chunk, way)
        for write in single:
            yield partial(self._send_one, write)

    def _choose_way(self, count: int, options: WriteOptions) -> WriteWay:
        if options.way is not WriteWay.AUTO:
            return options.way
        is_affordable = count <= min(options.few, self._channel.users.room())
        return WriteWay.PARALLEL if is_affordable or count == 1 else WriteWay.BATCH

    def _send_one(self, write: RowWrite) -> list[WriteResult]:
        return [self.write_one(write)]

    def _send_chunk(self, chunk: Sequence[RowWrite], way: WriteWay) -> list[WriteResult]:
        try:
            if way is WriteWay.MULTIPLE and self._may_use_multiple(chunk):
                return self._bulk.send_multiple(chunk)
            return self._bulk.send_batch(chunk)
        except LeadrobinError as error:
            return [fail(write, error) for write in chunk]

    def _may_use_multiple(self, chunk: Sequence[RowWrite]) -> bool:
        """UpdateMultiple knows no row versions, and not every table has it."""
        return (
            all(write.etag is None for write in chunk)
            and self._encoder.share_headers(chunk)
            and self._metadata.has_message(chunk[0].table, "UpdateMultiple")
        )

    def _can_share(self, write: RowWrite) -> bool:
        return (
            write.queue is None
            and bool(write.columns or write.binds)
            and not self._needs_reading_first(write)
        )

    def _needs_reading_first(self, write: RowWrite) -> bool:
        """Where a table knows no row versions, the version is compared by reading just before the
        write.
        """
        try:
            address = self._metadata.locate(write.table)
        except LeadrobinError:
            return False
        return write.etag is not None and not address.optimistic_concurrency

    def _patch(self, write: RowWrite) -> WriteResult:
        attempts = Attempts()
        try:
            if not self._needs_reading_first(write):
                return self._send(write, attempts)
            if not self._is_as_read(write):
                return self._outcomes.from_row(write, attempts=1)
            return self._send(write, attempts, any_version=True)
        except LeadrobinError as error:
            return self._outcomes.from_error(write, error, attempts=max(1, attempts.count))

    def _send(
        self, write: RowWrite, attempts: Attempts, *, any_version: bool = False
    ) -> WriteResult:
        request = self._encoder.build_request(write, any_version=any_version)
        reply = self._channel.call(request, attempts)
        return confirm(
            write,
            reply.body,
            header=reply.headers.get("ETag"),
            request_id=reply.request_id,
            attempts=attempts.count,
        )

    def _is_as_read(self, write: RowWrite) -> bool:
        """Whether the row still has the version that the write was decided on."""
        address = self._metadata.locate(write.table)
        row = self._reader.fetch_row(write.table, write.id, (address.primary_id,))
        return row is not None and row.get(ETAG) == write.etag


def _choose_size(count: int, options: WriteOptions) -> int:
    """Small enough that every thread has work, at most the configured size."""
    return max(1, min(options.batch_size, -(-count // options.concurrency)))


def _chunk(writes: Sequence[RowWrite], size: int) -> Iterator[Sequence[RowWrite]]:
    for start in range(0, len(writes), size):
        yield writes[start : start + size]
