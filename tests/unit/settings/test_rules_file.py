"""Rules files from disk: good ones load, bad ones say what is wrong and where."""

from pathlib import Path

import pytest

from engine.checks.lint import lint_rule_set
from engine.errors import ConfigProblem
from engine.standard_tables import STANDARD_TABLES
from settings.rules_file import load_rules_file
from tests.support.golden import DATA, assert_golden

ROOT = Path(__file__).resolve().parents[3]
BAD = sorted(path for path in (DATA / "rules" / "bad").iterdir() if path.suffix != ".txt")
WARNED = sorted((DATA / "rules" / "warned").glob("*.yaml"))


@pytest.mark.parametrize("path", BAD, ids=lambda path: path.name)
def test_a_bad_file_says_what_is_wrong_and_where(path: Path) -> None:
    with pytest.raises(ConfigProblem) as caught:
        load_rules_file(path)
    message = str(caught.value).replace(f"{path.parent}/", "") + "\n"
    assert_golden(path.with_suffix(path.suffix + ".txt"), message)


@pytest.mark.parametrize("path", WARNED, ids=lambda path: path.name)
def test_what_looks_wrong_is_pointed_out(path: Path) -> None:
    rules = load_rules_file(path)
    found = rules.document.place_problems(lint_rule_set(rules.rule_set, STANDARD_TABLES))
    text = "".join(f"{item.line}:{item.column}: {item.message}\n" for item in found)
    assert_golden(path.with_suffix(".txt"), text)


def test_the_example_has_nothing_to_complain_about() -> None:
    rules = load_rules_file(ROOT / "deploy" / "rules.example.yaml")
    assert lint_rule_set(rules.rule_set, STANDARD_TABLES) == []
    assert rules.rule_set.tables == ("lead", "opportunity", "msdyn_salessuggestion")


def test_yaml_and_json_mean_the_same(tmp_path: Path) -> None:
    yaml, json = tmp_path / "rules.yaml", tmp_path / "rules.json"
    yaml.write_text(
        "version: 1\nsegments:\n  - {name: All, table: lead, default: true}\n", encoding="utf-8"
    )
    json.write_text(
        '{"version": 1, "segments": [{"name": "All", "table": "lead", "default": true}]}',
        encoding="utf-8",
    )
    assert load_rules_file(yaml).rule_set == load_rules_file(json).rule_set
    assert load_rules_file(yaml).rule_set.checksum == load_rules_file(json).rule_set.checksum


def test_a_table_of_the_tenant_is_taken_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "rules.yaml"
    path.write_text(
        "version: 1\nsegments:\n  - {name: All, table: new_visit, priority: 1,"
        " when: {column: new_city, operator: eq, value: London}}\n",
        encoding="utf-8",
    )
    assert load_rules_file(path).rule_set.tables == ("new_visit",)


def test_a_column_of_the_tenant_is_taken_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "rules.yaml"
    path.write_text(
        "version: 1\nsegments:\n  - {name: All, table: lead, priority: 1,"
        " when: {column: parentaccountid.new_grade, operator: contain-values, value: [1]}}\n",
        encoding="utf-8",
    )
    assert load_rules_file(path).rule_set.tables == ("lead",)
