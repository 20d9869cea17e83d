"""The demonstration as a process: its output, its numbers, its end."""

import json
import re
import subprocess
import sys

from tests.support.golden import DATA, assert_golden

_CHANGING = (
    (r"https://127\.0\.0\.1:\d+", "https://127.0.0.1:PORT"),
    (r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d(:\d\d(\.\d+)?Z)?", "TIME"),
    (r"last assigned \d\d:\d\d", "last assigned TIME"),
    (r"assigned more recently: \d\d:\d\d", "assigned more recently: TIME"),
    (r"\b[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}\b", "CYCLE"),
    (r"Rule set [0-9a-f]{12}", "Rule set CHECKSUM"),
    (r"[━─]+", "-"),
    (r" +", " "),
)


def run_demo(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the demonstration in a process of its own, away from any terminal."""
    return subprocess.run(
        [sys.executable, "-m", "connector.cli.app", "demo", *arguments],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def normalise(output: str) -> str:
    """Everything that differs from run to run made the same: ports, times, cycle ids, widths."""
    for pattern, replacement in _CHANGING:
        output = re.sub(pattern, replacement, output)
    return "\n".join(line.rstrip() for line in output.splitlines()) + "\n"


def test_the_demonstration_ends_by_itself_and_prints_what_it_should() -> None:
    done = run_demo()
    assert (done.returncode, done.stderr) == (0, "")
    shown = normalise(done.stdout)
    assert_golden(DATA / "demo.txt", shown)


def test_its_numbers_come_from_rows_that_were_really_written() -> None:
    done = run_demo("--json")
    assert (done.returncode, done.stderr) == (0, "")
    story = json.loads(done.stdout)
    assert sum(cycle["counts"]["baseline"] for cycle in story["baseline"]) == 360
    assert all(decision["agrees"] for decision in story["decisions"])
    assigned = [found for found in story["decisions"] if found["assigned_to"]]
    assert len(assigned) >= 8
    assert all(found["owner"] == found["assigned_to"]["name"] for found in assigned)
    assert {entry["reason"].split(" (")[0] for entry in story["backlog"]} == {
        "no capacity",
        "no sellers meet conditions",
        "record meets no conditions",
    }
    assert story["writes_of_repeat"] == 0
