"""The program as a process against the emulator: cycles, bad input, a second process, a kill."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from unittest.mock import patch

import pytest

from connector.demo.visitor import Visitor
from connector.emulator.seed.organization import SeedSize
from connector.emulator.server import EmulatorOptions, EmulatorServer
from tests.support.installed import TRADE_SHOWS, environment_of


@pytest.fixture(scope="module")
def server() -> Iterator[EmulatorServer]:
    """A small emulator for all tests of this module."""
    size = SeedSize(sellers=5, leads=30, opportunities=2, insights=2)
    running = EmulatorServer(EmulatorOptions(size=size)).start()
    yield running
    running.stop()


class Program:
    """The program with its environment: one store, one rules file, one emulator."""

    def __init__(self, server: EmulatorServer, folder: Path) -> None:
        self.server = server
        self.rules = folder / "rules.yaml"
        self.rules.write_text(TRADE_SHOWS)
        self.environment = {
            **os.environ,
            **environment_of(server, self.rules, store_url=f"sqlite:///{folder / 'store.db'}"),
            "LEADROBIN_SAFETY__MIN_ROWS": "1000",
            "LEADROBIN_POLL__INTERVAL_SECONDS": "1",
        }

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Start it."""
        return subprocess.Popen(
            [sys.executable, "-m", "connector.cli.app", *arguments],
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *arguments: str) -> tuple[int, str, str]:
        """Run it to its end: exit code, stdout, stderr."""
        with self.start(*arguments) as process:
            out, err = process.communicate(timeout=60)
        return process.returncode, out, err

    def counts(self, *arguments: str) -> dict[str, int]:
        """The counts of the first cycle that `arguments` print as JSON."""
        code, out, err = self.run(*arguments, "--json")
        assert (code, err) == (0, "")
        counts: dict[str, int] = json.loads(out)[0]["counts"]
        return counts

    def writes(self) -> int:
        """How many requests have written rows so far."""
        return sum(
            1
            for entry in self.server.log.entries.copy()
            if entry.method == "PATCH" or "$batch" in entry.path
        )


@pytest.fixture
def program(server: EmulatorServer, tmp_path: Path) -> Program:
    """The program with an empty store."""
    return Program(server, tmp_path)


def change_leads(
    server: EmulatorServer, count: int, source: int, *, order: str = "leadid"
) -> list[str]:
    """Another client says that open leads come from somewhere; their ids."""
    with Visitor(server) as visitor:
        rows = visitor.find(
            f"leads?$select=leadid&$filter=statecode eq 0&$orderby={order}&$top={count}"
        )
        found = [str(row["leadid"]) for row in rows]
        for row_id in found:
            visitor.change("leads", row_id, {"leadsourcecode": source})
    return found


def test_cycles_decide_what_changed_and_then_write_nothing(program: Program) -> None:
    change_leads(program.server, 3, 1)
    assert program.counts("run", "--once")["baseline"] == 30
    ids = change_leads(program.server, 3, 7)
    counts = program.counts("run", "--once")
    assert (counts["updated"], counts["assigned"]) == (3, 3)
    before = program.writes()
    for _ in range(2):
        assert "decided" not in program.counts("run", "--once")
    assert program.writes() == before
    code, out, _ = program.run("explain", "lead", ids[0])
    assert code == 0
    assert 'Segment: "Trade shows"' in out


def test_a_reviewed_plan_is_applied_and_undone(program: Program) -> None:
    change_leads(program.server, 4, 1, order="leadid desc")
    program.counts("run", "--once")
    ids = change_leads(program.server, 4, 7, order="leadid desc")
    file = program.rules.with_name("plan.json")
    assert program.run("plan", "--out", str(file))[0] == 0
    with Visitor(program.server) as visitor:
        before = {row_id: visitor.read("leads", row_id)["_ownerid_value"] for row_id in ids}
        planned = [row["id"] for row in json.loads(file.read_text())["rows"]]
        visitor.change("leads", planned[0], {"description": "touched"})
        code, out, _ = program.run("apply", str(file), "--json")
        result = json.loads(out)
        assert code == 0
        assert [row["id"] for row in result["left"]] == planned[:1]
        assert result["cycles"][0]["counts"]["applied"] == len(planned) - 1
        code, out, _ = program.run("undo", result["cycles"][0]["cycle"], "--json")
        assert code == 0
        after = {row_id: visitor.read("leads", row_id)["_ownerid_value"] for row_id in ids}
    assert after == before


@pytest.mark.parametrize(
    ("variable", "value", "words"),
    [
        ("LEADROBIN_DATAVERSE__URL", "https://127.0.0.1:1", "cannot be reached"),
        ("LEADROBIN_AUTH__CLIENT_SECRET", "wrong", "secret"),
        ("LEADROBIN_RULES__FILE", "/nowhere/rules.yaml", "/nowhere/rules.yaml"),
        ("LEADROBIN_POLL__TABLES", "opportunity", "no segment"),
        ("LEADROBIN_STORE__URL", "nonsense", "LEADROBIN_STORE__URL"),
    ],
)
def test_a_wrong_setting_is_one_sentence_and_exit_2(
    program: Program, variable: str, value: str, words: str
) -> None:
    program.environment[variable] = value
    code, out, err = program.run("run", "--once")
    assert (code, out) == (2, "")
    assert words in err
    assert "Traceback" not in err
    assert len(err.strip().splitlines()) == 1


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ("column: leadsourcecod,", "leadsourcecod"),
        ("column: new_source,", "new_source"),
        ("column: leadsourcecode, operatr: eq,", "operatr"),
    ],
)
def test_a_wrong_column_or_key_is_one_sentence_and_exit_2(
    program: Program, wrong: str, words: str
) -> None:
    program.rules.write_text(TRADE_SHOWS.replace("column: leadsourcecode,", wrong))
    code, _, err = program.run("run", "--once")
    assert code == 2
    assert words in err
    assert "Traceback" not in err


def test_a_table_the_environment_lacks_is_one_sentence_and_exit_2(program: Program) -> None:
    program.rules.write_text(TRADE_SHOWS.replace("table: lead", "table: new_visit"))
    code, _, err = program.run("run", "--once")
    assert code == 2
    assert "new_visit" in err
    assert "Traceback" not in err


def test_a_second_process_is_refused_and_a_signal_ends_the_first(program: Program) -> None:
    with program.start("run") as service:
        assert service.stderr is not None
        assert "Watching lead" in service.stderr.readline()
        code, _, err = program.run("run", "--once")
        assert code == 4
        assert "another leadrobin process" in err
        service.send_signal(signal.SIGTERM)
        _, rest = service.communicate(timeout=30)
    assert service.returncode == 0
    assert "everything under way is saved" in rest


def test_a_killed_process_leaves_no_row_decided_twice(program: Program) -> None:
    change_leads(program.server, 12, 1)
    program.counts("run", "--once")
    change_leads(program.server, 12, 7)
    program.environment["LEADROBIN_LOG__LEVEL"] = "debug"
    with program.start("run", "--once") as process:
        assert process.stderr is not None
        next(line for line in process.stderr if '"PATCH"' in line)
        process.kill()
        process.communicate(timeout=30)
    program.environment["LEADROBIN_LOG__LEVEL"] = "error"
    program.counts("run", "--once")
    program.counts("run", "--once")
    code, out, _ = program.run("history", "--json-lines")
    decided = [json.loads(line) for line in out.splitlines()]
    rows = [found["id"] for found in decided if found["outcome"] != "manual"]
    assert code == 0
    assert len(rows) == len(set(rows)) == 12


TWO_TABLES = (
    TRADE_SHOWS.replace("rules:\n", "  - {name: All, table: opportunity, default: true}\nrules:\n")
    + "  - {name: Any, table: opportunity, segment: All, assign_to: {any_seller: true}}\n"
)


@pytest.fixture
def slow_program(tmp_path: Path) -> Iterator[Program]:
    """The program with an emulator of its own, whose writes take half a second."""
    size = SeedSize(sellers=5, leads=2, opportunities=2, insights=2)
    running = EmulatorServer(EmulatorOptions(size=size)).start()
    slow = {"kind": "latency", "seconds": 0.5, "method": "PATCH", "count": None}
    running.faults.add([slow])
    program = Program(running, tmp_path)
    program.environment["LEADROBIN_WRITE__CONCURRENCY"] = "2"
    yield program
    running.stop()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_a_cycle_behind_the_writes_under_way(
    slow_program: Program, number: signal.Signals
) -> None:
    program = slow_program
    program.rules.write_text(TWO_TABLES)
    program.counts("run", "--once")
    with Visitor(program.server) as visitor:
        for _ in range(12):
            visitor.create("leads", {"subject": "new", "leadsourcecode": 7})
    program.environment["LEADROBIN_LOG__LEVEL"] = "debug"
    with program.start("run", "--once", "--json") as process:
        assert process.stderr is not None
        next(line for line in process.stderr if '"PATCH"' in line)
        process.send_signal(number)
        out, err = process.communicate(timeout=30)
    [cycle] = json.loads(out)
    assert (process.returncode, cycle["table"], cycle["outcome"]) == (0, "lead", "stopped")
    assert "Stopped half-way: lead. Not read: opportunity." in err
    assert cycle["counts"]["applied"] == program.writes() < 12

    program.environment["LEADROBIN_LOG__LEVEL"] = "error"
    program.server.faults.clear()
    program.counts("run", "--once")
    _, out, _ = program.run("history", "--json-lines")
    rows = [json.loads(line)["id"] for line in out.splitlines()]
    assert len(rows) == len(set(rows)) == program.writes() == 12


def test_json_lists_cycles_that_found_nothing_and_the_table_does_not(program: Program) -> None:
    program.counts("run", "--once")
    program.counts("run", "--once")
    _, out, _ = program.run("history", "--json")
    assert len(json.loads(out)) == 2
    idle = json.loads(out)[0]["cycle"]
    assert idle not in program.run("history")[1]
    assert idle in program.run("history", "--all")[1]


EXAMPLE = Path(__file__).parents[2] / "deploy" / "rules.example.yaml"


def test_the_example_rules_run_on_the_emulator_as_they_are(program: Program) -> None:
    program.environment["LEADROBIN_RULES__FILE"] = str(EXAMPLE)
    change_leads(program.server, 2, 1)
    program.counts("run", "--once")
    code, out, _ = program.run("doctor", "--json")
    assert (code, [found for found in json.loads(out) if found["problem"]]) == (0, [])
    change_leads(program.server, 2, 7)
    program.counts("run", "--once")
    code, out, _ = program.run("history", "--json-lines")
    decided = [json.loads(line)["outcome"] for line in out.splitlines()]
    assert len(decided) >= 2
    assert set(decided) <= {"applied", "already_so", "manual", "nothing"}


def test_doctor_finds_what_the_rules_name_and_the_environment_lacks(program: Program) -> None:
    text = EXAMPLE.read_text(encoding="utf-8")
    text = text.replace("product_opportunities", "product_oportunities")
    program.rules.write_text(text.replace("c002b83e-", "c002b83f-"), encoding="utf-8")
    code, out, err = program.run("doctor", "--json")
    problems = {found["what"]: found["problem"] for found in json.loads(out) if found["problem"]}
    assert (code, err) == (1, "2 problem(s) found\n")
    assert 'did you mean "product_opportunities"' in problems["columns of the rules"]
    assert "Trade-show follow-up (c002b83f-" in problems["rows of msdyn_sequence"]


@pytest.mark.parametrize(
    ("is_tracked", "way", "problems", "says"),
    [
        (True, "auto", 0, "changes are tracked, kept 7 days"),
        (False, "auto", 0, "followed by modifiedon: change tracking is off"),
        (True, "modified_on", 0, "followed by modifiedon, as LEADROBIN_POLL__FOLLOW_BY says"),
        (False, "tracking", 1, "change tracking is off; switch it on"),
    ],
)
def test_doctor_says_how_a_table_is_followed(
    program: Program, is_tracked: bool, way: str, problems: int, says: str
) -> None:
    tables = program.server.organization.catalog.tables
    program.environment["LEADROBIN_POLL__FOLLOW_BY"] = way
    with patch.dict(tables, lead=replace(tables["lead"], change_tracking=is_tracked)):
        code, out, _ = program.run("doctor", "--json")
    (lead,) = [found for found in json.loads(out) if found["what"] == "table lead"]
    assert (code, lead["problem" if problems else "detail"].startswith(says)) == (problems, True)


@pytest.mark.parametrize(
    ("owners", "message"),
    [
        ("{sellers: {named: [Nobody Known]}}", 'the directory has no seller "Nobody Known"'),
        ("{teams: {named: [No Such Team]}}", 'the directory has no team "No Such Team"'),
        ("{queues: {named: [No Such Queue]}}", 'the directory has no queue "No Such Queue"'),
    ],
)
def test_a_name_that_nobody_bears_is_found_by_doctor_and_by_plan_at_its_place(
    program: Program, owners: str, message: str
) -> None:
    text = TRADE_SHOWS.replace("{any_seller: true}", owners)
    assert owners in text
    program.rules.write_text(text)
    line, column = _place(text, owners.rpartition("[")[2].partition("]")[0])
    expected = f"{program.rules}:{line}:{column}: {message}"
    code, out, _ = program.run("doctor", "--json")
    problems = {found["what"]: found["problem"] for found in json.loads(out) if found["problem"]}
    assert (code, list(problems)) == (1, ["people of the rules"])
    assert problems["people of the rules"].startswith(expected)
    for verb in (("plan",), ("run", "--once")):
        code, out, err = program.run(*verb)
        assert (code, out) == (2, "")
        assert err.startswith(expected)
        assert len(err.splitlines()) == 1


def _place(text: str, part: str) -> tuple[int, int]:
    before = text[: text.index(part)].splitlines()
    return len(before), len(before[-1]) + 1
