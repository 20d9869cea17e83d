"""Metadata: definitions, choices, relationships, the service document, CSDL."""

from xml.etree import ElementTree as ET

import pytest

from connector.emulator.metadata import ColumnType
from connector.emulator.tables.standard import ALL_TABLES, standard_catalog
from tests.contract.emulator.conftest import Api, error_of

EDM = "{http://docs.oasis-open.org/odata/ns/edm}"
CAST = "Microsoft.Dynamics.CRM"


def test_a_table_is_described(api: Api) -> None:
    names = (
        "LogicalName,SchemaName,EntitySetName,PrimaryIdAttribute,PrimaryNameAttribute,ObjectTypeCode,"
        "OwnershipType,TableType,ChangeTrackingEnabled,IsOptimisticConcurrencyEnabled,MetadataId"
    )
    document = api.get(f"EntityDefinitions(LogicalName='opportunity')?$select={names}").json()
    assert document["@odata.context"].endswith("#EntityDefinitions/$entity")
    assert document["EntitySetName"] == "opportunities"
    assert document["ObjectTypeCode"] == 3
    assert document["OwnershipType"] == "UserOwned"
    assert document["ChangeTrackingEnabled"] is True


def test_tables_are_filtered_by_flags_and_managed_properties(api: Api) -> None:
    tracked = api.rows(
        "EntityDefinitions?$select=LogicalName&$filter=ChangeTrackingEnabled eq true"
    )
    assert "lead" in {each["LogicalName"] for each in tracked}
    impossible = api.rows(
        "EntityDefinitions?$select=LogicalName&$filter=ChangeTrackingEnabled eq false and "
        "CanChangeTrackingBeEnabled/Value eq false"
    )
    assert "calendar" in {each["LogicalName"] for each in impossible}
    owned = api.rows(
        f"EntityDefinitions?$select=LogicalName&$filter=OwnershipType eq {CAST}.OwnershipTypes'UserOwned'"
    )
    assert "lead" in {each["LogicalName"] for each in owned}
    assert "organization" not in {each["LogicalName"] for each in owned}


def test_an_unknown_table_is_not_found(api: Api) -> None:
    assert api.get("EntityDefinitions(LogicalName='nothing')").status_code == 404


def test_columns_tell_their_type_and_validity(api: Api) -> None:
    path = "EntityDefinitions(LogicalName='lead')/Attributes"
    columns = {each["LogicalName"]: each for each in api.rows(path)}
    assert columns["subject"]["AttributeType"] == "String"
    assert columns["subject"]["AttributeTypeName"] == {"Value": "StringType"}
    assert columns["modifiedon"]["IsValidForUpdate"] is False
    assert columns["owneridname"]["AttributeOf"] == "ownerid"
    one = api.get(f"{path}(LogicalName='subject')/{CAST}.StringAttributeMetadata?$select=MaxLength")
    assert one.json()["MaxLength"] == 50
    assert api.get(f"{path}(LogicalName='nothing')").status_code == 404


@pytest.mark.parametrize(
    ("cast", "column"),
    [
        ("PicklistAttributeMetadata", "leadsourcecode"),
        ("StateAttributeMetadata", "statecode"),
        ("StatusAttributeMetadata", "statuscode"),
        ("BooleanAttributeMetadata", "donotemail"),
    ],
)
def test_casts_show_the_options(api: Api, cast: str, column: str) -> None:
    path = f"EntityDefinitions(LogicalName='lead')/Attributes/{CAST}.{cast}"
    rows = api.rows(f"{path}?$select=LogicalName&$expand=OptionSet")
    found = next(row for row in rows if row["LogicalName"] == column)["OptionSet"]
    if cast == "BooleanAttributeMetadata":
        assert found["TrueOption"]["Value"] == 1
        return
    assert found["Options"][0]["Label"]["UserLocalizedLabel"]["LanguageCode"] == 1033
    if cast == "StatusAttributeMetadata":
        assert {each["Value"]: each["State"] for each in found["Options"]}[3] == 1


def test_other_casts_show_targets_behaviour_and_precision(api: Api) -> None:
    path = "EntityDefinitions(LogicalName='lead')/Attributes"
    lookups = api.rows(f"{path}/{CAST}.LookupAttributeMetadata?$select=LogicalName,Targets")
    targets = {each["LogicalName"]: each["Targets"] for each in lookups}
    assert targets["ownerid"] == ["systemuser", "team"]
    assert targets["customerid"] == ["account", "contact"]
    dates = api.rows(
        f"{path}/{CAST}.DateTimeAttributeMetadata?$select=LogicalName,DateTimeBehavior"
    )
    behaviours = {each["LogicalName"]: each["DateTimeBehavior"]["Value"] for each in dates}
    assert behaviours["estimatedclosedate"] == "DateOnly"
    assert behaviours["createdon"] == "UserLocal"
    money = api.rows(f"{path}/{CAST}.MoneyAttributeMetadata?$select=LogicalName,Precision")
    assert {each["Precision"] for each in money} == {2}


def test_relationships_tell_navigation_names_and_cascades(api: Api) -> None:
    path = "EntityDefinitions(LogicalName='lead')/ManyToOneRelationships"
    found = {
        (each["ReferencingAttribute"], each["ReferencedEntity"]): each for each in api.rows(path)
    }
    customer = found["customerid", "account"]
    assert customer["ReferencingEntityNavigationPropertyName"] == "customerid_account"
    assert customer["SchemaName"] == "lead_customer_accounts"
    assert customer["CascadeConfiguration"]["Assign"] == "Cascade"
    parent = found["parentaccountid", "account"]
    assert parent["CascadeConfiguration"]["Assign"] == "NoCascade"
    custom = found["lrobin_sequenceid", "msdyn_sequence"]
    assert custom["ReferencingEntityNavigationPropertyName"] == "lrobin_SequenceId"


def test_keys_are_listed(api: Api) -> None:
    keys = api.rows("EntityDefinitions(LogicalName='account')/Keys")
    assert [key["KeyAttributes"] for key in keys] == [["accountnumber"]]


def test_the_service_document_lists_the_sets(api: Api) -> None:
    document = api.get("").json()
    assert {"name": "leads", "kind": "EntitySet", "url": "leads"} in document["value"]


def test_the_csdl_is_consistent(api: Api) -> None:
    answer = api.get("$metadata?annotations=true")
    assert answer.headers["Content-Type"].startswith("application/xml")
    root = ET.fromstring(answer.text)
    types = {each.get("Name"): each for each in root.iter(f"{EDM}EntityType")}
    sets = {each.get("Name") for each in root.iter(f"{EDM}EntitySet")}
    assert {table.entity_set for table in ALL_TABLES} == sets
    for name, kind in types.items():
        names = [each.get("Name") for each in kind if each.tag != f"{EDM}Key"]
        assert len(names) == len(set(names)), name
        for navigation in kind.iter(f"{EDM}NavigationProperty"):
            target = str(navigation.get("Type")).removeprefix("Collection(").rstrip(")")
            assert target.removeprefix("mscrm.") in types
    lead = types["lead"]
    properties = {each.get("Name"): each.get("Type") for each in lead.iter(f"{EDM}Property")}
    assert properties["_ownerid_value"] == "Edm.Guid"
    assert properties["estimatedclosedate"] == "Edm.Date"
    assert 'Supported" Bool="true"' in answer.text


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
