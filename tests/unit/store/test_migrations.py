"""Stores that a version before wrote are read as what they meant."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pytest
from alembic import command
from sqlalchemy import Connection, create_engine, text

from connector.state.records import DecisionKind, DecisionRecord, Previous
from connector.store.migrating import build_alembic_config
from connector.store.opening import SqlStore, head_revision, open_store, upgrade_store
from engine.records import EntityReference

MIRIAM = {"table": "systemuser", "id": "m", "name": "Miriam"}
SANJAY = {"table": "systemuser", "id": "s", "name": None}

UNDONE = {"undone": True, "was_decided": False, "was_manual": True}

OLD: Mapping[str, tuple[str, Mapping[str, object]]] = {
    "assigned": ("applied", {}),
    "nobody": ("unchanged", {"assigned_to": None}),
    "by hand": ("manual", {}),
    "taken": ("applied", {"assigned_to": SANJAY, "taken_from": MIRIAM}),
    "nobody's": ("failed", {"taken_from": None}),
    "undone": ("already_so", UNDONE),
    "undone first": ("conflict", {"undone": True, "was_decided": True}),
}
"""Outcome, and what stood under `after` beside the owner, by row id."""

KINDS = {
    "assigned": (DecisionKind.ASSIGNED, Previous()),
    "nobody": (DecisionKind.ASSIGNED, Previous()),
    "by hand": (DecisionKind.MANUAL, Previous()),
    "taken": (
        DecisionKind.TAKEN_BACK,
        Previous(owner=EntityReference(table="systemuser", id="m", name="Miriam")),
    ),
    "nobody's": (DecisionKind.TAKEN_BACK, Previous()),
    "undone": (DecisionKind.UNDONE, Previous(was_decided=False, was_manual=True)),
    "undone first": (DecisionKind.UNDONE, Previous()),
}


def write_old_decisions(connection: Connection) -> None:
    """Decisions as revision 0002 kept them."""
    for row_id, (outcome, after) in OLD.items():
        connection.execute(
            text(
                "INSERT INTO decisions (table_name, row_id, cycle_id, decided_at, outcome, "
                "plan_checksum, rule_set_checksum, before, after) VALUES ('lead', :row_id, 'c', "
                "'2026-11-23 09:00:00', :outcome, 'p', 'r', '{}', :after)"
            ),
            {
                "row_id": row_id,
                "outcome": outcome,
                "after": json.dumps({"owner": SANJAY, **after}),
            },
        )


def load_decisions(store_url: str) -> dict[str, DecisionRecord]:
    """The decisions of a store by row id."""
    store = open_store(store_url)
    with store.begin() as session:
        found = {decision.row_id: decision for decision in session.list_decisions()}
    store.close()
    return found


def test_decisions_of_the_version_before_know_their_kind(store_url: str) -> None:
    engine = create_engine(store_url)
    with engine.begin() as connection:
        command.upgrade(build_alembic_config(connection), "0002")
        write_old_decisions(connection)
    assert upgrade_store(store_url) == ("0002", head_revision())
    found = load_decisions(store_url)
    assert {row: (found[row].kind, found[row].previous) for row in found} == KINDS
    assert found["taken"].after["owner"] == SANJAY
    with engine.connect() as connection:
        query = text("SELECT row_id FROM decisions WHERE kind IS NOT NULL ORDER BY number")
        told = list(connection.execute(query).scalars())
    engine.dispose()
    assert told == ["by hand", "taken", "nobody's", "undone", "undone first"]


def test_decisions_that_a_worker_of_the_version_before_adds_meanwhile_know_their_kind(
    store: SqlStore, store_url: str
) -> None:
    with store.engine.begin() as connection:
        write_old_decisions(connection)
    found = load_decisions(store_url)
    assert {row: (found[row].kind, found[row].previous) for row in found} == KINDS


@pytest.mark.parametrize("revision", ["0001", "0002"])
def test_a_store_goes_back_to_the_revision_before(store_url: str, revision: str) -> None:
    engine = create_engine(store_url)
    with engine.begin() as connection:
        config = build_alembic_config(connection)
        command.upgrade(config, "head")
        write_old_decisions(connection)
        command.downgrade(config, revision)
    engine.dispose()
    assert upgrade_store(store_url) == (revision, head_revision())
    found = load_decisions(store_url)
    assert {row: (found[row].kind, found[row].previous) for row in found} == KINDS


OPEN_PLAN = """{
    "plan": {"format": 1, "checksum": "47f7c7fb6add626ae0fd0758f45488ec2159ce8084a687f635c4143301691f13", "rule_set_checksum": "r", "rows": [
        {"table": "lead", "id": "taken", "etag": null, "segment": null, "rule": null,
         "reason": "", "is_reassignment": true, "changes": [
            {"change": "owner", "before": null,
             "after": {"table": "systemuser", "id": "s", "name": null}}]}],
        "skips": []},
    "clocks": [{"seller_id": "s", "last_assigned_at": null, "order": 0, "by_rule": {},
                "turns": 0, "joined_at": null, "head_start": 0}],
    "clocks_after": [{"seller_id": "s", "last_assigned_at": "2026-11-23T09:00:00Z", "order": 1,
                      "by_rule": {"UK": "2026-11-23T09:00:00.5Z"}, "turns": 1,
                      "joined_at": null, "head_start": 0}],
    "decisions": [
        {"table": "lead", "row_id": "taken", "cycle_id": "c",
         "decided_at": "2026-11-23T09:00:00Z", "outcome": "intended", "plan_checksum": "p",
         "rule_set_checksum": "r", "segment": null, "rule": null, "segmentation_status": 2,
         "routing_status": 2, "sequence_status": null, "before": {},
         "after": {"owner": null,
                   "taken_from": {"table": "systemuser", "id": "m", "name": "Miriam"}},
         "trace": null, "request_id": null, "message": null, "etag": null}],
    "watched_set": "w",
    "fingerprints": {"taken": "abc"}
}"""
"""An open plan as revision 0002 kept it."""


def test_a_plan_that_the_version_before_left_open_is_settled_as_it_was_meant(
    store_url: str,
) -> None:
    engine = create_engine(store_url)
    with engine.begin() as connection:
        command.upgrade(build_alembic_config(connection), "0002")
        connection.execute(
            text(
                "INSERT INTO plans (id, table_name, cycle_id, origin, checksum, created_at, "
                "document) VALUES ('i', 'lead', 'c', 'take_back', 'p', '2026-11-23 09:00:00', :it)"
            ),
            {"it": OPEN_PLAN},
        )
    engine.dispose()
    upgrade_store(store_url)
    store = open_store(store_url)
    with store.begin() as session:
        [found] = session.list_open_plans("lead")
    store.close()
    at = datetime(2026, 11, 23, 9, tzinfo=UTC)
    [taken], [row], [clock] = found.decisions, found.plan.rows, found.clocks_after
    assert (taken.kind, taken.previous) == KINDS["taken"]
    assert (taken.after, taken.decided_at) == ({"owner": None}, at)
    assert row.owner_change is not None
    assert row.owner_change.after.id == "s"
    assert (clock.last_assigned_at, clock.by_rule) == (
        at,
        {"UK": at + timedelta(milliseconds=500)},
    )
    assert found.fingerprints == {"taken": "abc"}
