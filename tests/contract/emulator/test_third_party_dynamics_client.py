"""dynamics-client, unmodified, against the emulator over TLS: OAuth form post, rows, pages."""

import ssl
from collections.abc import Iterator

import pytest
from dynamics import DynamicsClient, ftr
from dynamics.exceptions import NotFound

from tests.contract.emulator.conftest import start


@pytest.fixture(scope="module")
def dynamics() -> Iterator[DynamicsClient]:
    patch = pytest.MonkeyPatch()
    with start(use_tls=True) as server:
        patch.setenv("SSL_CERT_FILE", str(server.ca_file))
        client = DynamicsClient(
            api_url=f"{server.url}/api/data/v9.2",
            token_url=f"{server.authority}/{server.tenant_id}/oauth2/v2.0/token",
            client_id=server.client_id,
            client_secret=server.client_secret,
            scope=[f"{server.url}/.default"],
        )
        assert ssl.create_default_context().get_ca_certs()
        yield client
        client._oauth_client.close()
    patch.undo()


@pytest.fixture
def client(dynamics: DynamicsClient) -> DynamicsClient:
    dynamics.reset_query()
    return dynamics


def test_a_row_is_created_read_changed_and_deleted(client: DynamicsClient) -> None:
    client.table = "accounts"
    client.select = ["name", "accountid"]
    created = client.post({"name": "Fabrikam"}).data
    client.reset_query()
    client.table, client.row_id = "accounts", created["accountid"]
    client.select = ["name", "telephone1"]
    changed = client.patch({"telephone1": "555"}).data
    assert (changed["name"], changed["telephone1"]) == ("Fabrikam", "555")
    client.reset_query()
    client.table, client.row_id = "accounts", created["accountid"]
    client.delete()
    with pytest.raises(NotFound):
        client.get()


def test_rows_are_filtered_by_its_own_filter_builder(client: DynamicsClient) -> None:
    client.table = "leads"
    client.filter = [ftr.eq("statecode", 0)]
    client.select = ["statecode"]
    rows = client.get().data
    assert rows
    assert {row["statecode"] for row in rows} == {0}


def test_pages_are_followed_to_the_end(client: DynamicsClient) -> None:
    client.table = "leads"
    client.select = ["subject"]
    client.pagesize = 7
    rows = client.get(pagination_rules={"pages": -1}).data
    client.pagesize = 5000
    assert len({row["leadid"] for row in rows}) == len(rows) == 30


def test_lookups_are_expanded(client: DynamicsClient) -> None:
    client.table = "leads"
    client.select = ["subject"]
    # The library asks for every key here and needs none of them.
    client.expand = {"owninguser": {"select": ["fullname"]}}  # type: ignore[dict-item]
    client.top = 5
    rows = client.get().data
    assert all("fullname" in (row["owninguser"] or {"fullname": None}) for row in rows)
