"""What became of a write; where the answer leaves doubt, the row is read again."""

from connector.dataverse.reads.rows import RowReader
from connector.dataverse.wire.errors import Fault, Reaction, RowFault
from connector.dataverse.wire.payloads import ETAG, decode_row
from connector.dataverse.writes.encoding import is_in_force, list_wire_columns
from connector.ports import RowWrite, WriteOutcome, WriteResult
from engine.errors import LeadrobinError

_OUTCOMES = {
    Reaction.FORBIDDEN: WriteOutcome.FORBIDDEN,
    Reaction.REFUSED: WriteOutcome.REFUSED,
}


class OutcomeReader:
    """Finds the outcomes of single writes."""

    def __init__(self, reader: RowReader) -> None:
        self._reader = reader

    def from_fault(self, write: RowWrite, fault: Fault, *, attempts: int = 1) -> WriteResult:
        """The outcome of a write the service refused.

        A conflict is looked into: when the row already is what we wanted, an earlier attempt of
        ours whose answer was lost did it, or somebody else.
        """
        match fault.reaction:
            case Reaction.CONFLICT:
                return self.from_row(write, attempts=attempts, fault=fault)
            case Reaction.GONE:
                outcome = (
                    WriteOutcome.REFUSED
                    if _is_about_target(write, fault)
                    else WriteOutcome.ROW_GONE
                )
                return _result(write, outcome, fault, attempts)
            case reaction:
                return _result(write, _OUTCOMES.get(reaction, WriteOutcome.FAILED), fault, attempts)

    def from_row(
        self, write: RowWrite, *, attempts: int, fault: Fault | None = None
    ) -> WriteResult:
        """Read the row and say whether the write is in force."""
        row = self._reader.fetch_row(write.table, write.id, list_wire_columns(write))
        if row is None:
            return _result(write, WriteOutcome.ROW_GONE, fault, attempts)
        etag = str(row[ETAG]) if ETAG in row else None
        if is_in_force(write, row):
            was_ours = attempts > 1 and etag != write.etag
            outcome = WriteOutcome.APPLIED if was_ours else WriteOutcome.ALREADY_SO
            return _result(write, outcome, None, attempts, etag)
        return _result(write, WriteOutcome.CONFLICT, fault, attempts, etag)

    def from_error(self, write: RowWrite, error: LeadrobinError, *, attempts: int) -> WriteResult:
        """The outcome of a write that ended in an exception."""
        if not isinstance(error, RowFault):
            return fail(write, error, attempts=attempts)
        try:
            return self.from_fault(write, error.fault, attempts=attempts)
        except LeadrobinError as second:
            return fail(write, second, attempts=attempts)


def fail(write: RowWrite, error: Exception, *, attempts: int = 1) -> WriteResult:
    """A write that did not happen as far as we know; the next cycle looks again."""
    return WriteResult(
        table=write.table,
        id=write.id,
        outcome=WriteOutcome.FAILED,
        attempts=attempts,
        message=str(error),
    )


def confirm(
    write: RowWrite, body: bytes, *, header: str | None, request_id: str | None, attempts: int = 1
) -> WriteResult:
    """A write the service accepted; the new row version is in the body or in a header."""
    etag = header
    if body.strip():
        found = decode_row(body).get(ETAG)
        etag = str(found) if found is not None else header
    return WriteResult(
        table=write.table,
        id=write.id,
        outcome=WriteOutcome.APPLIED,
        etag=etag,
        attempts=attempts,
        request_id=request_id,
    )


def _result(
    write: RowWrite,
    outcome: WriteOutcome,
    fault: Fault | None,
    attempts: int,
    etag: str | None = None,
) -> WriteResult:
    return WriteResult(
        table=write.table,
        id=write.id,
        outcome=outcome,
        etag=etag,
        attempts=attempts,
        request_id=fault.request_id if fault else None,
        message=fault.describe(f"PATCH {write.table}({write.id})") if fault else None,
    )


def _is_about_target(write: RowWrite, fault: Fault) -> bool:
    """Whether "does not exist" speaks of a row a lookup was to point to, not of the row itself."""
    text = fault.message.lower()
    if write.id.lower() in text:
        return False
    return any(
        reference.id.lower() in text for reference in write.binds.values() if reference is not None
    )
