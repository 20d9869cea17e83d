"""What `leadrobin doctor` finds, over an environment in memory."""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from connector.service.doctor import Finding, examine
from connector.store.opening import open_store
from engine.standard_tables import STANDARD_TABLES
from settings.model import PollSettings, RulesSettings, Settings, StoreSettings, WriteSettings
from tests.support.fake_dataverse import ORGANIZATION, FakeDataverse
from tests.support.worlds import RULES, SCHEMA, build_people, seller_id

SEGMENT = str(RULES["segments"][0]["segment_id"])
NAMED = {
    "msdyn_segment": replace(SCHEMA["account"], name="msdyn_segment", primary_id="msdyn_segmentid"),
    "msdyn_sequence": replace(
        SCHEMA["account"], name="msdyn_sequence", primary_id="msdyn_sequenceid"
    ),
}


@pytest.fixture
def dataverse() -> FakeDataverse:
    """An environment with one seller, and the segment that the rules name."""
    made = FakeDataverse(schema={**SCHEMA, **NAMED}, directory=build_people(("Miriam",)))
    made.put_row("msdyn_segment", SEGMENT)
    return made


def findings(
    dataverse: FakeDataverse, folder: Path, rules: Mapping[str, Any] = RULES, **parts: Any
) -> dict[str, Finding]:
    """What is found, by what was looked at."""
    file = folder / "rules.json"
    file.write_text(json.dumps(rules))
    open_store(f"sqlite:///{folder / 'store.db'}").close()
    settings = Settings(
        store=StoreSettings(url=f"sqlite:///{folder / 'store.db'}"),
        rules=RulesSettings(file=file),
        **parts,
    )
    looked = examine(settings, source=dataverse, people=dataverse.fetch_directory)
    return {finding.what: finding for finding in looked}


def test_what_is_in_order_is_described(dataverse: FakeDataverse, tmp_path: Path) -> None:
    found = findings(dataverse, tmp_path)
    assert {what: finding.detail for what, finding in found.items() if not finding.problem} == {
        "rules file": "3 rules",
        "store": "0 rows, 0 decisions",
        "sign-in": f"organization {ORGANIZATION} at {dataverse.url}",
        "table lead": "changes are tracked",
        "columns of the rules": "9 are read",
        "people of the rules": "sellers: 1, teams: 0, queues: 0; all that are named are there",
        "rows of msdyn_segment": "1 found",
        "Microsoft's own rules": "none is active",
    }


def test_rows_that_the_rules_name_and_nobody_has_are_named(
    dataverse: FakeDataverse, tmp_path: Path
) -> None:
    problem = findings(dataverse, tmp_path)["rows of msdyn_sequence"].problem
    assert problem is not None
    assert problem.startswith("the environment has no msdyn_sequence for Welcome (")


def test_somebody_whom_the_rules_name_and_nobody_knows_is_a_problem_with_its_place(
    dataverse: FakeDataverse, tmp_path: Path
) -> None:
    named = {**RULES["rules"][0], "assign_to": {"sellers": {"named": ["Sanjay"]}}}
    found = findings(dataverse, tmp_path, {**RULES, "rules": [named]})
    problem = found["people of the rules"].problem
    assert problem is not None
    assert "rules.json:1:" in problem
    assert 'no seller "Sanjay"' in problem


@pytest.mark.parametrize(
    ("is_tracked", "way", "said"),
    [
        (True, "modified_on", "followed by modifiedon, as LEADROBIN_POLL__FOLLOW_BY says"),
        (False, "auto", "followed by modifiedon: change tracking is off in the table's properties"),
        (False, "tracking", "change tracking is off; switch it on in the table's properties"),
    ],
)
def test_how_a_table_is_followed_is_said(
    dataverse: FakeDataverse, tmp_path: Path, is_tracked: bool, way: Any, said: str
) -> None:
    dataverse.is_tracked = is_tracked
    found = findings(dataverse, tmp_path, poll=PollSettings(follow_by=way))["table lead"]
    assert said in (found.detail, found.problem)
    assert (found.problem is not None) is (way == "tracking")


def test_columns_that_are_not_written_are_named(dataverse: FakeDataverse, tmp_path: Path) -> None:
    write = WriteSettings(segment_column="new_segment", sequence_column="new_sequence")
    found = findings(dataverse, tmp_path, write=write)["table lead"]
    assert found.detail == (
        "changes are tracked; not written, as the table lacks it: new_segment, new_sequence"
    )


def test_what_depends_on_something_broken_is_left_out(
    dataverse: FakeDataverse, tmp_path: Path
) -> None:
    found = findings(dataverse, tmp_path, {"version": 1, "segments": "none"})
    assert list(found) == ["rules file", "store", "sign-in"]
    assert found["rules file"].problem


def test_microsoft_s_own_rules_are_a_problem(dataverse: FakeDataverse, tmp_path: Path) -> None:
    table = STANDARD_TABLES["lead"]
    dataverse.schema = {**dataverse.schema, "msdyn_assignmentrule": table}
    dataverse.put_row("msdyn_assignmentrule", seller_id(9), msdyn_name="Theirs")
    found = findings(dataverse, tmp_path)["Microsoft's own rules"]
    assert found.problem is not None
    assert "Theirs" in found.problem
