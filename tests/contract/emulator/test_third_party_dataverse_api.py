"""dataverse-api, unmodified: it looks up sets, keys, messages and relationships in the metadata first."""

import pytest
from dataverse_api import (
    DataverseAPIError,
    DataverseClient,
    DataverseEntity,
)

from tests.contract.emulator.conftest import Api


@pytest.fixture
def dataverse(api: Api) -> DataverseClient:
    return DataverseClient(session=api.session, environment_url=api.server.url)


@pytest.fixture
def accounts(dataverse: DataverseClient) -> DataverseEntity:
    return dataverse.entity("account")


def names(accounts: DataverseEntity, start: str) -> list[str]:
    rows = accounts.read(
        select=["name"], filter=f"startswith(name,'{start}')", order_by=["name"], page_size=3
    )
    return [row["name"] for row in rows]


def test_a_table_is_described_by_its_metadata(accounts: DataverseEntity) -> None:
    assert (accounts.entity_set_name, accounts.primary_id_attr) == ("accounts", "accountid")
    assert accounts.alternate_keys == {"accountnumber_key": ["accountnumber"]}
    assert accounts.supports_create_multiple
    assert accounts.supports_update_multiple
    assert "primarycontactid" in {
        each["ReferencingEntityNavigationPropertyName"] if isinstance(each, dict) else str(each)
        for each in accounts.relationships.single_valued
    }


@pytest.mark.parametrize("mode", ["individual", "multiple", "batch"])
def test_rows_are_created_and_read_back_in_pages(accounts: DataverseEntity, mode: str) -> None:
    accounts.create([{"name": f"{mode} {number}"} for number in range(7)], mode=mode)
    assert names(accounts, mode) == [f"{mode} {number}" for number in range(7)]


@pytest.mark.parametrize("mode", ["individual", "batch"])
def test_rows_are_upserted_by_alternate_key(accounts: DataverseEntity, mode: str) -> None:
    for name in ("first", "second"):
        rows = [{"accountnumber": f"K-{number}", "name": f"{name} {number}"} for number in (1, 2)]
        accounts.upsert(rows, altkey_name="accountnumber_key", mode=mode)
    assert names(accounts, "first") == []
    assert names(accounts, "second") == ["second 1", "second 2"]


def test_rows_are_deleted_by_a_filter(accounts: DataverseEntity) -> None:
    accounts.create([{"name": "gone 1"}, {"name": "gone 2"}, {"name": "kept"}])
    accounts.delete(mode="batch", filter="startswith(name,'gone')")
    assert (names(accounts, "gone"), names(accounts, "kept")) == ([], ["kept"])


def test_definitions_are_read_as_models(dataverse: DataverseClient) -> None:
    lead = dataverse.get_entity_definition("lead")
    assert lead.schema_name == "Lead"
    found = dataverse.get_relationship_definition("lead_customer_accounts")
    assert found.schema_name == "lead_customer_accounts"
    assert dataverse.get_language_codes() == [1033]


def test_a_refusal_carries_the_emulators_sentence(accounts: DataverseEntity) -> None:
    with pytest.raises(DataverseAPIError, match="Could not find a property named 'nonsense'"):
        accounts.read(select=["nonsense"])
