"""What the store keeps, by the shortest words that say what matters in a test."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from connector.state.records import (
    BacklogEntry,
    CycleOutcome,
    CycleRecord,
    DecisionRecord,
    LedgerRow,
    Outcome,
    PlanOrigin,
)
from engine.records import EntityReference

NOW = datetime(2026, 11, 23, 9, 30, 15, 123456, tzinfo=UTC)
"""An instant with all that a database may round away."""

MIRIAM = EntityReference(table="systemuser", id="m" * 36, name="Miriam")
SANJAY = EntityReference(table="systemuser", id="s" * 36, name="Sanjay")


def ledger_row(number: int, **fields: object) -> LedgerRow:
    """A row of the ledger, open and Miriam's unless said otherwise."""
    row = LedgerRow(
        table="lead",
        id=f"{number:036d}",
        etag=f'W/"{number}"',
        owner=MIRIAM,
        is_open=True,
        watched_set="w",
        fingerprint="abc",
        created_on=NOW,
    )
    return replace(row, **fields)  # type: ignore[arg-type]


def decision(row_id: str = "1", cycle_id: str = "c1", **fields: object) -> DecisionRecord:
    """A decision that was written, with a trace, unless said otherwise."""
    made = DecisionRecord(
        table="lead",
        row_id=row_id,
        cycle_id=cycle_id,
        decided_at=NOW,
        outcome=Outcome.APPLIED,
        plan_checksum=f"plan of {cycle_id}",
        rule_set_checksum="r",
        after={"owner": None},
        trace={"rules": []},
    )
    return replace(made, **fields)  # type: ignore[arg-type]


def waiting(row_id: str, **fields: object) -> BacklogEntry:
    """A lead that waits for a seller, and is not tried by itself, unless said otherwise."""
    made = BacklogEntry(
        table="lead", row_id=row_id, reason="r", code="no_capacity", since=NOW, next_try_at=None
    )
    return replace(made, **fields)  # type: ignore[arg-type]


def cycle_record(number: int, **fields: object) -> CycleRecord:
    """An idle cycle that began so many minutes after NOW, unless said otherwise."""
    record = CycleRecord(
        id=f"{number:036d}",
        table="lead",
        origin=PlanOrigin.CYCLE,
        started_at=NOW + timedelta(minutes=number),
        outcome=CycleOutcome.DONE,
        counts={"pages": 1, "rows_read": 3, "echoes": 3},
    )
    return replace(record, **fields)  # type: ignore[arg-type]
