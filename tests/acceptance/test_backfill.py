"""Backfills as an operator runs them: past rules, a pace, a refusal before the first write."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from connector.demo.visitor import Visitor
from connector.emulator.seed.organization import SeedSize
from connector.emulator.server import EmulatorOptions, EmulatorServer
from connector.service.application import Application
from connector.service.bootstrap import bootstrap
from connector.service.options import RunOptions
from connector.state.records import CycleOutcome
from settings.sources import load_settings
from tests.support.cli import run_cli
from tests.support.installed import environment_of

Capture = pytest.CaptureFixture[str]

RULES = """
version: 1
segments:
  - name: Old leads
    table: lead
    priority: 1
    when: {column: subject, operator: begins-with, value: old}
rules:
  - {name: NAME, table: lead, segment: Old leads, assign_to: {any_seller: true}}
"""
ROWS = 9


@pytest.fixture
def rules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A rules file over an emulator in which leads stood before the baseline was taken."""
    size = SeedSize(sellers=5, leads=2, opportunities=2, insights=2)
    server = EmulatorServer(EmulatorOptions(size=size)).start()
    file = tmp_path / "rules.yaml"
    file.write_text(RULES.replace("NAME", "First"))
    store_url = f"sqlite:///{tmp_path / 'store.db'}"
    for name, value in environment_of(server, file, store_url=store_url).items():
        monkeypatch.setenv(name, value)
    with Visitor(server) as visitor:
        for number in range(ROWS):
            visitor.create("leads", {"subject": f"old {number}"})
    yield file
    server.stop()


def now() -> str:
    return f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S.%fZ}"


def test_the_rules_of_then_decide_rows_that_were_there_before(rules: Path, capsys: Capture) -> None:
    before = now()
    assert run_cli(capsys, "run", "--once").code == 0
    first = now()
    rules.write_text(RULES.replace("NAME", "Second"))
    assert run_cli(capsys, "run", "--once").code == 0

    early = run_cli(capsys, "backfill", "--table", "lead", "--at", before, "--force", "--yes")
    assert (early.code, "the rule set of then is not known" in early.err) == (2, True)
    wrong = run_cli(capsys, "backfill", "--table", "lead", "--at", "Monday")
    assert (wrong.code, "is not an instant" in wrong.err) == (2, True)

    options = ("--limit", 4, "--force", "--yes", "--json")
    past = run_cli(capsys, "backfill", "--table", "lead", "--at", first, *options).document
    assert {row["rule"] for row in past["plan"]["rows"]} == {"First"}
    today = run_cli(capsys, "backfill", "--table", "lead", *options).document
    assert {row["rule"] for row in today["plan"]["rows"]} == {"Second"}
    lines = run_cli(capsys, "history", "--json-lines").lines
    assert [(line["rule"], line["outcome"]) for line in lines] == [
        *[("First", "applied")] * 4,
        *[("Second", "applied")] * 4,
    ]
    assert len({line["rule_set_checksum"] for line in lines}) == 2
    # Neither of them put other rules in force.
    kept = run_cli(capsys, "backfill", "--table", "lead", "--at", now(), "--json").document
    assert {row["rule"] for row in kept["plan"]["rows"]} == {"Second"}


def test_a_paced_backfill_is_one_cycle_and_is_refused_as_a_whole(
    rules: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LEADROBIN_SAFETY__MIN_ROWS", "1")
    assert run_cli(capsys, "run", "--once").code == 0
    refused = run_cli(
        capsys, "backfill", "--table", "lead", "--rows-per-minute", 600, "--yes", "--json"
    )
    assert (refused.code, refused.out) == (3, "")
    assert f"gives {ROWS} of {ROWS} owned rows of lead" in refused.err
    assert run_cli(capsys, "history", "--json-lines").lines == []
    monkeypatch.setenv("LEADROBIN_WRITE__BACKFILL_ROWS_PER_MINUTE", "240")
    done = run_cli(capsys, "backfill", "--table", "lead", "--force", "--yes", "--json").document
    assert done["cycle"]["counts"]["applied"] == ROWS
    assert done["cycle"]["outcome"] == "done"
    assert rules.exists()


def test_a_limit_counts_the_rows_of_the_segment_asked_for(rules: Path, capsys: Capture) -> None:
    assert run_cli(capsys, "run", "--once").code == 0
    with bootstrap(load_settings()) as application:
        # The oldest two rows are of no segment, and no page has all rows that are asked for.
        options = replace(application.seams.options, backfill_rows=3, is_forced=True)
        paged = replace(application, seams=replace(application.seams, options=options))
        counts = [backfill(paged, segment="Old leads", limit=5) for _ in range(3)]
    assert counts == [5, ROWS - 5, 0]
    assert rules.exists()


def test_a_segment_that_is_not_there_is_refused_with_the_nearest_name(
    rules: Path, capsys: Capture
) -> None:
    assert run_cli(capsys, "run", "--once").code == 0
    wrong = run_cli(capsys, "backfill", "--table", "lead", "--segment", "old lead", "--yes")
    assert (wrong.code, wrong.out) == (2, "")
    assert 'no segment "old lead" for lead; did you mean "Old leads"?' in " ".join(
        wrong.err.split()
    )
    assert rules.exists()


def test_a_stop_before_the_first_write_leaves_nothing_to_be_written_later(
    rules: Path, capsys: Capture
) -> None:
    assert run_cli(capsys, "run", "--once").code == 0
    with bootstrap(load_settings(), RunOptions(is_forced=True)) as application:
        table = application.find_table("lead")
        preview = application.preview_backfill(table, segment=None, limit=None)
        application.stop.set()
        stopped, _ = application.backfill(table, preview)
    assert (stopped.outcome, len(preview.plan.rows)) == (CycleOutcome.STOPPED, ROWS)
    assert run_cli(capsys, "run", "--once").code == 0
    assert run_cli(capsys, "history", "--json-lines").lines == []
    assert rules.exists()


def backfill(application: Application, *, segment: str, limit: int) -> int:
    """Write the oldest rows; how many there were."""
    table = application.find_table("lead")
    preview = application.preview_backfill(table, segment=segment, limit=limit)
    application.backfill(table, preview)
    return len(preview.plan.rows)
