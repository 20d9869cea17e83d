"""Routes beyond sets and rows: members of collections, references, single values, definitions."""

from typing import Any

import pytest

from tests.contract.emulator.conftest import Api, error_of

CRM = "Microsoft.Dynamics.CRM"
LEAD = "EntityDefinitions(LogicalName='lead')"


@pytest.fixture
def family(api: Api) -> tuple[str, list[str]]:
    """The path of an account's leads, and their ids in key order."""
    account = api.create("accounts", {"name": "A"})
    bind = {"parentaccountid@odata.bind": f"/accounts({account})"}
    leads = [api.create("leads", {"subject": f"L{n}", **bind}) for n in range(3)]
    return f"accounts({account})/lead_parent_account", sorted(leads)


def test_a_member_of_a_collection_is_read_by_its_key(
    api: Api, family: tuple[str, list[str]]
) -> None:
    path, leads = family
    row = api.get(f"{path}({leads[1]})?$select=subject&$expand=parentaccountid($select=name)")
    assert row.json()["@odata.context"].endswith("#leads(subject,parentaccountid(name))/$entity")
    assert row.json()["leadid"] == leads[1]
    assert row.headers["ETag"] == row.json()["@odata.etag"]


def test_a_row_outside_of_the_collection_is_not_found_in_it(
    api: Api, family: tuple[str, list[str]]
) -> None:
    stranger = api.create("leads", {"subject": "Elsewhere"})
    assert error_of(api.get(f"{family[0]}({stranger})")) == (404, "0x80040217")
    assert api.get(f"{family[0]}({stranger})/subject").status_code == 400


def test_references_of_a_collection_are_listed_in_pages(
    api: Api, family: tuple[str, list[str]]
) -> None:
    path, leads = family
    headers = {"Prefer": "odata.maxpagesize=2"}
    first = api.get(f"{path}/$ref", headers=headers).json()
    assert first["@odata.context"].endswith("/$metadata#Collection($ref)")
    second = api.get(first["@odata.nextLink"], headers=headers).json()
    listed = [*first["value"], *second["value"]]
    assert listed == [{"@odata.id": f"{api.root}/leads({lead})"} for lead in leads]
    assert "@odata.nextLink" not in second


def test_a_row_is_created_in_a_collection(api: Api, family: tuple[str, list[str]]) -> None:
    path, leads = family
    answer = api.call("POST", path, json={"subject": "Born here"})
    assert answer.status_code == 204
    url = answer.headers["OData-EntityId"]
    assert url.startswith(f"{api.root}/leads(")
    assert api.get(f"{url}?$select=subject").json()["subject"] == "Born here"
    assert len(api.rows(path)) == len(leads) + 1
    headers = {"Prefer": "return=representation"}
    shown = api.call("POST", f"{path}?$select=subject", json={"subject": "S"}, headers=headers)
    assert (shown.status_code, shown.json()["subject"]) == (201, "S")
    assert api.call("POST", path, json={"nonsense": 1}).status_code == 400
    assert len(api.rows(path)) == len(leads) + 2


def test_nested_expands_are_named_in_the_context(api: Api) -> None:
    select = "$select=name;$expand=primarycontactid($select=fullname)"
    document = api.get(f"leads?$top=1&$select=subject&$expand=parentaccountid({select})").json()
    assert document["@odata.context"].endswith(
        "#leads(subject,parentaccountid(name,primarycontactid(fullname)))"
    )


@pytest.mark.parametrize("table", ["systemuser", "team"])
def test_the_key_of_owners_is_named_ownerid(api: Api, table: str) -> None:
    row_id = api.rows(f"{table}s?$top=1")[0][f"{table}id"]
    assert api.get(f"{table}s({row_id})").status_code == 200
    assert api.get(f"{table}s(ownerid={row_id})").status_code == 200
    assert error_of(api.get(f"{table}s({table}id={row_id})")) == (400, "0x80060890")


def test_a_row_has_no_value_of_its_own(api: Api) -> None:
    lead = f"leads({api.create('leads', {'subject': 'L'})})"
    assert error_of(api.get(f"{lead}/$value")) == (400, "0x80060888")


@pytest.mark.parametrize("body", [{}, {"val": "x"}], ids=["nothing", "another member"])
def test_a_property_is_not_cleared_by_a_body_without_value(api: Api, body: Any) -> None:
    lead = f"leads({api.create('leads', {'subject': 'Kept'})})"
    assert error_of(api.call("PUT", f"{lead}/subject", json=body)) == (400, "0x80048d19")
    assert api.get(f"{lead}/subject").json()["value"] == "Kept"


def test_a_body_of_another_type_is_refused(api: Api) -> None:
    lead = f"leads({api.create('leads', {'subject': 'L'})})"
    for kind in (f"{CRM}.lead", f"#{CRM}.lead"):
        assert api.patch(lead, {"@odata.type": kind, "subject": "M"}).status_code == 204
    wrong = api.patch(lead, {"@odata.type": f"{CRM}.account", "subject": "N"})
    assert error_of(wrong) == (400, "0x80048d19")
    assert f"A resource with type '{CRM}.account' was found" in wrong.text


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ("savedQuery=00000000-0000-0000-0000-000000000001", "savedQuery"),
        ("userQuery=00000000-0000-0000-0000-000000000001", "userQuery"),
        ("$expand=*", "$expand"),
        ("fetchXml=<fetch datasource='bin'><entity name='lead'/></fetch>", "datasource"),
    ],
)
def test_queries_that_are_not_served_are_named(api: Api, query: str, named: str) -> None:
    answer = api.get(f"leads?{query}")
    assert answer.status_code == 501
    assert named in answer.json()["error"]["message"]


@pytest.mark.parametrize("option", ["$top", "$orderby"])
def test_definitions_are_neither_cut_nor_ordered(api: Api, option: str) -> None:
    answer = api.get(f"EntityDefinitions?{option}=1")
    assert error_of(answer) == (400, "0x80060888")
    message = f"The query parameter {option} is not supported"
    assert answer.json()["error"]["message"] == message


def test_a_property_of_a_definition_is_read_alone(api: Api) -> None:
    assert api.get(f"{LEAD}/EntitySetName").json()["value"] == "leads"
    assert api.get(f"{LEAD}/Nonsense").status_code == 400


def test_a_relationship_of_a_table_is_read_by_name_and_by_cast(api: Api) -> None:
    path = f"{LEAD}/ManyToOneRelationships"
    one = api.get(f"{path}(SchemaName='lead_customer_accounts')").json()
    assert one["ReferencingEntityNavigationPropertyName"] == "customerid_account"
    cast = api.rows(f"{path}/{CRM}.OneToManyRelationshipMetadata")
    assert len(cast) == len(api.rows(path)) > 10
    assert api.rows(f"{path}/{CRM}.ManyToManyRelationshipMetadata") == []
    assert api.get(f"{path}(SchemaName='nothing')").status_code == 404
