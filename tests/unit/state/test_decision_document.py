"""Decisions as documents: the keys of the first version stay."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from connector.state.decision_document import build_decision_document, parse_decision_document
from connector.state.records import DecisionKind, DecisionRecord, Outcome, Previous
from engine.records import EntityReference

MIRIAM = EntityReference(table="systemuser", id="m", name="Miriam")

ASSIGNED = DecisionRecord(
    table="lead",
    row_id="1",
    cycle_id="c",
    decided_at=datetime(2026, 11, 23, 9, 30, 15, 123456, tzinfo=UTC),
    outcome=Outcome.INTENDED,
    plan_checksum="p",
    rule_set_checksum="r",
    segment="UK",
    rule="UK to all",
    segmentation_status=2,
    routing_status=2,
    before={"owner": None},
    after={"owner": None, "sequence": "Welcome"},
    trace={"segments": []},
    message="because",
)

DECISIONS = {
    "assigned": ASSIGNED,
    "taken back": replace(ASSIGNED, kind=DecisionKind.TAKEN_BACK, previous=Previous(owner=MIRIAM)),
    "undone": replace(
        ASSIGNED,
        kind=DecisionKind.UNDONE,
        previous=Previous(was_decided=False, was_manual=True),
    ),
    "manual": replace(ASSIGNED, kind=DecisionKind.MANUAL, outcome=Outcome.MANUAL, trace=None),
}

KEYS: Mapping[str, Mapping[str, object]] = {
    "assigned": {},
    "taken back": {"taken_from": {"table": "systemuser", "id": "m", "name": "Miriam"}},
    "undone": {"undone": True, "was_decided": False, "was_manual": True},
    "manual": {},
}


@pytest.mark.parametrize("kind", list(DECISIONS))
def test_a_document_has_the_keys_it_always_had(kind: str) -> None:
    decision = DECISIONS[kind]
    assert build_decision_document(decision) == {
        "table": "lead",
        "row_id": "1",
        "cycle_id": "c",
        "decided_at": "2026-11-23T09:30:15.123456Z",
        "outcome": decision.outcome.value,
        "plan_checksum": "p",
        "rule_set_checksum": "r",
        "segment": "UK",
        "rule": "UK to all",
        "segmentation_status": 2,
        "routing_status": 2,
        "sequence_status": None,
        "before": {"owner": None},
        "after": {"owner": None, "sequence": "Welcome", **KEYS[kind]},
        "trace": decision.trace,
        "request_id": None,
        "message": "because",
        "etag": None,
    }


@pytest.mark.parametrize("kind", list(DECISIONS))
def test_a_document_is_read_as_the_decision_it_was(kind: str) -> None:
    decision = DECISIONS[kind]
    assert parse_decision_document(build_decision_document(decision)) == decision
