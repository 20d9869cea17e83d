"""Point 14: identity, counts and metadata."""

from xml.etree import ElementTree as ET

import pytest

from connector.emulator.catalog.tables.standard import ALL_TABLES
from connector.emulator.organization.organization import CONNECTOR_USER_ID, COUNT_AGE_SECONDS
from tests.contract.emulator.conftest import Api, error_of, sign_in


def test_total_counts_are_told_for_several_tables(api: Api) -> None:
    for path in (
        "RetrieveTotalRecordCount(EntityNames=['lead','account'])",
        'RetrieveTotalRecordCount(EntityNames=@p1)?@p1=["lead","account"]',
    ):
        found = api.get(path).json()["EntityRecordCountCollection"]
        assert (found["Count"], found["Keys"]) == (2, ["lead", "account"])
        assert found["Values"][0] == 30


def test_metadata_is_told_by_query_and_only_when_it_changed(api: Api) -> None:
    query = (
        '{"Criteria":{"FilterOperator":"And","Conditions":[{"ConditionOperator":"Equals",'
        '"PropertyName":"LogicalName","Value":{"Type":"System.String","Value":"lead"}}]},'
        '"Properties":{"AllProperties":false,"PropertyNames":["LogicalName","EntitySetName"]}}'
    )

    def path(more: str = "") -> str:
        return f"RetrieveMetadataChanges(Query=@p1{more})?@p1={query}"

    first = api.get(path()).json()
    assert [each["EntitySetName"] for each in first["EntityMetadata"]] == ["leads"]
    later = path(",ClientVersionStamp=@p2") + f"&@p2='{first['ServerVersionStamp']}'"
    assert api.get(later).json()["EntityMetadata"] == []
    api.control("POST", "faults", {"kind": "metadata_change", "table": "lead", "path": "WhoAmI"})
    api.get("WhoAmI")
    assert len(api.get(later).json()["EntityMetadata"]) == 1
    wrong = path(",ClientVersionStamp=@p2") + "&@p2='1!elsewhere'"
    assert error_of(api.get(wrong)) == (400, "0x80044352")


def test_who_am_i_names_user_unit_and_organization(api: Api) -> None:
    for path in ("WhoAmI", "WhoAmI()"):
        document = api.get(path).json()
        assert document["@odata.context"].endswith("#Microsoft.Dynamics.CRM.WhoAmIResponse")
        assert document["UserId"] == CONNECTOR_USER_ID
        assert document["BusinessUnitId"]
        assert document["OrganizationId"]


def total(api: Api) -> int:
    answer = api.get("RetrieveTotalRecordCount(EntityNames=['lead'])").json()
    values: list[int] = answer["EntityRecordCountCollection"]["Values"]
    return values[0]


def wait(api: Api, seconds: float) -> None:
    api.control("POST", "clock", {"advance_seconds": seconds})


def test_total_record_counts_are_up_to_a_day_old(api: Api) -> None:
    before = total(api)
    api.create("leads", {"subject": "new"})
    wait(api, 86_399)
    late = sign_in(api.server)
    assert total(late) == before
    wait(api, 1)
    assert total(late) == before + 1
    late.session.close()


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
    precisions = {each["LogicalName"]: each["Precision"] for each in money}
    assert (precisions["revenue"], precisions["revenue_base"]) == (2, 4)


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


def test_total_record_counts_can_be_made_exact(api: Api) -> None:
    before = total(api)
    api.create("leads", {"subject": "new"})
    api.control("POST", "behaviour", {"count_age_seconds": 0})
    assert total(api) == before + 1
    api.control("POST", "behaviour", {"count_age_seconds": COUNT_AGE_SECONDS})
