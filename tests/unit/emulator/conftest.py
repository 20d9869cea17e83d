"""A small organization for the query tests: accounts in a tree, leads, users, teams, tags."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from uuid import UUID

import pytest

from connector.emulator.catalog.catalog import Catalog
from connector.emulator.catalog.relationships import ManyToMany, derive_relationships
from connector.emulator.catalog.table_definition import (
    ColumnDefinition,
    ColumnType,
    DateBehavior,
    Option,
    TableDefinition,
)
from connector.emulator.query.odata.execution import run_plan
from connector.emulator.query.odata.options import parse_query_options
from connector.emulator.query.odata.plan import plan_collection
from connector.emulator.query.sql.context import QueryContext
from connector.emulator.query.sql.results import ResultPage
from connector.emulator.storage.database import Storage

NOW = datetime(2026, 3, 18, 15, 30, tzinfo=UTC)  # a Wednesday


def guid(number: int) -> str:
    return str(UUID(int=number))


ZOE, ABE, TEAM, UNIT = guid(1), guid(2), guid(5), guid(9)
ROOT, CHILD, GRANDCHILD, OTHER = guid(10), guid(11), guid(12), guid(13)


def column(name: str, kind: ColumnType, **more: object) -> ColumnDefinition:
    return ColumnDefinition(logical_name=name, schema_name=name, type=kind, **more)  # type: ignore[arg-type]


def lookup(name: str, *targets: str, kind: ColumnType = ColumnType.LOOKUP) -> ColumnDefinition:
    return column(name, kind, targets=targets)


def table(
    name: str, entity_set: str, *columns: ColumnDefinition, primary_name: str | None = "name"
) -> TableDefinition:
    key = column(f"{name}id", ColumnType.UNIQUEIDENTIFIER)
    return TableDefinition(
        logical_name=name,
        schema_name=name,
        entity_set=entity_set,
        primary_id=f"{name}id",
        primary_name=primary_name,
        object_type_code=1,
        columns=(key, *columns, column("versionnumber", ColumnType.BIGINT)),
    )


def build_catalog() -> Catalog:
    text, owner = ColumnType.STRING, ColumnType.OWNER
    tables = {
        each.logical_name: each
        for each in (
            table("account", "accounts", *_account_columns()),
            table("lead", "leads", *_lead_columns(), primary_name="subject"),
            table("tag", "tags", column("name", text)),
            table("leadtag", "leadtags", lookup("leadid_", "lead"), primary_name=None),
            table(
                "systemuser",
                "systemusers",
                column("fullname", text),
                lookup("parentsystemuserid", "systemuser"),
                primary_name="fullname",
            ),
            table("team", "teams", column("name", text)),
            TableDefinition(
                logical_name="teammembership",
                schema_name="TeamMembership",
                entity_set="teammemberships",
                primary_id="teammembershipid",
                primary_name=None,
                object_type_code=23,
                is_intersect=True,
                columns=(
                    column("teammembershipid", ColumnType.UNIQUEIDENTIFIER),
                    column("systemuserid", ColumnType.UNIQUEIDENTIFIER),
                    column("teamid", ColumnType.UNIQUEIDENTIFIER),
                    column("versionnumber", ColumnType.BIGINT),
                ),
            ),
            TableDefinition(
                logical_name="lead_tag",
                schema_name="lead_tag",
                entity_set="lead_tags",
                primary_id="lead_tagid",
                primary_name=None,
                object_type_code=99,
                is_intersect=True,
                columns=(
                    column("lead_tagid", ColumnType.UNIQUEIDENTIFIER),
                    column("leadid", ColumnType.UNIQUEIDENTIFIER),
                    column("tagid", ColumnType.UNIQUEIDENTIFIER),
                    column("versionnumber", ColumnType.BIGINT),
                ),
            ),
        )
    }
    assert owner
    catalog = Catalog(tables=tables)
    catalog.many_to_one = derive_relationships(tables.values(), tables)
    catalog.many_to_many = [
        ManyToMany(
            schema_name="lead_tag",
            intersect_table="lead_tag",
            table1="lead",
            column1="leadid",
            navigation1="lead_tags",
            table2="tag",
            column2="tagid",
            navigation2="tag_leads",
        )
    ]
    return catalog


def _account_columns() -> tuple[ColumnDefinition, ...]:
    return (
        column("name", ColumnType.STRING),
        column("accountnumber", ColumnType.STRING),
        column("employees", ColumnType.INTEGER),
        lookup("parentaccountid", "account"),
        lookup("ownerid", "systemuser", "team", kind=ColumnType.OWNER),
    )


def _lead_columns() -> tuple[ColumnDefinition, ...]:
    states = (Option(0, "Open"), Option(1, "Qualified"), Option(2, "Disqualified"))
    return (
        column("subject", ColumnType.STRING),
        column("description", ColumnType.MEMO),
        column("statecode", ColumnType.STATE, options=states),
        column("revenue", ColumnType.MONEY),
        column("score", ColumnType.DOUBLE),
        column("interests", ColumnType.MULTISELECT),
        column("donotemail", ColumnType.BOOLEAN),
        column("createdon", ColumnType.DATETIME),
        column("closedate", ColumnType.DATETIME, date_behavior=DateBehavior.DATE_ONLY),
        lookup("parentaccountid", "account"),
        lookup("customerid", "account", "systemuser", kind=ColumnType.CUSTOMER),
        lookup("ownerid", "systemuser", "team", kind=ColumnType.OWNER),
        lookup("transactioncurrencyid", "tag"),
    )


def fill(storage: Storage) -> None:
    tables = storage.catalog.tables
    storage.insert_rows(
        tables["systemuser"],
        [
            {"systemuserid": ZOE, "fullname": "Zoe", "versionnumber": 1},
            {
                "systemuserid": ABE,
                "fullname": "Abe",
                "parentsystemuserid": ZOE,
                "versionnumber": 2,
            },
        ],
    )
    storage.insert_rows(tables["team"], [{"teamid": TEAM, "name": "North", "versionnumber": 3}])
    storage.insert_rows(
        tables["teammembership"],
        [{"teammembershipid": guid(6), "systemuserid": ZOE, "teamid": TEAM, "versionnumber": 4}],
    )
    storage.insert_rows(tables["account"], _accounts())
    storage.insert_rows(tables["lead"], _leads())
    storage.insert_rows(
        tables["tag"],
        [
            {"tagid": guid(30), "name": "hot", "versionnumber": 60},
            {"tagid": guid(31), "name": "cold", "versionnumber": 61},
        ],
    )
    storage.insert_rows(
        tables["lead_tag"],
        [
            {
                "lead_tagid": guid(40 + index),
                "leadid": lead,
                "tagid": tag,
                "versionnumber": 70 + index,
            }
            for index, (lead, tag) in enumerate(
                [(guid(100), guid(30)), (guid(100), guid(31)), (guid(102), guid(30))]
            )
        ],
    )


def _accounts() -> list[dict[str, str | int | float | None]]:
    return [
        {
            "accountid": each,
            "name": name,
            "accountnumber": f"A{index}",
            "employees": employees,
            "parentaccountid": parent,
            "ownerid": ZOE,
            "ownerid__type": "systemuser",
            "versionnumber": 10 + index,
        }
        for index, (each, name, employees, parent) in enumerate(
            [
                (ROOT, "Contoso", 10, None),
                (CHILD, "Contoso UK", 20, ROOT),
                (GRANDCHILD, "Contoso London", 25, CHILD),
                (OTHER, "Fabrikam", None, None),
            ]
        )
    ]


def _leads() -> list[dict[str, str | int | float | None]]:
    subjects = [
        "Fleet 100%",
        "fleet_renewal",
        "Ümlaut [a]",
        "O'Brien",
        None,
        "FLEET",
        "x%y",
        "plain",
    ]
    return [
        {
            "leadid": guid(100 + index),
            "subject": subject,
            "description": subject if index % 2 else None,
            "statecode": index % 3,
            "revenue": 1000.5 * index if index != 4 else None,
            "score": index / 2,
            "interests": ["1,3", "3", None, "13"][index % 4],
            "donotemail": index % 2,
            "createdon": f"2026-03-{11 + index:02}T12:00:00Z",
            "closedate": f"2026-0{1 + index % 6}-15",
            "parentaccountid": [ROOT, CHILD, GRANDCHILD, None][index % 4],
            "customerid": [ROOT, ZOE, None][index % 3],
            "customerid__type": ["account", "systemuser", None][index % 3],
            "ownerid": [ZOE, ABE, TEAM][index % 3],
            "ownerid__type": ["systemuser", "systemuser", "team"][index % 3],
            "versionnumber": 20 + index,
        }
        for index, subject in enumerate(subjects)
    ]


@pytest.fixture(scope="module")
def storage() -> Iterator[Storage]:
    built = Storage(build_catalog())
    fill(built)
    yield built
    built.close()


@pytest.fixture
def context(storage: Storage) -> QueryContext:
    return QueryContext(
        catalog=storage.catalog, now=NOW, user_id=ZOE, business_unit_id=UNIT, secret=b"test"
    )


Reader = Callable[..., ResultPage]


@pytest.fixture
def read(storage: Storage, context: QueryContext) -> Reader:
    """Read a page of a table by its raw query string."""

    def run(query: str, name: str = "lead", **more: object) -> ResultPage:
        options = parse_query_options(query)
        plan = plan_collection(storage.catalog.tables[name], options, context, **more)  # type: ignore[arg-type]
        return run_plan(plan, storage.connection)

    return run


@pytest.fixture
def leads(read: Reader) -> Callable[[str], list[int]]:
    """The numbers (0 to 7) of the leads a filter finds, in key order."""

    def run(expression: str) -> list[int]:
        page = read(f"$select=leadid&$filter={expression.replace('%', '%25').replace('+', '%2B')}")
        return [UUID(row.id).int - 100 for row in page.rows]

    return run
