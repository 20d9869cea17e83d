"""The verbs `rules check`, `show`, `schema` and `test`."""

from pathlib import Path

import pytest

from tests.support.cli import run_cli
from tests.support.golden import DATA, assert_golden

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "deploy" / "rules.example.yaml"
DIRECTORY = DATA / "simulate" / "directory.json"
Capture = pytest.CaptureFixture[str]

RULES = """version: 1
segments:
  - name: Londoners
    table: lead
    priority: 1
    when: {column: address1_city, operator: eq, value: London}
  - {name: Rest, table: lead, default: true}
rules:
  - name: To Londoners
    table: lead
    segment: Londoners
    assign_to: {sellers: {matching: {column: address1_city, operator: eq, value: London}}}
  - name: To a team
    table: lead
    segment: Rest
    assign_to: {teams: {matching: {column: name, operator: begins-with, value: K}}}
"""


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    path = tmp_path / "rules.yaml"
    path.write_text(RULES, encoding="utf-8")
    return path


def test_check_accepts_the_example(capsys: Capture) -> None:
    run = run_cli(capsys, "rules", "check", EXAMPLE)
    assert (run.code, run.err) == (0, "")
    assert run.out == (f"{EXAMPLE}: 7 segments, 8 rules, 2 sequences; nothing to complain about.\n")


def test_check_takes_the_file_of_the_settings(
    capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LEADROBIN_RULES__FILE", str(EXAMPLE))
    assert run_cli(capsys, "rules", "check").code == 0


def test_check_without_any_file_says_what_to_set(capsys: Capture) -> None:
    run = run_cli(capsys, "rules", "check")
    assert run.code == 2
    assert run.err == "LEADROBIN_RULES__FILE is not set; give the rules file, YAML or JSON.\n"


def test_check_ends_in_two_for_errors(capsys: Capture) -> None:
    path = DATA / "rules" / "bad" / "misspelt_table.yaml"
    run = run_cli(capsys, "rules", "check", path)
    assert (run.code, run.out) == (2, "")
    assert run.err.splitlines()[0] == (
        f'{path}:3:24: there is no table "leads"; did you mean "lead"?'
    )


def test_check_tells_warnings_and_ends_in_nought(capsys: Capture) -> None:
    path = DATA / "rules" / "warned" / "unreachable.yaml"
    run = run_cli(capsys, "rules", "check", path)
    assert run.code == 0
    assert run.out == f"{path}: 2 segments, 4 rules, 0 sequences; 2 warnings.\n"
    assert run.err.splitlines()[1] == (
        f'{path}:16:40: warning: the segment "Old" is not active, so this rule never runs'
    )


def test_check_prints_json(capsys: Capture) -> None:
    bad = DATA / "rules" / "bad" / "misspelt_table.yaml"
    warned = DATA / "rules" / "warned" / "unreachable.yaml"
    refused = run_cli(capsys, "rules", "check", bad, "--json")
    assert refused.code == 2
    assert refused.document["ok"] is False
    assert refused.document["problems"][0] == {
        "severity": "error",
        "line": 3,
        "column": 24,
        "message": 'there is no table "leads"; did you mean "lead"?',
    }
    accepted = run_cli(capsys, "rules", "check", warned, "--json")
    assert accepted.code == 0
    assert accepted.document["ok"] is True
    assert [item["severity"] for item in accepted.document["problems"]] == ["warning"] * 2


def test_check_looks_for_people_in_a_directory(
    capsys: Capture, rules: Path, tmp_path: Path
) -> None:
    directory = tmp_path / "directory.json"
    directory.write_text(
        '{"sellers": [{"systemuserid": "a", "fullname": "A", "address1_city": "London",'
        ' "isdisabled": true}], "teams": [{"teamid": "t", "name": "Key"},'
        ' {"teamid": "u", "name": "Klio"}]}',
        encoding="utf-8",
    )
    run = run_cli(capsys, "rules", "check", rules, "--directory", directory)
    assert run.code == 0
    assert run.err.replace(f"{rules}:", "").splitlines() == [
        "12:16: warning: no seller in the directory can be given work by this rule",
        "16:16: warning: several teams fit (Key, Klio) and nobody gets the row; narrow the choice or write `when_several: random`",
    ]


def test_check_refuses_names_that_the_directory_lacks(capsys: Capture, tmp_path: Path) -> None:
    path = tmp_path / "rules.yaml"
    text = RULES.replace(
        "{matching: {column: name, operator: begins-with, value: K}}", "{named: [Kyy accounts]}"
    )
    path.write_text(text, encoding="utf-8")
    run = run_cli(capsys, "rules", "check", path, "--directory", DIRECTORY)
    assert run.code == 2
    assert run.err.startswith(f"{path}:16:")
    assert "Key accounts" in run.err


def test_show_prints_a_tree(capsys: Capture) -> None:
    run = run_cli(capsys, "rules", "show", EXAMPLE)
    assert run.code == 0
    assert_golden(DATA / "golden" / "rules_show.txt", run.out)


def test_show_prints_json_that_is_a_rules_file_again(capsys: Capture, tmp_path: Path) -> None:
    shown = run_cli(capsys, "rules", "show", EXAMPLE, "--json")
    again = tmp_path / "rules.json"
    again.write_text(shown.out, encoding="utf-8")
    assert run_cli(capsys, "rules", "show", again, "--json").out == shown.out


def test_schema_is_json_schema_and_knows_the_example(capsys: Capture) -> None:
    run = run_cli(capsys, "rules", "schema")
    assert run.document["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert_golden(DATA / "golden" / "rules_schema.json", run.out)


EXPECTATIONS = """now: 2026-11-23T10:30:00Z
directory: {directory}
expect:
  - name: somebody from London
    table: lead
    row: {{address1_city: london}}
    segment: Londoners
    rule: To Londoners
    owner: sanjay
    sequence: null
    segmentation_status: 1
    routing_status: 2
  - row: {{"@odata.type": "#Microsoft.Dynamics.CRM.lead", address1_city: Paris}}
    segment: Rest
    owner: Key accounts
    secondary: []
    sequence_status: 4
"""


@pytest.fixture
def expectations(tmp_path: Path) -> Path:
    path = tmp_path / "expectations.yaml"
    path.write_text(EXPECTATIONS.format(directory=DIRECTORY), encoding="utf-8")
    return path


def test_expectations_that_are_met_end_in_nought(
    capsys: Capture, rules: Path, expectations: Path
) -> None:
    run = run_cli(capsys, "rules", "test", rules, expectations)
    assert (run.code, run.out, run.err) == (0, "2 expectations met.\n", "")


def test_expectations_that_are_not_met_say_what_came_out(
    capsys: Capture, rules: Path, expectations: Path
) -> None:
    text = expectations.read_text(encoding="utf-8")
    text = text.replace("segment: Londoners", "segment: Rest").replace(
        "owner: sanjay", "owner: null"
    )
    text = text.replace("owner: Key accounts", "owner: Susana").replace(
        "secondary: []", "secondary: [A, B]"
    )
    expectations.write_text(text, encoding="utf-8")
    run = run_cli(capsys, "rules", "test", rules, expectations)
    assert run.code == 1
    assert run.out.replace(str(expectations), "e").splitlines() == [
        "FAILED somebody from London (e:4)",
        '  segment: expected "Rest", got "Londoners"',
        "  owner: expected nothing, got Sanjay",
        "FAILED expectation 2 (e:13)",
        '  owner: expected "Susana", got Key accounts',
        '  secondary: expected "A", "B", got nothing',
        "2 of 2 expectations failed.",
    ]
    as_json = run_cli(capsys, "rules", "test", rules, expectations, "--json")
    assert as_json.code == 1
    assert [item["ok"] for item in as_json.document] == [False, False]
    assert as_json.document[0]["mismatches"][1] == {
        "field": "owner",
        "expected": "nothing",
        "actual": "Sanjay",
    }


def test_nobody_comes_with_the_reason(capsys: Capture, rules: Path, expectations: Path) -> None:
    text = rules.read_text(encoding="utf-8").replace("value: London}}}", "value: Rome}}}")
    rules.write_text(text, encoding="utf-8")
    run = run_cli(capsys, "rules", "test", rules, expectations)
    assert 'owner: expected "sanjay", got nobody (5: No sellers meet the conditions)' in run.out


def test_each_row_meets_the_same_directory_unless_in_order(
    capsys: Capture, rules: Path, expectations: Path
) -> None:
    row = "  - {table: lead, row: {address1_city: London}, owner: Sanjay}\n"
    head = f"now: 2026-11-23T10:30:00Z\ndirectory: {DIRECTORY}\n"
    expectations.write_text(f"{head}expect:\n{row}{row}", encoding="utf-8")
    assert run_cli(capsys, "rules", "test", rules, expectations).code == 0
    expectations.write_text(f"{head}in_order: true\nexpect:\n{row}{row}", encoding="utf-8")
    run = run_cli(capsys, "rules", "test", rules, expectations)
    assert '  owner: expected "Sanjay", got Miriam' in run.out.splitlines()


def test_segments_can_be_tested_without_people(
    capsys: Capture, rules: Path, expectations: Path
) -> None:
    head = "now: 2026-11-23T10:30:00Z\nexpect:\n"
    row = "  - {table: lead, row: {address1_city: London}, segment: Londoners%s}\n"
    expectations.write_text(head + row % "", encoding="utf-8")
    assert run_cli(capsys, "rules", "test", rules, expectations).code == 0
    expectations.write_text(head + row % ", owner: Sanjay", encoding="utf-8")
    run = run_cli(capsys, "rules", "test", rules, expectations)
    assert run.code == 2
    assert run.err == f'{expectations}:3:76: "owner" needs sellers; give --directory\n'
    given = run_cli(capsys, "rules", "test", rules, expectations, "--directory", DIRECTORY)
    assert given.code == 0


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("now: 2026-11-23T10:30:00Z\nexpect: []\n", ":2:9: "),
        ("now: 2026-11-23\nexpect: [{row: {}}]\n", ":1:6: "),
        ("now: 2026-11-23T10:30:00Z\nexpect:\n  - {row: {}, ownr: x}\n", ":3:15: "),
        ("now: 2026-11-23T10:30:00Z\nexpect:\n  - {row: {}, segment: A}\n", ":3:11: "),
        ("now: [\n", "this is not YAML"),
    ],
)
def test_bad_expectations_are_told_with_their_place(
    capsys: Capture, rules: Path, expectations: Path, text: str, words: str
) -> None:
    expectations.write_text(text, encoding="utf-8")
    run = run_cli(capsys, "rules", "test", rules, expectations)
    assert run.code == 2
    assert f"{expectations}" in run.err
    assert words in run.err


def test_a_policy_of_one_is_shown_in_the_singular(capsys: Capture, tmp_path: Path) -> None:
    text = (Path(__file__).parents[2] / "deploy" / "rules.example.yaml").read_text("utf-8")
    old = "retry: {every_minutes: 30, for_hours: 48}"
    assert old in text
    path = tmp_path / "rules.yaml"
    path.write_text(text.replace(old, "retry: {every_minutes: 1, for_hours: 1, attempts: 1}"))
    out = run_cli(capsys, "rules", "show", path).out
    assert "tried every 1 minute, for 1 hour, at most 1 time\n" in out


DEPLOY = Path(__file__).parents[2] / "deploy"


def test_the_example_of_expectations_is_met_by_the_example_rules(capsys: Capture) -> None:
    expected = DEPLOY / "rules.expectations.example.yaml"
    run = run_cli(capsys, "rules", "test", DEPLOY / "rules.example.yaml", expected)
    assert (run.code, run.out, run.err) == (0, "4 expectations met.\n", "")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("- a\n", '1:1: "the file": keys with their values are needed here'),
        (
            "now: 2026-11-23T10:30:00Z\nexpect:\n  - a lead\n",
            '3:5: "item 1": keys with their values are needed here',
        ),
        (
            "now: 2026-11-23T10:30:00Z\nexpect: []\n",
            "2:9: `expect` is empty: name at least one row",
        ),
    ],
)
def test_expectations_of_another_shape_are_refused_in_the_words_of_the_file(
    capsys: Capture, tmp_path: Path, text: str, message: str
) -> None:
    path = tmp_path / "expectations.yaml"
    path.write_text(text, encoding="utf-8")
    run = run_cli(capsys, "rules", "test", DEPLOY / "rules.example.yaml", path)
    assert (run.code, run.out, run.err) == (2, "", f"{path}:{message}\n")
