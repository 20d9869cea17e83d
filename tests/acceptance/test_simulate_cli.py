"""The verb `simulate`: its output, its options and its ways to fail."""

import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pytest

from tests.support.builders import guid
from tests.support.cli import Run, run_cli
from tests.support.golden import DATA, assert_golden

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "deploy" / "rules.example.yaml"
RECORDS = DATA / "simulate" / "records.jsonl"
DIRECTORY = DATA / "simulate" / "directory.json"
NOW = "2026-11-23T10:30:00Z"
Capture = pytest.CaptureFixture[str]


def simulate(capsys: Capture, *arguments: object, records: object = RECORDS) -> Run:
    fixed = ("--rules", EXAMPLE, "--records", records, "--directory", DIRECTORY)
    return run_cli(capsys, "simulate", *fixed, *arguments)


def test_the_example_decides_the_sample_rows(capsys: Capture, tmp_path: Path) -> None:
    run = simulate(capsys, "--now", NOW, "--directory-out", tmp_path / "after.json")
    assert run.code == 1
    assert run.err == "3 lines could not be read; each says why.\n"
    assert_golden(DATA / "golden" / "simulate.jsonl", run.out)
    assert_golden(
        DATA / "golden" / "simulate_directory.json",
        (tmp_path / "after.json").read_text(encoding="utf-8"),
    )


def test_a_trace_says_what_was_tried(capsys: Capture) -> None:
    run = simulate(capsys, "--now", NOW, "--trace")
    traces = [line["trace"] for line in run.lines if "trace" in line]
    assert_golden(
        DATA / "golden" / "simulate_trace.txt",
        "\n\n".join("\n".join(trace["explanation"]) for trace in traces) + "\n",
    )
    assert [list(line)[-1] for line in run.lines if "error" not in line] == ["trace"] * 7
    assert set(traces[0]) == {"segments", "rules", "explanation"}


def test_the_same_run_twice_gives_the_same_output(capsys: Capture) -> None:
    assert simulate(capsys, "--now", NOW, "--trace") == simulate(capsys, "--now", NOW, "--trace")


def test_record_time_is_when_the_row_was_created(capsys: Capture, tmp_path: Path) -> None:
    out = tmp_path / "after.json"
    simulate(capsys, "--at-record-time", "--directory-out", out)
    clocks = [person.get("last_assigned_at") for person in json.loads(out.read_text())["sellers"]]
    assert "2026-11-23T09:00:00Z" in clocks


def test_record_time_needs_a_time(capsys: Capture, tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text(
        '{"@odata.type": "#Microsoft.Dynamics.CRM.lead", "leadid": "'
        '00000000-0000-4000-8000-000000000101"}\n',
        encoding="utf-8",
    )
    run = simulate(capsys, "--at-record-time", records=path)
    assert run.code == 1
    assert run.lines == [{"line": 1, "error": "createdon is missing; it is the record's now"}]


def test_without_a_time_it_is_now(capsys: Capture, tmp_path: Path) -> None:
    out = tmp_path / "after.json"
    before = datetime.now(UTC) - timedelta(seconds=1)
    simulate(capsys, "--directory-out", out)
    people = json.loads(out.read_text(encoding="utf-8"))["sellers"]
    latest = max(person["last_assigned_at"] for person in people if "last_assigned_at" in person)
    assert before <= datetime.fromisoformat(latest) <= datetime.now(UTC)


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_tables_are_read_as_rows(capsys: Capture, tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"leads.{suffix}"
    rows = (
        "SELECT '00000000-0000-4000-8000-000000000101' AS leadid, 7 AS leadsourcecode,"
        " 'UK' AS address1_country, 20000.0 AS revenue, TIMESTAMP '2026-11-23 09:00:00' AS createdon"
    )
    duckdb.execute(f"COPY ({rows}) TO '{path}' (FORMAT {suffix})")
    run = simulate(capsys, "--now", NOW, "--table", "lead", records=path)
    assert run.code == 0
    assert run.lines[0]["segment"] == "UK trade shows"
    assert run.lines[0]["assigned_to"]["name"] == "Miriam"


def test_rows_of_a_table_file_need_a_table(capsys: Capture, tmp_path: Path) -> None:
    path = tmp_path / "leads.csv"
    path.write_text("leadid\na\n", encoding="utf-8")
    run = simulate(capsys, "--now", NOW, records=path)
    assert (run.code, run.out) == (2, "")
    assert "leads.csv has no column @odata.type: name the table with --table." in run.err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--now", "yesterday"), '--now "yesterday" is not an instant such as'),
        (("--now", "2026-11-23T09:00:00"), "is not an instant such as 2026-11-23T09:00:00Z."),
        (("--now", NOW, "--at-record-time"), "--now and --at-record-time exclude each other"),
        (("--now", NOW, "--engine", "spark"), '--engine spark is not available; "python" is.'),
        (("--now", NOW, "--directory-out", "/nowhere/x.json"), "/nowhere/x.json cannot be written"),
        (("--now", NOW, "--colour"), "No such option"),
        (("--now", NOW, "--rules", "none.yaml"), "none.yaml cannot be read"),
        (("--now", NOW, "--records", "none.jsonl"), "none.jsonl cannot be read"),
        (("--now", NOW, "--directory", "none.json"), "none.json cannot be read"),
    ],
)
def test_wrong_usage_is_told_and_ends_in_two(
    capsys: Capture, arguments: tuple[str, ...], words: str
) -> None:
    run = simulate(capsys, *arguments)
    assert run.code == 2
    assert words in run.err
    assert "Traceback" not in run.err


def test_rules_about_people_the_directory_lacks_are_refused(
    capsys: Capture, tmp_path: Path
) -> None:
    rules = tmp_path / "rules.yaml"
    rules.write_text(
        "version: 1\nsegments: [{name: All, table: lead, default: true}]\nrules:\n"
        "  - {name: R, table: lead, segment: All, assign_to: {sellers: {named: [Mirjam]}}}\n",
        encoding="utf-8",
    )
    run = simulate(capsys, "--now", NOW, "--rules", rules)
    assert (run.code, run.out) == (2, "")
    assert run.err.startswith(f"{rules}:4:")
    assert "Mirjam" in run.err
    assert "Miriam" in run.err


def test_a_reader_that_stops_early_ends_the_run_quietly(tmp_path: Path) -> None:
    rows = tmp_path / "rows.jsonl"
    with rows.open("w", encoding="utf-8") as stream:
        for number in range(20_000):
            row = {
                "@odata.type": "#Microsoft.Dynamics.CRM.lead",
                "leadid": guid(number),
            }
            stream.write(json.dumps(row) + "\n")
    command = [sys.executable, "-m", "connector.cli.app", "simulate", "--now", NOW]
    command += ["--rules", str(EXAMPLE), "--records", str(rows), "--directory", str(DIRECTORY)]
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert process.stdout is not None
    assert process.stderr is not None
    with process.stdout, process.stderr:
        assert json.loads(process.stdout.readline())["table"] == "lead"
        process.stdout.close()
        said = process.stderr.read()
    assert process.wait() == 1
    assert said == b""


def test_rows_may_come_from_a_pipe(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "connector.cli.app", "simulate", "--now", NOW]
    command += ["--rules", str(EXAMPLE), "--records", "-", "--directory", str(DIRECTORY)]
    done = subprocess.run(
        command,
        input=RECORDS.read_bytes(),
        capture_output=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT), "LC_ALL": "C", "PYTHONIOENCODING": "ascii"},
    )
    assert done.returncode == 1
    expected = (DATA / "golden" / "simulate.jsonl").read_bytes()
    assert done.stdout == expected
