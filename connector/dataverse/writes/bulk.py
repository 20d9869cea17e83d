"""Sends many writes in one request: `$batch` of conditional PATCHes, or UpdateMultiple; the choice
is in `sender`.
"""

from collections.abc import Callable, Sequence

from connector.dataverse.channel import Attempts, Channel
from connector.dataverse.wire.errors import Fault, Reaction, RowFault
from connector.dataverse.wire.transport import Reply, Request, build_fault
from connector.dataverse.writes.batch import PartReply, decode_batch, encode_batch
from connector.dataverse.writes.encoding import WriteEncoder
from connector.dataverse.writes.outcomes import OutcomeReader, confirm, fail
from connector.errors import RetriableError
from connector.ports import Clock, RowWrite, WriteResult
from engine.errors import LeadrobinError

_ROUNDS = 4
_AGAIN = frozenset(
    {Reaction.THROTTLED, Reaction.TRANSIENT, Reaction.BOUNDED, Reaction.SERVER_ERROR}
)


class BulkSender:
    """Writes of one table in one request; each row still gets its own result."""

    def __init__(
        self,
        channel: Channel,
        encoder: WriteEncoder,
        *,
        outcomes: OutcomeReader,
        clock: Clock,
        new_id: Callable[[], str],
    ) -> None:
        self._channel = channel
        self._encoder = encoder
        self._outcomes = outcomes
        self._clock = clock
        self._new_id = new_id

    def send_batch(self, writes: Sequence[RowWrite]) -> list[WriteResult]:
        """Independent PATCHes in one `$batch`; parts throttled or left unanswered go again."""
        results: list[WriteResult] = []
        pending = list(writes)
        attempts = Attempts()
        for _ in range(_ROUNDS):
            try:
                replies = self._post(pending, attempts)
            except LeadrobinError as error:
                sent = max(1, attempts.count)
                return [*results, *(fail(write, error, attempts=sent) for write in pending)]
            done, pending = self._read_replies(pending, replies, attempts.count)
            results.extend(done)
            if not pending:
                return results
        exhausted = RetriableError("the batch was answered in part again and again")
        return [*results, *(fail(write, exhausted, attempts=attempts.count) for write in pending)]

    def send_multiple(self, writes: Sequence[RowWrite]) -> list[WriteResult]:
        """UpdateMultiple, all or nothing; when it is refused the rows go one by one in a batch.

        https://learn.microsoft.com/power-apps/developer/data-platform/bulk-operations
        """
        try:
            reply = self._channel.call(self._encoder.build_multiple(writes))
        except RowFault:
            return self.send_batch(writes)
        except LeadrobinError as error:
            return [fail(write, error) for write in writes]
        return [confirm(write, b"", header=None, request_id=reply.request_id) for write in writes]

    def _post(self, writes: Sequence[RowWrite], attempts: Attempts) -> list[PartReply]:
        boundary = f"batch_{self._new_id()}"
        request = Request(
            method="POST",
            url=f"{self._channel.api}$batch",
            operation="batch",
            headers={
                "Content-Type": f'multipart/mixed; boundary="{boundary}"',
                "Prefer": "odata.continue-on-error",
            },
            body=encode_batch([self._encoder.build_part(write) for write in writes], boundary),
            operations=len(writes),
        )
        return self._decode(self._channel.call(request, attempts))

    def _decode(self, reply: Reply) -> list[PartReply]:
        try:
            return decode_batch(reply.body, reply.headers.get("Content-Type", ""))
        except ValueError as error:
            raise RetriableError(
                f"the answer {reply.request_id} to a batch cannot be read: {error}"
            ) from error

    def _read_replies(
        self, writes: Sequence[RowWrite], replies: Sequence[PartReply], attempt: int
    ) -> tuple[list[WriteResult], list[RowWrite]]:
        """Match answers to writes by position; writes beyond the last answer are pending."""
        done: list[WriteResult] = []
        pending: list[RowWrite] = []
        for write, reply in zip(writes, replies, strict=False):
            result = self._read_part(write, reply, attempt)
            if result is None:
                pending.append(write)
            else:
                done.append(result)
        return done, [*pending, *writes[len(replies) :]]

    def _read_part(self, write: RowWrite, reply: PartReply, attempt: int) -> WriteResult | None:
        request_id = reply.find_header("req_id")
        if reply.status < 400:
            return confirm(
                write,
                reply.body,
                header=reply.find_header("etag"),
                request_id=request_id,
                attempts=attempt,
            )
        fault = build_fault(
            reply.status,
            reply.body,
            request_id=request_id,
            retry_after=reply.find_header("retry-after"),
            now=self._clock.now(),
        )
        if fault.reaction is Reaction.THROTTLED:
            self._channel.users.pause(fault)
        if fault.reaction in _AGAIN:
            return None
        return self._read_outcome(write, fault, attempt)

    def _read_outcome(self, write: RowWrite, fault: Fault, attempt: int) -> WriteResult:
        try:
            return self._outcomes.from_fault(write, fault, attempts=attempt)
        except LeadrobinError as error:
            return fail(write, error, attempts=attempt)
