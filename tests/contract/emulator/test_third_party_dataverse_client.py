"""Microsoft's own Python client, unmodified, against the emulator over TLS: it sees what it wrote."""

from collections.abc import Iterator
from typing import Any

import pytest
from azure.core.credentials import AccessToken
from msal import ConfidentialClientApplication
from PowerPlatform.Dataverse.client import DataverseClient
from PowerPlatform.Dataverse.core.errors import HttpError
from PowerPlatform.Dataverse.models.filters import col
from PowerPlatform.Dataverse.models.record import QueryResult
from PowerPlatform.Dataverse.models.upsert import UpsertItem

from connector.emulator.server import EmulatorServer
from tests.contract.emulator.conftest import start


class MsalCredential:
    """What azure-identity's client secret credential does, with the loopback authority."""

    def __init__(self, server: EmulatorServer) -> None:
        import requests

        session = requests.Session()
        session.trust_env, session.verify = False, str(server.ca_file)
        self.session = session
        self._application = ConfidentialClientApplication(
            server.client_id,
            authority=f"{server.authority}/{server.tenant_id}",
            client_credential=server.client_secret,
            instance_discovery=False,
            http_client=session,
        )

    def get_token(self, *scopes: str, **_: Any) -> AccessToken:
        answer = self._application.acquire_token_for_client(list(scopes))
        return AccessToken(answer["access_token"], 2_000_000_000)


@pytest.fixture(scope="module")
def client() -> Iterator[DataverseClient]:
    patch = pytest.MonkeyPatch()
    with start(use_tls=True) as server:
        patch.setenv("REQUESTS_CA_BUNDLE", str(server.ca_file))
        credential = MsalCredential(server)
        with DataverseClient(server.url, credential) as dataverse:
            yield dataverse
        credential.session.close()
    patch.undo()


def test_a_row_is_created_read_changed_and_deleted(client: DataverseClient) -> None:
    account = client.records.create("account", {"name": "Contoso", "revenue": 1250.5})
    client.records.update("account", account, {"telephone1": "555-0100"})
    row = client.records.retrieve("account", account, select=["name", "telephone1", "revenue"])
    assert row is not None
    assert (row["name"], row["telephone1"], row["revenue"]) == ("Contoso", "555-0100", 1250.5)
    client.records.delete("account", account)
    assert client.records.retrieve("account", account) is None


def test_many_rows_are_created_and_updated_in_one_call(client: DataverseClient) -> None:
    ids = client.records.create("account", [{"name": f"Bulk {n}"} for n in range(25)])
    client.records.update("account", ids, {"description": "together"})
    client.records.update(
        "account", ids[:2], [{"accountnumber": "BULK-0"}, {"accountnumber": "BULK-1"}]
    )
    rows = client.records.list(
        "account", filter="description eq 'together'", select=["name", "accountnumber"]
    )
    assert {row["name"] for row in rows} == {f"Bulk {n}" for n in range(25)}
    assert {row["accountnumber"] for row in rows} == {None, "BULK-0", "BULK-1"}


def test_pages_follow_each_other_to_the_end(client: DataverseClient) -> None:
    ids = client.records.create("contact", [{"lastname": f"Paged {n:02}"} for n in range(23)])
    pages = list(
        client.records.list_pages(
            "contact", filter="startswith(lastname,'Paged')", select=["lastname"], page_size=10
        )
    )
    assert [len(list(page)) for page in pages] == [10, 10, 3]
    found = {row["contactid"] for page in pages for row in page}
    assert found == set(ids)


def test_the_query_builder_finds_what_was_written(client: DataverseClient) -> None:
    client.records.create("lead", [{"subject": "Built", "revenue": n * 1000} for n in range(5)])
    found = (
        client.query.builder("lead")
        .select("subject", "revenue")
        .where((col("subject") == "Built") & (col("revenue") >= 2000))
        .order_by("revenue", descending=True)
        .top(2)
        .execute()
    )
    assert isinstance(found, QueryResult)
    assert [record["revenue"] for record in found] == [4000.0, 3000.0]


def test_fetchxml_returns_rows_of_linked_tables(client: DataverseClient) -> None:
    account = client.records.create("account", {"name": "Fetched"})
    client.records.create(
        "lead", {"subject": "Linked", "parentaccountid@odata.bind": f"/accounts({account})"}
    )
    rows = client.query.fetchxml(
        "<fetch><entity name='lead'><attribute name='subject'/><link-entity name='account' "
        "from='accountid' to='parentaccountid' alias='a'><attribute "
        "name='name'/><filter><condition attribute='name' operator='eq' "
        "value='Fetched'/></filter></link-entity></entity></fetch>"
    ).execute()
    assert [(row["subject"], row["a.name"]) for row in rows] == [("Linked", "Fetched")]


def test_a_batch_with_a_change_set_is_all_or_nothing(client: DataverseClient) -> None:
    batch = client.batch.new()
    with batch.changeset() as changes:
        reference = changes.records.create("account", {"name": "In a set"})
        changes.records.create(
            "contact",
            {"lastname": "Member", "parentcustomerid_account@odata.bind": reference},
        )
    batch.records.list("account", filter="name eq 'In a set'", select=["name"])
    result = batch.execute()
    assert not result.has_errors
    contacts = client.records.list("contact", filter="lastname eq 'Member'")
    assert [row["_parentcustomerid_value"] is not None for row in contacts] == [True]


def test_a_failing_change_set_leaves_nothing_behind(client: DataverseClient) -> None:
    batch = client.batch.new()
    with batch.changeset() as changes:
        changes.records.create("account", {"name": "Never there"})
        changes.records.create("account", {"no_such_column": 1})
    result = batch.execute(continue_on_error=True)
    assert result.has_errors
    assert list(client.records.list("account", filter="name eq 'Never there'")) == []


def test_upsert_by_alternate_key_creates_then_changes(client: DataverseClient) -> None:
    for name in ("First", "Second"):
        client.records.upsert(
            "account", [UpsertItem(alternate_key={"accountnumber": "K-1"}, record={"name": name})]
        )
    client.records.upsert(
        "account",
        [
            UpsertItem(alternate_key={"accountnumber": "K-1"}, record={"telephone1": "1"}),
            UpsertItem(alternate_key={"accountnumber": "K-2"}, record={"name": "Other"}),
        ],
    )
    rows = client.records.list(
        "account", filter="startswith(accountnumber,'K-')", select=["name", "telephone1"]
    )
    assert sorted((row["name"], row["telephone1"]) for row in rows) == [
        ("Other", None),
        ("Second", "1"),
    ]


def test_many_rows_are_deleted_by_a_job(client: DataverseClient) -> None:
    ids = client.records.create("lead", [{"subject": f"Gone {n}"} for n in range(4)])
    job = client.records.delete("lead", list(ids[:3]))
    assert job is not None
    row = client.records.retrieve("asyncoperation", job, select=["statecode", "statuscode"])
    assert row is not None
    assert (row["statecode"], row["statuscode"]) == (3, 30)
    left = client.records.list("lead", filter="startswith(subject,'Gone')", select=["subject"])
    assert [each["subject"] for each in left] == ["Gone 3"]


def test_a_batch_carries_every_kind_of_operation(client: DataverseClient) -> None:
    first = client.records.create("lead", {"subject": "Batched 1"})
    second = client.records.create("lead", {"subject": "Batched 2"})
    batch = client.batch.new()
    batch.records.create("lead", [{"subject": "Batched 3"}, {"subject": "Batched 4"}])
    batch.records.update("lead", [first, second], {"companyname": "Together"})
    batch.records.upsert(
        "account", [UpsertItem(alternate_key={"accountnumber": "B-1"}, record={"name": "Keyed"})]
    )
    batch.records.delete("lead", [second])
    batch.records.retrieve("lead", first, select=["subject", "companyname"])
    batch.query.sql("SELECT subject FROM lead WHERE companyname = 'Together'")
    batch.tables.get("lead")
    batch.tables.list()
    result = batch.execute()
    assert not result.has_errors, [each.error_message for each in result.failed]
    found = client.records.list("lead", filter="startswith(subject,'Batched')")
    assert sorted(row["subject"] for row in found) == ["Batched 1", "Batched 3", "Batched 4"]


def test_sql_and_columns_are_answered(client: DataverseClient) -> None:
    client.records.create("lead", {"subject": "By SQL", "revenue": 7})
    rows = client.query.sql("SELECT TOP 5 subject, revenue FROM lead WHERE subject = 'By SQL'")
    assert [(row["subject"], row["revenue"]) for row in rows] == [("By SQL", 7.0)]
    names = {column["LogicalName"] for column in client.tables.list_columns("lead")}
    assert {"subject", "revenue", "ownerid"} <= names
    relationships = client.tables.list_table_relationships("lead")
    assert "lead_customer_accounts" in {each["SchemaName"] for each in relationships}


def test_tables_are_described_and_listed(client: DataverseClient) -> None:
    table = client.tables.get("lead")
    assert table is not None
    assert (table["entity_set_name"], table["table_logical_name"]) == ("leads", "lead")
    assert client.tables.get("no_such_table") is None
    names = {each["LogicalName"] for each in client.tables.list()}
    assert {"lead", "opportunity", "msdyn_salessuggestion"} <= names


def test_a_refusal_carries_status_and_code(client: DataverseClient) -> None:
    with pytest.raises(HttpError) as caught:
        client.records.create("account", {"name": "x" * 161})
    assert caught.value.status_code == 400
    assert "0x80044331" in str(caught.value.to_dict())
