"""`?sql=`: SELECT statements answer as SQL Server would, null semantics included."""

from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connector.emulator.protocol.errors import ODataError
from connector.emulator.query.fetch.plan import plan_fetch, run_fetch
from connector.emulator.query.fetch.select_statement import parse_select_statement
from connector.emulator.query.sql.context import QueryContext
from connector.emulator.storage.database import Storage
from tests.unit.emulator.conftest import guid

Rows = list[dict[str, object]]


@pytest.fixture
def select(storage: Storage, context: QueryContext) -> Callable[..., Rows]:
    def run(text: str, name: str = "lead") -> Rows:
        plan = plan_fetch(storage.catalog.tables[name], parse_select_statement(text), context)
        page = run_fetch(plan, storage.connection)
        return [{cell.key: cell.value for cell in row.cells} for row in page.rows]

    return run


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("statecode = 0", [0, 3, 6]),
        ("subject = 'fleet'", [5]),
        ("subject <> 'fleet'", [0, 1, 2, 3, 6, 7]),
        ("subject != N'fleet' AND statecode = 1", [1, 7]),
        ("NOT subject = 'fleet'", [0, 1, 2, 3, 6, 7]),
        ("NOT NOT subject = 'fleet'", [5]),
        ("NOT subject <> 'fleet'", [5]),
        ("NOT (subject NOT LIKE 'f%' OR statecode NOT IN (0))", [0]),
        ("subject IS NULL OR statecode = 2", [2, 4, 5]),
        ("NOT (subject IS NULL OR statecode = 2)", [0, 1, 3, 6, 7]),
        ("subject IS NOT NULL AND donotemail = 1", [1, 3, 5, 7]),
        ("subject LIKE 'f%' AND subject NOT LIKE '%\\%%'", [0, 1, 5]),
        ("subject NOT LIKE 'f%'", [2, 3, 6, 7]),
        ("statecode IN (0, 2)", [0, 2, 3, 5, 6]),
        ("[subject] NOT IN ('fleet', 'O''Brien')", [0, 1, 2, 6, 7]),
        ("revenue BETWEEN 1000 AND 2002 OR revenue >= 7000", [1, 2, 7]),
        ("NOT revenue BETWEEN 1000 AND 7000", [0, 7]),
        ("l.subject = l.description", [1, 3, 5, 7]),
        ("createdon < '2026-03-12T00:00:00Z'", [0]),
    ],
)
def test_conditions_hold_as_in_sql(
    select: Callable[..., Rows], condition: str, expected: list[int]
) -> None:
    rows = select(f"SELECT leadid FROM lead l WHERE {condition}")
    assert [row["leadid"] for row in rows] == [guid(100 + number) for number in expected]


def test_top_order_and_aliases(select: Callable[..., Rows]) -> None:
    text = "select top 2 l.subject as s, statecode from lead as l order by createdon desc, l.leadid asc;"
    assert [(row["s"], row["statecode"]) for row in select(text)] == [("plain", 1), ("x%y", 0)]
    assert len(select("SELECT TOP (3) subject FROM lead")) == 3
    assert "revenue" in select("SELECT * FROM lead")[0]


def test_distinct_and_aggregates(select: Callable[..., Rows]) -> None:
    assert select("SELECT DISTINCT statecode FROM lead") == [{"statecode": n} for n in range(3)]
    text = (
        "SELECT statecode, COUNT(*) AS n, SUM(revenue) total, COUNT(DISTINCT interests) k "
        "FROM lead WHERE donotemail = 0 GROUP BY statecode ORDER BY n DESC, statecode"
    )
    assert select(text)[0] == {"statecode": 0, "n": 2, "total": 6003, "k": 1}
    assert select("SELECT MAX(score) FROM lead") == [{"max": 3.5}]


def test_joins_reach_other_tables(select: Callable[..., Rows]) -> None:
    text = (
        "SELECT l.subject, a.name, p.name AS parent FROM lead l "
        "{} JOIN account a ON l.parentaccountid = a.accountid "
        "LEFT OUTER JOIN account p ON p.accountid = a.parentaccountid "
        "WHERE a.name LIKE 'Contoso%' ORDER BY a.name"
    )
    rows = select(text.format("INNER"))
    assert [row["name"] for row in rows][:3] == ["Contoso", "Contoso", "Contoso London"]
    assert rows[2]["parent"] == "Contoso UK"
    assert len(select(text.format("LEFT"))) == 6


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "Incorrect syntax near position 0"),
        ("DELETE FROM lead", "Incorrect syntax near position 0"),
        ("SELECT subject", "Incorrect syntax near position 14"),
        ("SELECT subject FROM lead WHERE", "Incorrect syntax near position 30"),
        ("SELECT subject FROM lead WHERE subject ~ 'x'", "Incorrect syntax near position 38"),
        ("SELECT subject FROM lead WHERE subject = 'x' 'y'", "Incorrect syntax near position 45"),
        ("SELECT foo FROM lead", "'lead' entity doesn't contain attribute with Name = 'foo'"),
        ("SELECT x.foo FROM lead", "The alias 'x' is not defined"),
        ("SELECT TOP 'a' subject FROM lead", "TOP needs a number"),
        ("SELECT subject FROM account", "doesn't match the entity set"),
        ("SELECT subject, COUNT(*) FROM lead", "neither aggregated nor in GROUP BY"),
        ("SELECT COUNT(*) n FROM lead ORDER BY x", "ORDER BY 'x' names no selected column"),
        ("SELECT subject FROM lead JOIN tag t ON tagid = leadid", "must compare its column"),
        ("SELECT subject FROM lead JOIN tag t ON t.tagid = q.x", "must compare its column"),
        ("SELECT subject FROM lead WHERE " + "(" * 40, "nested too deeply"),
    ],
)
def test_sql_refusals(select: Callable[..., Rows], text: str, message: str) -> None:
    with pytest.raises(ODataError) as refusal:
        select(text)
    assert message in refusal.value.message
    assert refusal.value.status == 400


WORDS = [
    "SELECT",
    "TOP",
    "DISTINCT",
    "FROM",
    "lead",
    "l",
    "account",
    "a",
    "JOIN",
    "LEFT",
    "ON",
    "WHERE",
    "GROUP",
    "BY",
    "ORDER",
    "AND",
    "OR",
    "NOT",
    "IN",
    "LIKE",
    "IS",
    "NULL",
    "BETWEEN",
    "subject",
    "l.statecode",
    "a.name",
    "COUNT",
    "(",
    ")",
    ",",
    ".",
    "*",
    "=",
    "<>",
    "<",
    "'x'",
    "1",
    "5",
    "AS",
    "n",
    ";",
    "[q]",
    "DESC",
]


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    text=st.lists(st.sampled_from(WORDS), max_size=14).map(
        lambda words: " ".join(["SELECT subject FROM lead l", *words])
    )
    | st.lists(st.sampled_from(WORDS), max_size=14).map(" ".join)
    | st.text(max_size=30)
)
def test_any_text_is_answered_or_refused(text: str, select: Callable[..., Rows]) -> None:
    try:
        rows = select(text)
    except ODataError as refusal:
        rows = [{"status": refusal.status}]
        assert rows != [{"status": 500}]
    assert isinstance(rows, list)
