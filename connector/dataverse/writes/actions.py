"""Actions that are not safe to repeat: each looks first whether its work is done already."""

from collections.abc import Callable, Sequence

from connector.dataverse.channel import Channel
from connector.dataverse.definitions.reader import MetadataReader
from connector.dataverse.reads.rows import RowReader
from connector.dataverse.wire import odata
from connector.dataverse.wire.errors import (
    DataverseError,
    LostReply,
    Reaction,
    RowFault,
    TransientFault,
)
from connector.dataverse.wire.payloads import encode_json
from connector.dataverse.wire.transport import Request
from connector.ports import IS_ACTIVE, Comparison, WriteOutcome, WriteResult, equals
from engine.errors import LeadrobinError
from engine.records import EntityReference

_TRIES = 3
_OUTCOMES = {
    Reaction.GONE: WriteOutcome.ROW_GONE,
    Reaction.FORBIDDEN: WriteOutcome.FORBIDDEN,
    Reaction.REFUSED: WriteOutcome.REFUSED,
    Reaction.CONFLICT: WriteOutcome.CONFLICT,
}


class DataverseActions:
    """Queues and sequences."""

    def __init__(
        self, channel: Channel, metadata: MetadataReader, reader: RowReader, *, tag: str | None
    ) -> None:
        self._channel = channel
        self._metadata = metadata
        self._reader = reader
        self._tag = tag

    def add_to_queue(self, row: EntityReference, queue_id: str) -> WriteResult:
        """Put a row into a queue; a row that is there already stays as it is.

        https://learn.microsoft.com/power-apps/developer/data-platform/webapi/reference/addtoqueue
        """
        queues = self._metadata.locate("queue").entity_set
        target = {
            "@odata.type": f"Microsoft.Dynamics.CRM.{row.table}",
            self._metadata.locate(row.table).primary_id: row.id,
        }
        waiting = (
            equals("_objectid_value", row.id),
            equals("_queueid_value", queue_id),
            IS_ACTIVE,
        )
        return self._run(
            row,
            f"{queues}({queue_id})/Microsoft.Dynamics.CRM.AddToQueue",
            {"Target": target},
            is_done=lambda: self._exists("queueitem", "queueitemid", waiting),
        )

    def connect_sequence(
        self, row: EntityReference, sequence_id: str, *, segment_id: str | None = None
    ) -> WriteResult:
        """Connect a sequence to a row through `msdyn_ConnectSequence`, unless it is connected
        already.
        """
        body = {
            "RegardingEntityId": row.id,
            "RegardingEntityName": row.table,
            "SequenceId": sequence_id,
        }
        if segment_id is not None:
            body["SegmentId"] = segment_id
        connected = (
            equals("_msdyn_target_value", row.id),
            equals("_msdyn_parentsequence_value", sequence_id),
            IS_ACTIVE,
        )
        return self._run(
            row,
            "msdyn_ConnectSequence",
            body,
            is_done=lambda: self._exists(
                "msdyn_sequencetarget", "msdyn_sequencetargetid", connected
            ),
        )

    def _run(
        self, row: EntityReference, path: str, body: object, *, is_done: Callable[[], bool]
    ) -> WriteResult:
        url = f"{self._channel.api}{path}"
        if self._tag:
            url += f"?tag={odata.quote_value(self._tag)}"
        request = Request(
            method="POST",
            url=url,
            operation="action",
            body=encode_json(body),
            is_repeatable=False,
        )
        error: LeadrobinError | None = None
        try:
            for attempt in range(1, _TRIES + 1):
                if is_done():
                    outcome = WriteOutcome.APPLIED if attempt > 1 else WriteOutcome.ALREADY_SO
                    return _result(row, outcome, attempt)
                try:
                    reply = self._channel.call(request)
                except (LostReply, TransientFault) as lost:
                    error = lost
                    continue
                return _result(row, WriteOutcome.APPLIED, attempt, request_id=reply.request_id)
        except LeadrobinError as refused:
            error = refused
        return _explain(row, error)

    def _exists(self, table: str, column: str, where: Sequence[Comparison]) -> bool:
        return any(True for _ in self._reader.read_rows(table, (column,), where=where))


def _explain(row: EntityReference, error: LeadrobinError | None) -> WriteResult:
    outcome, request_id = WriteOutcome.FAILED, None
    if isinstance(error, DataverseError):
        request_id = error.fault.request_id
    if isinstance(error, RowFault):
        outcome = _OUTCOMES.get(error.fault.reaction, WriteOutcome.FAILED)
    return _result(row, outcome, _TRIES, request_id=request_id, message=str(error))


def _result(
    row: EntityReference,
    outcome: WriteOutcome,
    attempts: int,
    *,
    request_id: str | None = None,
    message: str | None = None,
) -> WriteResult:
    return WriteResult(
        table=row.table,
        id=row.id,
        outcome=outcome,
        attempts=attempts,
        request_id=request_id,
        message=message,
    )
