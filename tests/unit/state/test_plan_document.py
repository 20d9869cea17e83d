"""Plans as documents: what a version before saved is read as the plan it was."""

import json
from typing import Any

import pytest

from connector.state.plan_document import (
    build_plan_document,
    build_reference_data,
    parse_plan_document,
    parse_reference,
)
from engine.errors import ConfigProblem
from engine.plans.changes import (
    OwnerChange,
    PlannedRow,
    QueueChange,
    SegmentChange,
    SequenceChange,
    Skip,
)
from engine.plans.plan import build_plan
from engine.records import EntityReference

MIRIAM = EntityReference(table="systemuser", id="m", name="Miriam")
QUEUE = EntityReference(table="queue", id="q")

PLAN = build_plan(
    "rules",
    [
        PlannedRow(
            table="lead",
            id="1",
            etag='W/"1"',
            changes=(
                OwnerChange(before=None, after=MIRIAM),
                SegmentChange(before=None, after="s"),
                SequenceChange(before="t", after=None),
            ),
            segment="UK",
            rule="UK to all",
            reason="OWNER_ASSIGNED",
            is_reassignment=True,
        ),
        PlannedRow(table="lead", id="2", etag=None, changes=(QueueChange(after=QUEUE),)),
        Skip(table="lead", id="3", reason="why"),
    ],
)

SAVED = """{
  "format": 1,
  "checksum": "59425d526c8e1ec906baad1fe54ae6b22b3dda8b86ce4a0e5278a93be21df453",
  "rule_set_checksum": "rules",
  "rows": [
    {"table": "lead", "id": "1", "etag": "W/\\"1\\"", "segment": "UK", "rule": "UK to all",
     "reason": "OWNER_ASSIGNED", "is_reassignment": true, "changes": [
       {"change": "owner", "before": null,
        "after": {"table": "systemuser", "id": "m", "name": "Miriam"}},
       {"change": "segment", "before": null, "after": "s"},
       {"change": "sequence", "before": "t", "after": null}]},
    {"table": "lead", "id": "2", "etag": null, "segment": null, "rule": null, "reason": "",
     "is_reassignment": false, "changes": [
       {"change": "queue", "after": {"table": "queue", "id": "q", "name": null}}]}
  ],
  "skips": [{"table": "lead", "id": "3", "reason": "why"}]
}"""
"""The plan as the first version wrote it."""


def saved() -> dict[str, Any]:
    """The document that can be changed."""
    document: dict[str, Any] = json.loads(SAVED)
    return document


def test_a_plan_is_spelled_as_it_always_was() -> None:
    document = build_plan_document(PLAN)
    assert json.dumps(document) == json.dumps(saved())


def test_a_saved_plan_is_read_as_it_was() -> None:
    assert parse_plan_document(saved()) == PLAN


@pytest.mark.parametrize(
    "changed",
    [
        {"format": 2},
        {"rows": None},
        {"rows": [{"table": "lead"}]},
        {"skips": [{"table": "lead"}]},
        {"rows": [{**saved()["rows"][1], "changes": [{"change": "colour", "after": "red"}]}]},
        {"rows": [{**saved()["rows"][1], "changes": [{"change": "queue", "after": None}]}]},
        {"rows": [{**saved()["rows"][1], "changes": [{"change": "segment", "after": 7}]}]},
    ],
)
def test_what_is_no_plan_is_refused(changed: dict[str, Any]) -> None:
    with pytest.raises(ConfigProblem, match="not a plan that `leadrobin plan --out` wrote"):
        parse_plan_document({**saved(), **changed})


@pytest.mark.parametrize("document", [None, [], "plan", {}])
def test_anything_else_is_refused(document: object) -> None:
    with pytest.raises(ConfigProblem, match="not a plan"):
        parse_plan_document(document)


def test_a_plan_that_somebody_changed_is_refused() -> None:
    document = saved()
    document["rows"][0]["changes"][0]["after"]["id"] = "s"
    with pytest.raises(ConfigProblem, match="was changed after it was made"):
        parse_plan_document(document)


@pytest.mark.parametrize("reference", [MIRIAM, QUEUE, None])
def test_a_reference_is_read_as_it_was(reference: EntityReference | None) -> None:
    data = build_reference_data(reference)
    found = parse_reference(data)
    assert found == reference
    assert (found and found.name) == (reference and reference.name)


def test_a_reference_may_lack_a_name() -> None:
    assert parse_reference({"table": "queue", "id": "q"}) == QUEUE
