"""A plan over a hundred rows, ten of them touched before it is applied, and the undo of the rest."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from connector.demo.visitor import Visitor
from connector.emulator.seed.organization import SeedSize
from connector.emulator.server import EmulatorOptions, EmulatorServer
from tests.support.builders import guid
from tests.support.cli import run_cli
from tests.support.installed import TRADE_SHOWS, environment_of

Capture = pytest.CaptureFixture[str]
Owners = dict[str, Any]

ROWS, EDITED, TOUCHED = 100, 10, 7


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[EmulatorServer]:
    """An emulator, and the settings that lead to it."""
    size = SeedSize(sellers=5, leads=5, opportunities=2, insights=2)
    running = EmulatorServer(EmulatorOptions(size=size)).start()
    rules = tmp_path / "rules.yaml"
    rules.write_text(TRADE_SHOWS)
    store_url = f"sqlite:///{tmp_path / 'store.db'}"
    for name, value in environment_of(running, rules, store_url=store_url).items():
        monkeypatch.setenv(name, value)
    yield running
    running.stop()


def find_owners(visitor: Visitor) -> Owners:
    rows = visitor.find("leads?$select=leadid,_ownerid_value&$filter=leadsourcecode eq 7")
    return {row["leadid"]: row["_ownerid_value"] for row in rows if row["leadid"] in LEADS}


LEADS = {guid(number) for number in range(ROWS)}


def test_rows_that_moved_are_named_and_an_undo_spares_what_was_touched_since(
    server: EmulatorServer, capsys: Capture, tmp_path: Path
) -> None:
    file = tmp_path / "plan.json"
    edited = [guid(number) for number in range(0, ROWS, ROWS // EDITED)]
    kept = sorted(LEADS - set(edited))
    touched = kept[:TOUCHED]
    with Visitor(server) as visitor:
        assert run_cli(capsys, "run", "--once").code == 0
        for row_id in sorted(LEADS):
            visitor.create("leads", {"leadid": row_id, "subject": "x", "leadsourcecode": 7})
        before = find_owners(visitor)
        plan = run_cli(capsys, "plan", "--out", file, "--json").document
        assert {row["id"] for row in plan["rows"]} == LEADS
        assert find_owners(visitor) == before
        for row_id in edited:
            visitor.change("leads", row_id, {"description": "edited elsewhere"})

        applied = run_cli(capsys, "apply", file, "--json").document
        [cycle] = applied["cycles"]
        assert cycle["counts"]["applied"] == ROWS - EDITED
        assert sorted(row["id"] for row in applied["left"]) == edited
        assert {row["reason"] for row in applied["left"]} == {"changed since the plan was made"}
        assert sorted(row["id"] for row in applied["replanned"]["rows"]) == edited
        after = find_owners(visitor)
        planned = {row["id"]: _owner(row) for row in json.loads(file.read_text())["rows"]}
        assert {row_id: after[row_id] for row_id in kept} == {k: planned[k] for k in kept}
        assert {row_id: after[row_id] for row_id in edited} == {k: before[k] for k in edited}

        for row_id in touched:
            visitor.change("leads", row_id, {"description": "touched since"})
        undone = run_cli(capsys, "undo", cycle["cycle"], "--json").document
        assert undone["cycle"]["counts"]["applied"] == ROWS - EDITED - TOUCHED
        assert sorted(row["id"] for row in undone["left"]) == touched
        final = find_owners(visitor)
    assert final == {k: after[k] if k in touched else before[k] for k in LEADS}


def test_the_rows_left_out_are_decided_by_the_next_cycle(
    server: EmulatorServer, capsys: Capture, tmp_path: Path
) -> None:
    file = tmp_path / "plan.json"
    with Visitor(server) as visitor:
        run_cli(capsys, "run", "--once")
        for number in range(4):
            visitor.create("leads", {"leadid": guid(number), "subject": "x", "leadsourcecode": 7})
        run_cli(capsys, "plan", "--out", file)
        visitor.change("leads", guid(0), {"description": "edited elsewhere"})
        run_cli(capsys, "apply", file)
        [cycle] = run_cli(capsys, "run", "--once", "--json").document
    assert (cycle["counts"]["assigned"], cycle["counts"]["applied"]) == (1, 1)
    assert len(run_cli(capsys, "history", "--json-lines").lines) == 4


def test_a_decision_that_was_reviewed_first_is_explained_in_full(
    server: EmulatorServer, capsys: Capture, tmp_path: Path
) -> None:
    file = tmp_path / "plan.json"
    with Visitor(server) as visitor:
        run_cli(capsys, "run", "--once")
        visitor.create("leads", {"leadid": guid(0), "subject": "x", "leadsourcecode": 7})
        run_cli(capsys, "plan", "--out", file)
        run_cli(capsys, "apply", file)
    server.stop()
    explained = run_cli(capsys, "explain", "lead", guid(0), "--json").document
    [rule] = explained["trace"]["rules"]
    assert len(rule["candidates"]) > 5
    assert "would have been chosen" in run_cli(capsys, "explain", "lead", guid(0)).out


def test_an_undone_row_is_as_if_never_decided_and_the_undo_can_be_undone(
    server: EmulatorServer, capsys: Capture, tmp_path: Path
) -> None:
    file = tmp_path / "undo.json"
    with Visitor(server) as visitor:
        run_cli(capsys, "run", "--once")
        visitor.create("leads", {"leadid": guid(0), "subject": "x", "leadsourcecode": 7})
        before = find_owners(visitor)
        [cycle] = run_cli(capsys, "run", "--once", "--json").document
        after = find_owners(visitor)
        saved = run_cli(capsys, "undo", cycle["cycle"], "--out", file, "--json").document
        assert (saved["cycle"], find_owners(visitor)) == (None, after)
        [undo] = run_cli(capsys, "apply", file, "--json").document["cycles"]
        assert find_owners(visitor) == before
        explained = run_cli(capsys, "explain", "lead", guid(0)).out
        assert "again instead of" in explained
        assert f"undo of cycle {cycle['cycle']}" in explained
        planned = run_cli(capsys, "backfill", "--table", "lead", "--json").document["plan"]
        assert [row["id"] for row in planned["rows"]] == [guid(0)]
        run_cli(capsys, "undo", undo["cycle"])
        assert find_owners(visitor) == after
        assert (
            run_cli(capsys, "run", "--once", "--json").document[0]["counts"].get("decided") is None
        )


def test_rows_left_out_can_be_reviewed_and_applied_once_more(
    server: EmulatorServer, capsys: Capture, tmp_path: Path
) -> None:
    file, rest = tmp_path / "plan.json", tmp_path / "rest.json"
    with Visitor(server) as visitor:
        run_cli(capsys, "run", "--once")
        for number in range(4):
            visitor.create("leads", {"leadid": guid(number), "subject": "x", "leadsourcecode": 7})
        run_cli(capsys, "plan", "--out", file)
        visitor.change("leads", guid(0), {"description": "edited elsewhere"})
        told = run_cli(capsys, "apply", file, "--out", rest)
        assert "1 row was left out" in told.out
        assert "1 row to write" in told.err
        [cycle] = run_cli(capsys, "apply", rest, "--json").document["cycles"]
    assert cycle["counts"]["applied"] == 1
    assert len(run_cli(capsys, "history", "--json-lines").lines) == 4


def _owner(row: dict[str, Any]) -> str:
    [change] = [change for change in row["changes"] if change["change"] == "owner"]
    owner: str = change["after"]["id"]
    return owner
