"""Metadata: definitions, choices, relationships, the service document, CSDL."""

import pytest

from connector.emulator.catalog.table_definition import ColumnType
from connector.emulator.catalog.tables.standard import ALL_TABLES, standard_catalog
from tests.contract.emulator.conftest import Api, error_of


@pytest.mark.parametrize(
    "path",
    ["EntityDefinitions", "EntityDefinitions(LogicalName='lead')/Attributes",
     "RelationshipDefinitions", "GlobalOptionSetDefinitions"],
)  # fmt: skip
def test_definitions_are_counted(api: Api, path: str) -> None:
    answer = api.get(f"{path}/$count")
    assert answer.headers["Content-Type"] == "text/plain"
    assert int(answer.text) == len(api.rows(path))


def test_definitions_are_counted_as_filtered(api: Api) -> None:
    query = "$filter=ChangeTrackingEnabled eq false"
    counted = int(api.get(f"EntityDefinitions/$count?{query}").text)
    assert counted == len(api.rows(f"EntityDefinitions?{query}")) < len(ALL_TABLES)
    assert api.get("EntityDefinitions(LogicalName='lead')/$count").status_code == 400


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "EntityDefinitions"),
        ("PUT", "EntityDefinitions(LogicalName='lead')"),
        ("DELETE", "EntityDefinitions(LogicalName='lead')/Attributes(LogicalName='subject')"),
        ("POST", "RelationshipDefinitions"),
        ("POST", "GlobalOptionSetDefinitions"),
    ],
)
def test_changes_of_metadata_are_not_served_and_named(api: Api, method: str, path: str) -> None:
    answer = api.call(method, path, json={})
    assert answer.status_code == 501
    message = answer.json()["error"]["message"]
    assert message == f"Changing metadata ({method} {path}) is not served by the emulator."


def test_definitions_refuse_what_they_do_not_know(api: Api) -> None:
    assert api.get("EntityDefinitions?$select=Nonsense").status_code == 400
    assert api.get("EntityDefinitions(LogicalName='lead')/Nonsense").status_code == 400
    assert error_of(api.get("GlobalOptionSetDefinitions(Name='none')"))[0] == 404


def test_every_name_in_the_catalog_is_unique_and_every_choice_has_options() -> None:
    catalog = standard_catalog()
    sets = [table.entity_set for table in catalog.tables.values()]
    assert len(sets) == len(set(sets))
    for table in catalog.tables.values():
        names = [column.logical_name for column in table.columns]
        assert len(names) == len(set(names)), table.logical_name
        for column in table.columns:
            assert column.options or not column.type.is_choice, column.logical_name
            assert column.targets or not column.type.is_lookup, column.logical_name
        if table.primary_name is not None:
            assert table.columns_by_name[table.primary_name].type is ColumnType.STRING
        if "statuscode" in table.columns_by_name:
            states = {option.value for option in table.columns_by_name["statecode"].options}
            assert {
                option.state for option in table.columns_by_name["statuscode"].options
            } == states


def test_the_products_of_opportunities_are_reached_from_them(api: Api) -> None:
    rows = api.rows(
        "opportunities?$select=name&$expand=product_opportunities($select=baseamount)&$top=30"
    )
    lines = [len(row["product_opportunities"]) for row in rows]
    assert 0 in lines
    assert max(lines) > 1


def test_every_table_has_a_type_code_of_its_own() -> None:
    codes = [table.object_type_code for table in ALL_TABLES]
    assert len(codes) == len(set(codes))
