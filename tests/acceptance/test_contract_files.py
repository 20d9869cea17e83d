"""`leadrobin simulate` against the interface: runs that chain, rows from CSV, refused files.

Written from the interface description alone, like `test_contract_readings`.
"""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.builders import ALL, NOON, guid, lead, rule, seller_entry
from tests.support.readings import ACCOUNT, Simulate, Simulated


@pytest.fixture
def simulate(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Simulate:
    return Simulate(tmp_path, capsys)


def by_condition(when: Any) -> dict[str, Any]:
    return {"segments": [{"name": "S", "table": "lead", "priority": 1, "when": when}]}


def refusal(done: Simulated) -> str:
    assert (done.code, done.out) == (2, "")
    return done.err


def row(number: int, *, owner: int, revenue: int, creator: int = 99) -> dict[str, Any]:
    people = {"_ownerid_value": guid(owner), "_createdby_value": guid(creator)}
    return lead(number, revenue=revenue, createdon="2026-11-23T08:00:00Z", **people)


def test_two_chained_runs_write_the_same_bytes_as_one(simulate: Simulate, tmp_path: Path) -> None:
    """A unit taken and given back leaves a zero, and new keys stand in one order, in both."""
    pair = [{"column": "revenue", "operator": "eq", "value": number} for number in (1, 2)]
    rules = {
        "round_robin_scope": "rule",
        "segments": [ALL],
        "rules": [
            rule("A", when=pair[0], assign_to={"sellers": {"named": [guid(1)]}}),
            rule("B", when=pair[1], assign_to={"sellers": {"named": [guid(2)]}}),
        ],
    }
    rows = [
        row(11, owner=1, revenue=3, creator=1),
        row(12, owner=99, revenue=1),
        row(13, owner=99, revenue=2),
        row(14, owner=1, revenue=2),
    ]
    people = {"sellers": [seller_entry(1, "Ann"), seller_entry(2, "Bob")]}
    arguments = ("--now", NOON, "--directory-out")
    whole = simulate(rules, people, rows, *arguments, tmp_path / "whole.json")
    written = json.loads((tmp_path / "whole.json").read_text(encoding="utf-8"))
    assert written["sellers"][0]["capacity"] == {"consumed": {"lead": 0}}
    for cut in (1, 2, 3):
        first = simulate(rules, people, rows[:cut], *arguments, tmp_path / "first.json")
        between = json.loads((tmp_path / "first.json").read_text(encoding="utf-8"))
        second = simulate(rules, between, rows[cut:], *arguments, tmp_path / "second.json")
        assert first.out + second.out == whole.out
        assert (tmp_path / "second.json").read_bytes() == (tmp_path / "whole.json").read_bytes()


@pytest.mark.parametrize("fetchxml", ["<filter/>", "<filter><filter type='or'/></filter>"])
def test_a_pasted_filter_without_conditions_is_refused(simulate: Simulate, fetchxml: str) -> None:
    said = refusal(simulate(by_condition({"fetchxml": fetchxml}), {"sellers": []}, [lead(10)]))
    assert "the FetchXML has a <filter> but no <condition> in it" in said


@pytest.mark.parametrize("value", ["Contoso", ACCOUNT[:-1], ["Contoso", ACCOUNT]])
def test_a_lookup_takes_a_guid_and_nothing_else(simulate: Simulate, value: Any) -> None:
    operator = "in" if isinstance(value, list) else "eq"
    condition = {"column": "parentaccountid", "operator": operator, "value": value}
    said = refusal(simulate(by_condition(condition), {"sellers": []}, [lead(10)]))
    assert "“parentaccountid” holds the id of a row: write a GUID instead of" in said


@pytest.mark.parametrize(
    ("directory", "said"),
    [
        ({"selers": []}, '"selers" is not known here; did you mean "sellers"?'),
        (
            {"sellers": [seller_entry(1, "Ann", capacity={"maximum": 5})]},
            '"maximum" is not known here; did you mean "max"?',
        ),
    ],
)
def test_a_misspelt_key_of_the_directory_is_refused(
    simulate: Simulate, directory: dict[str, Any], said: str
) -> None:
    done = simulate({"segments": [ALL]}, directory, [lead(10)])
    assert said in refusal(done)


@pytest.mark.parametrize(
    ("key", "said"),
    [
        ("round_robin_scope", '"round_robin_scope" has no place here; it belongs elsewhere'),
        ("<<", '"<<" is not known here'),
    ],
)
def test_a_key_in_the_wrong_place_is_named(simulate: Simulate, key: str, said: str) -> None:
    rules = {"segments": [ALL], "rules": [rule("R", **{key: {}})]}
    assert said in refusal(simulate(rules, {"sellers": []}, [lead(10)]))
