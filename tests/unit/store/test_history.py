"""The history leaves the store whole, and old parts of it are forgotten when asked."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pytest

from connector.state.records import CycleRecord, DecisionRecord, Outcome, PlanOrigin
from connector.store.history_export import PAGE, export_history
from connector.store.opening import SqlStore
from engine.errors import ConfigProblem

NOW = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)
MIRIAM = {"table": "systemuser", "id": "m", "name": "Miriam"}


def decision(number: int) -> DecisionRecord:
    return DecisionRecord(
        table="lead",
        row_id=f"{number:036d}",
        cycle_id="c",
        decided_at=NOW + timedelta(days=number),
        outcome=Outcome.APPLIED,
        plan_checksum="p",
        rule_set_checksum="r",
        segment="UK's",
        routing_status=2,
        after={"assigned_to": MIRIAM, "owner": MIRIAM},
    )


def fill(store: SqlStore, count: int) -> None:
    with store.begin() as session:
        session.add_decisions([decision(number) for number in range(count)])


@pytest.mark.parametrize("count", [0, 3, PAGE, PAGE + 1])
def test_every_decision_is_exported_as_a_line(store: SqlStore, tmp_path: Path, count: int) -> None:
    fill(store, count)
    file = tmp_path / "history.jsonl"
    assert export_history(store, file) == count
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    assert [line["id"] for line in lines] == [f"{number:036d}" for number in range(count)]
    if count:
        assert lines[0]["assigned_to"] == MIRIAM


def test_parquet_has_typed_columns(store: SqlStore, tmp_path: Path) -> None:
    fill(store, 3)
    file = tmp_path / "who's history.parquet"
    assert export_history(store, file) == 3
    with duckdb.connect() as connection:
        rows = connection.read_parquet(str(file))
        found = rows.project("id, segment, routing_status, assigned_to->>'name', epoch(decided_at)")
        first = found.order("id").limit(1).fetchall()[0]
    assert first[:4] == (f"{0:036d}", "UK's", 2, "Miriam")
    assert first[4] == NOW.timestamp()


def test_an_empty_history_is_an_empty_table(store: SqlStore, tmp_path: Path) -> None:
    file = tmp_path / "history.parquet"
    assert export_history(store, file) == 0
    with duckdb.connect() as connection:
        assert connection.read_parquet(str(file)).fetchall() == []


def test_other_kinds_of_files_are_refused(store: SqlStore, tmp_path: Path) -> None:
    with pytest.raises(ConfigProblem, match="neither"):
        export_history(store, tmp_path / "history.xlsx")


def test_what_is_old_is_forgotten_and_the_rest_stays(store: SqlStore) -> None:
    fill(store, 5)
    cycle = CycleRecord(id="c", table="lead", origin=PlanOrigin.CYCLE, started_at=NOW)
    with store.begin() as session:
        session.save_cycle(cycle)
        session.save_cycle(replace(cycle, id="d", started_at=NOW + timedelta(days=4)))
        session.save_cycle(replace(cycle, id="o", table="opportunity"))
        assert session.prune_decisions("lead", NOW + timedelta(days=3)) == 3
        assert session.prune_cycles("lead", NOW + timedelta(days=3)) == 1
        assert [found.row_id[-1] for found in session.list_decisions()] == ["4", "3"]
        assert sorted(found.id for found in session.list_cycles(9)) == ["d", "o"]
