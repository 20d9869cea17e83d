"""The columns of `lead` beside the metadata of a real organization, when somebody has a copy.

`LEADROBIN_TEST_LEAD_METADATA` names a JSON file: an object with the members of EntityMetadata and
`Attributes`, a list of objects with `LogicalName`, `SchemaName`, `AttributeType` and, for choices,
`options` of `value` and, for status reasons, `state`. Columns of our own are left out.
"""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from tests.contract.emulator.conftest import Api

FILE = os.environ.get("LEADROBIN_TEST_LEAD_METADATA", "")
OWN = "lrobin_"
CRM = "Microsoft.Dynamics.CRM"
LEAD = "EntityDefinitions(LogicalName='lead')"
CHOICES = ("Picklist", "State", "Status")

pytestmark = pytest.mark.skipif(not FILE, reason="LEADROBIN_TEST_LEAD_METADATA is not set")


@pytest.fixture(scope="module")
def real() -> dict[str, Any]:
    document: dict[str, Any] = json.loads(Path(FILE).read_text())
    return document


@pytest.fixture
def served(api: Api) -> list[dict[str, Any]]:
    columns = api.rows(f"{LEAD}/Attributes")
    return [each for each in columns if not each["LogicalName"].startswith(OWN)]


def test_the_table_has_the_same_names_and_switches(api: Api, real: dict[str, Any]) -> None:
    table = api.get(LEAD).json()
    for name in ("LogicalName", "SchemaName", "EntitySetName", "PrimaryIdAttribute",
                 "PrimaryNameAttribute", "OwnershipType", "LogicalCollectionName"):  # fmt: skip
        assert table[name] == real[name]
    for name in ("ObjectTypeCode", "ChangeTrackingEnabled", "IsOptimisticConcurrencyEnabled"):
        assert str(table[name]).lower() == real[name]


def test_every_column_has_its_name_and_type(
    served: list[dict[str, Any]], real: dict[str, Any]
) -> None:
    known = {
        each["LogicalName"]: (each["SchemaName"], each["AttributeType"])
        for each in real["Attributes"]
    }
    told = {each["LogicalName"]: (each["SchemaName"], each["AttributeType"]) for each in served}
    assert told == {name: known.get(name) for name in told}
    assert len(told) > 100


@pytest.mark.parametrize("kind", CHOICES)
def test_every_choice_has_its_values(api: Api, real: dict[str, Any], kind: str) -> None:
    known = {
        each["LogicalName"]: {option["value"]: option.get("state") for option in each["options"]}
        for each in real["Attributes"]
        if each["AttributeType"] == kind
    }
    columns = api.rows(f"{LEAD}/Attributes/{CRM}.{kind}AttributeMetadata?$expand=OptionSet")
    told = {
        each["LogicalName"]: {
            option["Value"]: option.get("State") for option in each["OptionSet"]["Options"]
        }
        for each in columns
    }
    assert told
    assert told == {name: known.get(name) for name in told}
