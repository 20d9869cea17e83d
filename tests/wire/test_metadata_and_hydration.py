"""Table definitions, and rows read by id with what is related to them."""

import json
from datetime import timedelta
from typing import Any
from urllib.parse import unquote

import pytest
import responses

from connector.dataverse.client import DataverseClient
from connector.dataverse.wire import odata
from connector.ports import RowWrite, TableQuery, equals
from engine.errors import ConfigProblem
from engine.records import EntityReference
from engine.schema import ColumnType, EntitySetName, RelationshipKind
from tests.support.builders import guid
from tests.wire.conftest import API, Build, Timeline, add_tables, definition_url, error_body

CAST = "/Attributes/Microsoft.Dynamics.CRM."


def attribute(name: str, kind: str, **more: Any) -> dict[str, Any]:
    return {"LogicalName": name, "AttributeType": kind, "IsValidForRead": True, **more}


def choice(value: int, label: str) -> dict[str, Any]:
    return {"Value": value, "Label": {"UserLocalizedLabel": {"Label": label, "LanguageCode": 1033}}}


def serve_lead(wire: responses.RequestsMock) -> None:
    wire.get(
        definition_url("lead", "/Attributes"),
        json={
            "value": [
                attribute("leadid", "Uniqueidentifier"),
                attribute("subject", "String"),
                attribute("leadsourcecode", "Picklist"),
                attribute("statecode", "State"),
                attribute("donotphone", "Boolean"),
                attribute(
                    "interests", "Virtual", AttributeTypeName={"Value": "MultiSelectPicklistType"}
                ),
                attribute("estimatedclosedate", "DateTime"),
                attribute("createdon", "DateTime"),
                attribute("ownerid", "Owner"),
                attribute("customerid", "Customer"),
                attribute("owneridname", "String", AttributeOf="ownerid"),
                attribute("secret", "String", IsValidForRead=False),
            ]
        },
    )
    for cast, body in {
        "PicklistAttributeMetadata": [
            {"LogicalName": "leadsourcecode", "OptionSet": {"Options": [choice(7, "Trade Show")]}}
        ],
        "StateAttributeMetadata": [
            {"LogicalName": "statecode", "OptionSet": {"Options": [choice(0, "Open")]}}
        ],
        "MultiSelectPicklistAttributeMetadata": [
            {
                "LogicalName": "interests",
                "OptionSet": None,
                "GlobalOptionSet": {"Options": [choice(1, "Boats")]},
            }
        ],
        "BooleanAttributeMetadata": [
            {
                "LogicalName": "donotphone",
                "OptionSet": {
                    "TrueOption": choice(1, "Do Not Allow"),
                    "FalseOption": choice(0, "Allow"),
                },
            }
        ],
        "LookupAttributeMetadata": [
            {"LogicalName": "ownerid", "Targets": ["systemuser", "team"]},
            {"LogicalName": "customerid", "Targets": ["account", "contact"]},
        ],
        "DateTimeAttributeMetadata": [
            {"LogicalName": "estimatedclosedate", "DateTimeBehavior": {"Value": "DateOnly"}},
            {
                "LogicalName": "createdon",
                "DateTimeBehavior": {"Value": "UserLocal"},
                "Format": "DateOnly",
            },
        ],
    }.items():
        wire.get(definition_url("lead", CAST + cast), json={"value": body})
    wire.get(
        definition_url("lead", "/OneToManyRelationships"),
        json={
            "value": [
                {
                    "ReferencingAttribute": "regardingobjectid",
                    "ReferencingEntity": "task",
                    "ReferencedEntity": "lead",
                    "ReferencedEntityNavigationPropertyName": "Lead_Tasks",
                }
            ]
        },
    )
    wire.get(
        definition_url("lead", "/ManyToManyRelationships"),
        json={
            "value": [
                {
                    "Entity1LogicalName": "competitor",
                    "Entity2LogicalName": "lead",
                    "Entity1NavigationPropertyName": "leadcompetitors_association",
                    "Entity2NavigationPropertyName": "leadcompetitors_association",
                }
            ]
        },
    )


def test_a_definition_has_columns_types_choices_and_navigation_names(
    client: DataverseClient, wire: responses.RequestsMock
) -> None:
    serve_lead(wire)
    lead = client.describe_table("lead")
    types = {name: column.type for name, column in lead.columns.items()}
    assert types == {
        "leadid": ColumnType.UNIQUEIDENTIFIER,
        "subject": ColumnType.STRING,
        "leadsourcecode": ColumnType.CHOICE,
        "statecode": ColumnType.STATE,
        "donotphone": ColumnType.BOOLEAN,
        "interests": ColumnType.MULTI_CHOICE,
        "estimatedclosedate": ColumnType.DATE,
        "createdon": ColumnType.DATETIME,
        "ownerid": ColumnType.OWNER,
        "customerid": ColumnType.CUSTOMER,
    }
    assert lead.columns["leadsourcecode"].options == {7: "Trade Show"}
    assert lead.columns["interests"].options == {1: "Boats"}
    assert lead.columns["donotphone"].options == {0: "Allow", 1: "Do Not Allow"}
    assert lead.columns["ownerid"].targets == ("systemuser", "team")
    assert lead.relationships["Lead_Tasks"].kind is RelationshipKind.ONE_TO_MANY
    assert lead.relationships["leadcompetitors_association"].table == "competitor"
    assert lead.to_schema().relationships["customerid_account"].column == "customerid"


def test_a_definition_is_read_once_until_the_metadata_version_moves(
    client: DataverseClient, wire: responses.RequestsMock
) -> None:
    serve_lead(wire)
    version = "@Microsoft.Dynamics.CRM.globalmetadataversion"
    client.describe_table("lead")
    wire.get(f"{API}/leads", json={"value": [], version: "1"})
    wire.get(f"{API}/leads", json={"value": [], version: "1"})
    wire.get(f"{API}/leads", json={"value": [], version: "2"})
    list(client.read_rows("lead", ("subject",)))
    list(client.read_rows("lead", ("subject",)))
    before = len(wire.calls)
    client.describe_table("lead")
    assert len(wire.calls) == before
    list(client.read_rows("lead", ("subject",)))
    client.describe_table("lead")
    assert len(wire.calls) > before + 5


def test_only_the_tables_asked_for_are_read(
    client: DataverseClient, wire: responses.RequestsMock
) -> None:
    wire.get(f"{API}/leads", json={"value": []})
    list(client.read_rows("lead", ("subject",)))
    asked = [
        str(call.request.url) for call in wire.calls if "EntityDefinitions" in str(call.request.url)
    ]
    assert len(asked) == 1
    assert asked[0].startswith(definition_url("lead") + "?$select=LogicalName,EntitySetName,")


def test_an_unknown_table_is_a_configuration_problem(
    build: Build, wire: responses.RequestsMock
) -> None:
    wire.get(
        definition_url("leed"), status=404, json=error_body("0x80060888", "Could not find leed")
    )
    with pytest.raises(ConfigProblem, match='no table "leed"'):
        build().describe_table("leed")


@pytest.mark.parametrize("name", ["lead')/Attributes", "a b", "x?y", ""])
def test_a_name_that_is_no_logical_name_never_reaches_a_url(build: Build, name: str) -> None:
    with pytest.raises(ConfigProblem, match="logical name"):
        build().describe_table(name)


def in_ids(call: Any) -> list[str]:
    text = unquote(str(call.request.url))
    inside = text.split("PropertyValues=[", 1)[1].split("]", 1)[0]
    return [item.strip('"') for item in inside.split(",")]


def serve_by_id(wire: responses.RequestsMock, known: set[str]) -> None:
    def reply(request: Any) -> tuple[int, dict[str, str], str]:
        text = unquote(str(request.url)).split("PropertyValues=[", 1)[1].split("]", 1)[0]
        ids = [item.strip('"') for item in text.split(",") if item.strip('"') in known]
        rows = ",".join(f'{{"leadid":"{row_id}"}}' for row_id in ids)
        return 200, {}, f'{{"value":[{rows}]}}'

    wire.add_callback(responses.GET, f"{API}/leads", reply)


def test_rows_are_fetched_by_id_in_groups_that_fit_a_url(
    client: DataverseClient, wire: responses.RequestsMock
) -> None:
    ids = [guid(number) for number in range(950)]
    serve_by_id(wire, set(ids))
    query = TableQuery(table="lead", columns=("subject",))
    assert len(client.fetch_rows(query, [*ids, ids[0]])) == 950
    asked = [call for call in wire.calls if "PropertyValues" in unquote(str(call.request.url))]
    assert [len(in_ids(call)) for call in asked] == [400, 400, 150]
    assert all(len(str(call.request.url)) < 32_768 for call in asked)


def test_many_columns_make_the_groups_smaller(
    client: DataverseClient, wire: responses.RequestsMock
) -> None:
    ids = [guid(number) for number in range(400)]
    serve_by_id(wire, set(ids))
    query = TableQuery(table="lead", columns=tuple(f"column_number_{n:04d}" for n in range(1000)))
    assert len(client.fetch_rows(query, ids)) == 400
    asked = [call for call in wire.calls if "PropertyValues" in unquote(str(call.request.url))]
    assert len(asked) > 1
    assert all(len(str(call.request.url)) < 32_768 for call in asked)


def test_ids_that_are_gone_are_absent(
    client: DataverseClient, wire: responses.RequestsMock
) -> None:
    serve_by_id(wire, {guid(1)})
    rows = client.fetch_rows(TableQuery(table="lead", columns=()), [guid(1), guid(2)])
    assert [row["leadid"] for row in rows] == [guid(1)]


def test_nothing_is_asked_for_no_ids(client: DataverseClient, wire: responses.RequestsMock) -> None:
    assert client.fetch_rows(TableQuery(table="lead", columns=()), []) == []


def test_related_rows_are_expanded_and_nested(
    client: DataverseClient, wire: responses.RequestsMock
) -> None:
    wire.get(f"{API}/leads", json={"value": [{"leadid": guid(1)}]})
    query = TableQuery(
        table="lead",
        columns=("subject",),
        expand={
            "parentaccountid": ("name",),
            "parentaccountid/primarycontactid": ("fullname", "emailaddress1"),
            "Lead_Tasks": ("subject",),
        },
    )
    client.fetch_rows(query, [guid(1)])
    asked = unquote(str(wire.calls[-1].request.url))
    assert (
        "$expand=parentaccountid($select=name;$expand=primarycontactid($select=fullname,emailaddress1)),"
        "Lead_Tasks($select=subject)&" in asked
    )


def test_more_than_fifteen_expansions_are_split_and_put_together_again(
    client: DataverseClient, wire: responses.RequestsMock
) -> None:
    def reply(request: Any) -> tuple[int, dict[str, str], str]:
        text = unquote(str(request.url)).split("$expand=", 1)[1].split("&", 1)[0]
        navigations = [item.split("(")[0] for item in text.split("),")]
        assert len(navigations) <= 15
        parts = ",".join(f'"{name}":{{"a":1}}' for name in navigations)
        return 200, {}, f'{{"value":[{{"leadid":"{guid(1)}",{parts}}}]}}'

    wire.add_callback(responses.GET, f"{API}/leads", reply)
    expand = {f"nav{number:02d}": ("a",) for number in range(20)}
    (row,) = client.fetch_rows(TableQuery(table="lead", columns=(), expand=expand), [guid(1)])
    assert set(expand) <= set(row)


def test_children_that_came_in_part_are_completed(
    client: DataverseClient, wire: responses.RequestsMock
) -> None:
    more = f"{API}/tasks?$skiptoken=2"
    wire.get(
        f"{API}/leads",
        json={
            "value": [
                {"leadid": guid(1), "Lead_Tasks": [{"a": 1}], "Lead_Tasks@odata.nextLink": more}
            ]
        },
    )
    wire.get(f"{API}/tasks", json={"value": [{"a": 2}]})
    query = TableQuery(table="lead", columns=(), expand={"Lead_Tasks": ("a",)})
    (row,) = client.fetch_rows(query, [guid(1)])
    assert row["Lead_Tasks"] == [{"a": 1}, {"a": 2}]
    assert "Lead_Tasks@odata.nextLink" not in row


def test_whole_queries_follow_their_pages_and_encode_their_filter(
    client: DataverseClient, wire: responses.RequestsMock
) -> None:
    wire.get(
        f"{API}/leads", json={"value": [{"leadid": "1"}], "@odata.nextLink": f"{API}/leads?p=2"}
    )
    wire.get(f"{API}/leads", json={"value": [{"leadid": "2"}]})
    rows = list(client.read_rows("lead", ("subject",), where=(equals("subject", "R&D #1+2 50%"),)))
    assert [row["leadid"] for row in rows] == ["1", "2"]
    first = next(call for call in wire.calls if "/leads?" in str(call.request.url))
    assert "R%26D%20%231%2B2%2050%25" in str(first.request.url)


def test_the_life_of_a_delta_link_is_read_from_the_organization(
    client: DataverseClient, wire: responses.RequestsMock
) -> None:
    wire.get(
        definition_url("organization"),
        json={
            "LogicalName": "organization",
            "EntitySetName": "organizations",
            "PrimaryIdAttribute": "organizationid",
        },
    )
    wire.get(f"{API}/organizations", json={"value": [{"expirechangetrackingindays": 30}]})
    assert client.fetch_token_life_days() == 30


def test_binds_use_the_navigation_name_in_its_own_case(
    build: Build, wire: responses.RequestsMock
) -> None:
    add_tables(wire)
    wire.get(
        definition_url("msdyn_predictivescore"),
        json={
            "LogicalName": "msdyn_predictivescore",
            "EntitySetName": "msdyn_predictivescores",
            "PrimaryIdAttribute": "msdyn_predictivescoreid",
        },
    )
    wire.patch(f"{API}/leads({guid(1)})", status=204)
    score = EntityReference(table="msdyn_predictivescore", id=guid(2))
    row = RowWrite(table="lead", id=guid(1), etag=None, binds={"msdyn_predictivescoreid": score})
    list(build().write_rows([row]))
    body = wire.calls[-1].request.body or b""
    assert b"msdyn_PredictiveScoreId@odata.bind" in body


VERSION = "@Microsoft.Dynamics.CRM.globalmetadataversion"
ORGANIZATIONS = f"{API}/organizations"


def serve_version(wire: responses.RequestsMock, version: str) -> None:
    wire.get(ORGANIZATIONS, json={"value": [], VERSION: version})


def definition_calls(wire: responses.RequestsMock) -> int:
    return sum("EntityDefinitions" in str(call.request.url) for call in wire.calls)


def test_pages_are_asked_for_the_metadata_version(
    client: DataverseClient, wire: responses.RequestsMock
) -> None:
    wire.get(f"{API}/leads", json={"value": []})
    list(client.read_rows("lead", ("subject",)))
    assert (
        "Microsoft.Dynamics.CRM.globalmetadataversion" in wire.calls[-1].request.headers["Prefer"]
    )


def test_definitions_outlive_the_process_while_their_version_stands(
    build: Build, wire: responses.RequestsMock
) -> None:
    add_tables(wire)
    serve_lead(wire)
    serve_version(wire, "7")
    first = build()
    first.restore_metadata(None)
    described = first.describe_table("lead")
    saved = first.save_metadata()
    before = definition_calls(wire)
    second = build()
    second.restore_metadata(json.loads(json.dumps(saved)))
    assert second.describe_table("lead") == described
    assert definition_calls(wire) == before > 0


@pytest.mark.parametrize("answer", [{"value": [], VERSION: "8"}, {"value": []}])
def test_definitions_of_another_version_are_read_anew(
    build: Build, wire: responses.RequestsMock, answer: dict[str, Any]
) -> None:
    add_tables(wire)
    serve_lead(wire)
    serve_version(wire, "7")
    first = build()
    first.restore_metadata(None)
    first.describe_table("lead")
    saved = first.save_metadata()
    before = definition_calls(wire)
    wire.replace(responses.GET, ORGANIZATIONS, json=answer)
    second = build()
    second.restore_metadata(saved)
    second.describe_table("lead")
    assert definition_calls(wire) == 2 * before


def test_definitions_without_a_version_are_not_kept(client: DataverseClient) -> None:
    client._parts.metadata.locate("lead")
    assert client.save_metadata() is None


def test_the_version_is_asked_for_when_no_page_brought_it_for_long(
    client: DataverseClient, wire: responses.RequestsMock, timeline: Timeline
) -> None:
    serve_version(wire, "7")
    locate = client._parts.metadata.locate
    locate("lead")
    timeline.instant += timedelta(minutes=11)
    locate("lead")
    assert definition_calls(wire) == 1
    wire.replace(responses.GET, ORGANIZATIONS, json={"value": [], VERSION: "8"})
    timeline.instant += timedelta(minutes=11)
    locate("lead")
    assert definition_calls(wire) == 2


def test_an_environment_that_tells_no_version_is_read_anew_now_and_then(
    client: DataverseClient, wire: responses.RequestsMock, timeline: Timeline
) -> None:
    wire.get(ORGANIZATIONS, status=403, json={"error": {"code": "0x80040220", "message": "no"}})
    client._parts.metadata.locate("lead")
    timeline.instant += timedelta(minutes=11)
    client._parts.metadata.locate("lead")
    assert definition_calls(wire) == 2


def test_rows_of_a_long_query_are_asked_for_one_by_one(
    client: DataverseClient, wire: responses.RequestsMock, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = [f"3fa85f64-5717-4562-b3fc-2c963f66afa{number}" for number in range(4)]
    wire.get(f"{API}/leads", json={"value": []})
    one = odata.build_collection_url(
        f"{API}/",
        EntitySetName("leads"),
        select=("subject",),
        filter=odata.build_in_filter("leadid", ids[:1]),
    )
    monkeypatch.setattr(odata, "MAX_URL_LENGTH", len(one))
    client.fetch_rows(TableQuery(table="lead", columns=("subject",)), ids)
    assert [str(call.request.url).count("3fa85f64") for call in wire.calls][-4:] == [1] * 4
