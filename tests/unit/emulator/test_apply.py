"""`$apply` groups and aggregates as Dataverse's subset does."""

from collections.abc import Callable

import pytest

from connector.emulator.protocol.errors import ODataError
from connector.emulator.query.odata import aggregation
from connector.emulator.query.odata.aggregation import plan_aggregate, run_aggregate
from connector.emulator.query.odata.options import parse_query_options
from connector.emulator.query.sql.context import QueryContext
from connector.emulator.query.sql.fragments import Sql
from connector.emulator.storage.database import Storage
from tests.unit.emulator.conftest import ABE, TEAM, ZOE

Rows = list[dict[str, object]]


@pytest.fixture
def apply(storage: Storage, context: QueryContext) -> Callable[..., Rows]:
    def run(query: str, **more: Sql) -> Rows:
        table = storage.catalog.tables["lead"]
        plan = plan_aggregate(table, parse_query_options(query), context, **more)
        page = run_aggregate(plan, storage.connection)
        return [{cell.key: cell.value for cell in row.cells} for row in page.rows]

    return run


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("$apply=groupby((statecode))", [{"statecode": 0}, {"statecode": 1}, {"statecode": 2}]),
        (
            "$apply=groupby((statecode),aggregate($count as n))&$orderby=statecode desc",
            [{"statecode": 2, "n": 2}, {"statecode": 1, "n": 3}, {"statecode": 0, "n": 3}],
        ),
        (
            "$apply=filter(statecode eq 0)/aggregate(revenue with sum as s,revenue with average as a)",
            [{"s": 9004.5, "a": 3001.5}],
        ),
        (
            "$apply=filter(statecode ne 2)/filter(donotemail eq true)/aggregate($count as n)",
            [{"n": 3}],
        ),
        (
            "$apply=aggregate(createdon with max as last,closedate with min as first)",
            [{"last": "2026-03-18T12:00:00Z", "first": "2026-01-15"}],
        ),
        ("$apply=filter(false)/aggregate($count as n,revenue with max as m)", [{"n": 0}]),
        ("$apply=filter(false)/groupby((statecode))", []),
        (
            "$apply=groupby((parentaccountid/name),aggregate($count as n))&$top=2",
            [{"n": 2}, {"account_name": "Contoso", "n": 2}],
        ),
        (
            "$apply=groupby((_ownerid_value),aggregate($count as n))",
            [
                {"_ownerid_value": ZOE, "n": 3},
                {"_ownerid_value": ABE, "n": 3},
                {"_ownerid_value": TEAM, "n": 2},
            ],
        ),
        ("$apply=groupby((donotemail,statecode))&$top=1", [{"donotemail": 0, "statecode": 0}]),
    ],
)
def test_rows_are_grouped_and_aggregated(
    apply: Callable[..., Rows], query: str, expected: Rows
) -> None:
    assert apply(query) == expected


def test_text_groups_without_case(apply: Callable[..., Rows]) -> None:
    rows = apply("$apply=filter(startswith(subject,'fleet'))/groupby((subject))")
    assert len(rows) == 3


def test_a_restriction_limits_what_is_aggregated(apply: Callable[..., Rows]) -> None:
    restriction = Sql("t0.statecode = ?", (1,))
    assert apply("$apply=aggregate($count as n)", restriction=restriction) == [{"n": 3}]


@pytest.mark.parametrize(
    ("query", "status", "message"),
    [
        ("$apply=groupby((createdon))", 501, "groupby with datetime values is not supported"),
        ("$apply=groupby((foo))", 400, "Could not find a property named 'foo'"),
        (
            "$apply=aggregate(subject with sum as s)",
            400,
            "can't be used with the property 'subject'",
        ),
        ("$apply=aggregate(revenue with median as s)", 501, "'median'"),
        ("$apply=aggregate(revenue sum as s)", 400, "Syntax error at position 18"),
        ("$apply=aggregate(revenue with sum as s,$count as s)", 400, "'s' is used more than once"),
        ("$apply=topcount(2)", 501, "The transformation 'topcount'"),
        ("$apply=filter(true)", 501, "needs a groupby or an aggregate"),
        ("$apply=groupby((statecode))/filter(true)", 501, "after groupby or aggregate"),
        ("$apply=groupby((statecode),filter(true))", 501, "inside groupby"),
        ("$apply=groupby((statecode)", 400, "Syntax error"),
        ("$apply=", 400, "Syntax error at position 0"),
        (
            "$apply=groupby((statecode),aggregate($count as n))&$orderby=n",
            400,
            "The query node SingleValueOpenPropertyAccess is not supported",
        ),
        ("$apply=groupby((statecode))&$filter=true", 400, "'$filter' can't be combined"),
    ],
)
def test_apply_refusals(apply: Callable[..., Rows], query: str, status: int, message: str) -> None:
    with pytest.raises(ODataError) as refusal:
        apply(query)
    assert refusal.value.status == status
    assert message in refusal.value.message


def test_too_many_source_rows_are_refused(
    apply: Callable[..., Rows], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(aggregation, "MOST_AGGREGATED", 7)
    with pytest.raises(ODataError) as refusal:
        apply("$apply=aggregate($count as n)")
    assert refusal.value.code == "0x8004e023"
    assert refusal.value.message == (
        "The maximum record limit is exceeded. Reduce the number of records."
    )
