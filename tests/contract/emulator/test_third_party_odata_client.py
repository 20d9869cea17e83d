"""An OData client that knows nothing of Dataverse, unmodified: it goes by `$metadata` alone."""

from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal
from uuid import UUID

import pytest
from odatapy.client.client import EdmEnabledODataClient
from odatapy.client.responses import ODataClientError
from odatapy.data import Entity

from tests.support.in_process import ROOT, InProcessEmulator
from tests.support.odata_peers import client_of

PYTHON_TYPES: dict[str, type | tuple[type, ...]] = {
    "Edm.Guid": UUID,
    "Edm.String": str,
    "Edm.Int32": int,
    "Edm.Int64": int,
    "Edm.Decimal": Decimal,
    "Edm.Double": (float, int),
    "Edm.Boolean": bool,
    "Edm.Date": date,
    "Edm.DateTimeOffset": datetime,
}


@pytest.fixture(scope="module")
def emulator() -> Iterator[InProcessEmulator]:
    from connector.emulator.seed.organization import SeedSize

    with InProcessEmulator(SeedSize(sellers=6, leads=25, opportunities=12, insights=4)) as running:
        yield running


@pytest.fixture
def client(emulator: InProcessEmulator) -> Iterator[EdmEnabledODataClient]:
    yield client_of(emulator)
    emulator.reset()


def row(**values: str) -> Entity:
    entity = Entity()
    for name, value in values.items():
        entity.set_property(name, value)
    return entity


def new_lead(client: EdmEnabledODataClient, subject: str) -> str:
    made = client.create_entity("leads", row(subject=subject))
    return f"{ROOT}/leads({made.get_value('leadid')})"


def test_the_service_document_names_every_set_of_the_model(client: EdmEnabledODataClient) -> None:
    modelled = {each.name for each in client.get_edm().entity_container.entity_sets}
    listed = {each.name for each in client.get_service_document().entries}
    assert listed == modelled
    assert len(listed) > 40


def test_every_row_of_every_set_has_the_declared_types(client: EdmEnabledODataClient) -> None:
    rows = 0
    for entity_set in client.get_edm().entity_container.entity_sets:
        declared = entity_set.entity_type.property_names
        for entity in client.iter_entities(f"{ROOT}/{entity_set.name}"):
            rows += 1
            for each in entity.properties:
                assert each.name in declared, (entity_set.name, each.name)
                expected = PYTHON_TYPES[str(each.type)]
                assert each.value is None or isinstance(each.value, expected), each
    assert rows > 300


def test_a_row_is_created_changed_under_its_etag_and_deleted(
    client: EdmEnabledODataClient,
) -> None:
    url = new_lead(client, "by an OData client")
    lead = client.get_entity(url)
    client.update_entity(url, row(subject="changed"), etag=lead.etag)
    with pytest.raises(ODataClientError, match="HTTP 412"):
        client.update_entity(url, row(subject="stale"), etag=lead.etag)
    assert client.get_property_value(f"{url}/subject/$value") == "changed"
    client.delete_entity(url)
    with pytest.raises(ODataClientError, match="HTTP 404"):
        client.get_entity(url)


def test_pages_are_followed_to_the_end(client: EdmEnabledODataClient) -> None:
    pages = list(client.iter_pages(f"{ROOT}/leads?$select=subject", max_page_size=10))
    assert [len(page.entities) for page in pages] == [10, 10, 5]
    assert client.get_count(f"{ROOT}/leads/$count") == 25


def test_changes_are_read_in_the_standards_form(client: EdmEnabledODataClient) -> None:
    gone, kept = (new_lead(client, subject) for subject in ("gone", "kept"))
    first = client.get_entity_set(f"{ROOT}/leads?$select=subject", track_changes=True)
    client.update_entity(kept, row(subject="changed"))
    client.delete_entity(gone)
    assert first.delta_link is not None
    delta = client.get_delta(first.delta_link)
    assert [each.get_value("subject") for each in delta.entities] == ["changed"]
    deleted = [(each.id, str(each.reason)) for each in delta.deleted_entities]
    assert deleted == [(gone.rpartition("(")[2].rstrip(")"), "deleted")]
    assert delta.delta_link is not None
    assert client.get_delta(delta.delta_link).entities == []


def test_references_are_added_listed_and_removed(client: EdmEnabledODataClient) -> None:
    account = client.get_entity_set(f"{ROOT}/accounts?$top=1").entities[0].get_value("accountid")
    below = f"{ROOT}/accounts({account})/lead_parent_account/$ref"
    before = set(client.get_references(below))
    lead = new_lead(client, "below")
    client.add_reference(below, lead)
    assert set(client.get_references(below)) - before == {lead}
    client.remove_reference(f"{lead}/parentaccountid/$ref")
    assert set(client.get_references(below)) == before
