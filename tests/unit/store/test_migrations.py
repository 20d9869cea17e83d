"""Stores that a version before wrote are read as what they meant."""

import json
from collections.abc import Mapping

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
