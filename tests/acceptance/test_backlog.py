"""The backlog as an operator sees it: why, since when, when next; and trying it now."""

import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from connector.demo.visitor import Visitor
from connector.emulator.seed.organization import SeedSize
from connector.emulator.server import EmulatorOptions, EmulatorServer
from tests.support.cli import run_cli
from tests.support.installed import environment_of

Capture = pytest.CaptureFixture[str]

RULES = """
version: 1
segments:
  - name: Fairs
    table: lead
    priority: 1
    when: {column: leadsourcecode, operator: eq, value: 7}
    scheduled_runs: {at: ["00:00", "06:00", "12:00", "18:00"], rows: 2}
  - {name: Partners, table: lead, priority: 2, when: {column: leadsourcecode, operator: eq, value: 4}}
rules:
  - name: Fairs to somebody
    table: lead
    segment: Fairs
    assign_to: {sellers: {matching: {column: address1_city, operator: eq, value: Atlantis}}}
    retry: {attempts: 1}
  - name: Partners to somebody
    table: lead
    segment: Partners
    assign_to: {sellers: {matching: {column: address1_city, operator: eq, value: Atlantis}}}
    retry: {every_minutes: 30, for_hours: 48}
"""


@pytest.fixture
def visitor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Visitor]:
    """Another client of an emulator whose leads nobody can be found for."""
    size = SeedSize(sellers=3, leads=2, opportunities=1, insights=1)
    server = EmulatorServer(EmulatorOptions(size=size)).start()
    rules = tmp_path / "rules.yaml"
    rules.write_text(RULES)
    store_url = f"sqlite:///{tmp_path / 'store.db'}"
    for name, value in environment_of(server, rules, store_url=store_url).items():
        monkeypatch.setenv(name, value)
    with Visitor(server) as client:
        yield client
    server.stop()


def test_what_waits_says_why_and_when_and_can_be_tried_now(
    visitor: Visitor, capsys: Capture
) -> None:
    run_cli(capsys, "run", "--once")
    for code in (7, 7, 7, 4):
        visitor.create("leads", {"subject": "x", "leadsourcecode": code})
    began = datetime.now(UTC)
    run_cli(capsys, "run", "--once")

    entries = run_cli(capsys, "backlog", "--json").document
    reasons = {(entry["segment"], entry["reason"], entry["attempts"]) for entry in entries}
    given_up = "no sellers meet conditions (rule Fairs to somebody); given up after 1 try"
    patient = "no sellers meet conditions (rule Partners to somebody)"
    assert reasons == {("Fairs", given_up, 1), ("Partners", patient, 1)}
    next_tries = {
        entry["segment"]: datetime.fromisoformat(entry["next_try_at"]) for entry in entries
    }
    assert (next_tries["Fairs"].hour % 6, next_tries["Fairs"].minute) == (0, 0)
    soon = next_tries["Partners"] - began - timedelta(minutes=30)
    assert timedelta(0) <= soon < timedelta(minutes=2)

    [cycle] = run_cli(capsys, "backlog", "retry", "--segment", "Fairs", "--json").document
    assert (cycle["origin"], cycle["counts"]["retried"]) == ("backlog", 3)
    [cycle] = run_cli(capsys, "backlog", "retry", "--table", "lead", "--json").document
    assert cycle["counts"]["retried"] == 4
    tried = run_cli(capsys, "backlog", "--json").document
    assert sorted(entry["attempts"] for entry in tried) == [2, 3, 3, 3]
    unknown = run_cli(capsys, "backlog", "retry", "--segment", "Fares")
    assert (unknown.code, 'no segment "Fares"' in unknown.err) == (2, True)
    assert 'did you mean "Fairs"?' in unknown.err


def test_what_waits_is_shown_though_the_checks_have_become_stricter_since(
    visitor: Visitor, capsys: Capture, tmp_path: Path
) -> None:
    run_cli(capsys, "run", "--once")
    for code in (7, 4):
        visitor.create("leads", {"subject": "x", "leadsourcecode": code})
    run_cli(capsys, "run", "--once")
    before = run_cli(capsys, "backlog", "--json").document
    assert len(before) == 2
    _change_stored_rules(tmp_path, lambda document: document.update(of_another_version=True))
    assert run_cli(capsys, "backlog", "--json").document == before
    wrong = run_cli(capsys, "backlog", "--table", "leed")
    assert (wrong.code, 'did you mean "lead"?' in " ".join(wrong.err.split())) == (2, True)

    def schedule_otherwise(document: dict[str, Any]) -> None:
        document["segments"][0]["scheduled_runs"] = {"each": "noon"}

    _change_stored_rules(tmp_path, schedule_otherwise)
    shown = run_cli(capsys, "backlog", "--json")
    assert 'The scheduled runs of segment "Fairs" are not shown' in " ".join(shown.err.split())
    assert {entry["id"] for entry in shown.document} == {entry["id"] for entry in before}
    fairs = next(entry for entry in shown.document if entry["segment"] == "Fairs")
    assert fairs["next_try_at"] is None


def _change_stored_rules(folder: Path, change: Callable[[dict[str, Any]], None]) -> None:
    """As if another version had stored the rule set."""
    with closing(sqlite3.connect(folder / "store.db")) as store, store:
        [(text,)] = store.execute("SELECT document FROM rule_sets").fetchall()
        document = json.loads(text)
        change(document)
        store.execute("UPDATE rule_sets SET document = ?", (json.dumps(document),))


def test_a_table_that_is_not_watched_is_no_table_where_nothing_waits(
    visitor: Visitor, capsys: Capture
) -> None:
    early = run_cli(capsys, "backlog", "--table", "lead")
    assert (early.code, "no cycle has run on this store" in early.err) == (2, True)
    run_cli(capsys, "run", "--once")
    wrong = run_cli(capsys, "backlog", "--table", "leed", "--json")
    assert (wrong.code, wrong.out) == (2, "")
    assert "table leed is not watched" in wrong.err
    assert 'did you mean "lead"?' in " ".join(wrong.err.split())
    assert run_cli(capsys, "backlog", "--table", "lead", "--json").document == []
    assert visitor.find("leads?$top=1")
