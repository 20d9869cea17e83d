"""The compiled form: order, relative dates, missing columns, odd cells, tables."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from engine.conditions.compiled import compiler
from engine.conditions.compiled.compiler import (
    CompileOptions,
    compile_first_match,
    compile_predicate,
)
from engine.conditions.compiled.selectivity import Chances, leaves_of
from engine.conditions.compiled.source import is_day, is_instant, text_bounds
from engine.conditions.evaluation.interpreter import holds
from engine.conditions.language.context import Context, DateSettings
from engine.conditions.language.model import All, Any, Compare, Condition, Not, Operator, Related
from engine.conditions.language.moments import Span
from engine.conditions.language.parsing import parse_condition
from engine.errors import ConfigProblem
from tests.support.builders import compare
from tests.unit.conditions.worlds import NOW, SCHEMA

SEGMENTS = [
    parse_condition(raw)
    for raw in (
        {"all": [compare("city", "in", ["London", "Leeds"]), compare("revenue", "ge", 1000)]},
        {"any": [compare("source", "eq", "Web"), compare("source", "eq", 1)]},
        {"all": [compare("source", "in", [7, 8]), compare("createdon", "last-x-days", 7)]},
        {"all": [compare("closedate", "next-x-days", 30), compare("city", "not-null")]},
        {"all": [compare("employees", "between", [10, 20]), compare("employees", "ne", 15)]},
        {"not": compare("parentaccountid.city", "null")},
        {"all": [compare("createdon", "on-or-after", "2026-11-01"), compare("city", "null")]},
        {"any": [compare("city", "eq", "York"), compare("city", "null")]},
        {"any": [compare("city", "eq", "York"), compare("employees", "gt", 5)]},
        {"all": [compare("createdon", "this-year"), compare("createdon", "last-x-days", 7)]},
        {"all": [compare("new_a", "eq", 5), compare("closedate", "not-null")]},
        {"any": [compare("city", "on", "2026-11-23"), compare("revenue", "gt", 0.5)]},
        {"any": [compare("createdon", "eq", "soon"), compare("employees", "in-fiscal-period", 2)]},
        {"any": [compare("interests", "in", ["Food", "1,2"]), compare("score", "like", "x")]},
        {"all": [compare("closedate", "in", ["2026-11-23", "2026-11-24"])]},
        {"all": [compare("employees", "gt", 1), compare("employees", "lt", 4)]},
        {"related": "Lead_Tasks", "where": compare("city", "eq", "x")},
        {"all": [compare("createdon", "gt", "soon"), compare("score", "ge", "0.25")]},
    )
]
FULL: dict[str, object] = {
    "city": None,
    "revenue": None,
    "source": None,
    "createdon": None,
    "closedate": None,
    "employees": None,
    "optout": None,
    "interests": None,
    "score": None,
}
ROWS: list[dict[str, object]] = [
    {**FULL, "city": "LONDON", "revenue": 1000.0},
    {**FULL, "city": "London", "revenue": 999},
    {**FULL, "source": 1},
    {**FULL, "source": 8, "createdon": "2026-11-20T00:00:00Z"},
    {**FULL, "source": 7, "createdon": "2026-11-20T00:00:00Z"},
    {**FULL, "source": 7, "createdon": "2026-11-10T00:00:00.5Z"},
    {**FULL, "city": "X", "closedate": "2026-12-20"},
    {**FULL, "city": "X", "closedate": "2026-12-20T00:00:00Z"},
    {**FULL, "city": "X", "employees": 15},
    {**FULL, "city": "X", "employees": 20},
    {**FULL, "city": "X", "employees": 3, "parentaccountid": {"city": "Rome"}},
    {**FULL, "city": "X"},
    {**FULL, "city": "", "createdon": "2026-11-20T00:00:00Z"},
    {**FULL},
    {**FULL, "city": "X", "interests": "1,2"},
    {**FULL, "city": "X", "revenue": 1},
    {**FULL, "city": "X", "new_a": 5, "closedate": "2026-11-01"},
    {**FULL, "city": "X", "closedate": "2026-11-24"},
    {**FULL, "city": "X", "createdon": "2026-11-20T00:00:00Z"},
]
ODD_ROWS: list[dict[str, object]] = [
    {**FULL, "city": 5},
    {**FULL, "city": ["London"], "revenue": "many", "employees": {}},
    {**FULL, "source": "8", "employees": "12"},
    {**FULL, "createdon": "2026-02-30T00:00:00Z", "city": "X"},
    {**FULL, "createdon": 5, "closedate": 5},
    {},
    {"city": "London", "revenue": 1000},
]


def expected(conditions: list[Condition | None], row: Mapping[str, object], now: datetime) -> int:
    context = Context(now, table="lead", schema=SCHEMA)
    return next(
        (
            position
            for position, condition in enumerate(conditions)
            if condition is None or holds(condition, row, context)
        ),
        -1,
    )


@pytest.mark.parametrize("tables_from", [1, 100])
@pytest.mark.parametrize("samples", [[], ROWS, [*ODD_ROWS, *ROWS], [{"city": 5}]])
@pytest.mark.parametrize("last", [[], [None], [None, None]])
def test_the_first_condition_that_holds_is_found_in_every_form(
    tables_from: int, samples: list[Mapping[str, object]], last: list[None]
) -> None:
    conditions = [*SEGMENTS, *last]
    options = CompileOptions(table="lead", schema=SCHEMA, samples=samples, tables_from=tables_from)
    compiled = compile_first_match(conditions, options)
    for now in (NOW, NOW + timedelta(days=10), NOW):
        answers = [expected(conditions, row, now) for row in ROWS]
        assert [compiled.first_match(row, now) for row in ROWS] == answers
        assert compiled.first_matches(ROWS, now) == answers
        odd = [expected(conditions, row, now) for row in ODD_ROWS]
        assert compiled.first_matches(ODD_ROWS, now) == odd
    assert len(set(answers)) > 6


def test_any_of_nothing_never_holds_with_tables_either() -> None:
    options = CompileOptions(table="lead", schema=SCHEMA, tables_from=1)
    assert compile_first_match([Any(()), All(())], options).first_match(FULL, NOW) == 1


def test_without_conditions_nothing_matches() -> None:
    for tables_from in (0, 100):
        options = CompileOptions(tables_from=tables_from, samples=ROWS)
        assert compile_first_match([], options).first_match({}, NOW) == -1
        assert compile_first_match([None], options).first_match({}, NOW) == 0


def test_well_formed_rows_never_need_the_interpreter(monkeypatch: pytest.MonkeyPatch) -> None:
    def forbid(*_: object) -> bool:
        raise AssertionError

    monkeypatch.setattr(compiler, "holds", forbid)
    for tables_from in (1, 100):
        options = CompileOptions(table="lead", schema=SCHEMA, tables_from=tables_from)
        compiled = compile_first_match(SEGMENTS, options)
        assert len(set(compiled.first_matches(ROWS, NOW))) > 6
        predicate = compile_predicate(SEGMENTS[0], options)
        assert [predicate(row, NOW) for row in ROWS[:2]] == [True, False]


def test_many_well_formed_rows_are_answered_in_one_go(monkeypatch: pytest.MonkeyPatch) -> None:
    compiled = compile_first_match(SEGMENTS, CompileOptions(table="lead", schema=SCHEMA))
    answers = [compiled.first_match(row, NOW) for row in ROWS]
    monkeypatch.setattr(compiled, "first_match", None)
    later = NOW + timedelta(days=400)
    for _ in range(2):
        assert compiled.first_matches(ROWS, NOW) == answers
        assert compiled.first_matches(ROWS, later) != answers
    assert compiled.first_matches([], NOW) == []


def test_from_the_first_row_that_lacks_a_column_on_many_rows_still_go_in_one_go(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    compiled = compile_first_match(SEGMENTS, CompileOptions(table="lead", schema=SCHEMA))
    rows: list[dict[str, object]] = [{"source": 1}, *ROWS]
    answers = [expected([*SEGMENTS], row, NOW) for row in rows]
    assert compiled.first_matches(rows, NOW) == answers
    monkeypatch.setattr(compiled, "first_match", None)
    assert compiled.first_matches(rows, NOW) == answers


def test_what_stands_in_a_rare_text_column_matters_only_to_rows_that_come_to_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    raw = {"all": [compare("source", "eq", 1), compare("city", "like", "%ond%")]}
    compiled = compile_first_match(
        [parse_condition(raw)], CompileOptions(table="lead", schema=SCHEMA)
    )
    interpreted: list[object] = []

    def note(_condition: Condition, row: object, _context: Context) -> bool:
        interpreted.append(row)
        return False

    monkeypatch.setattr(compiler, "holds", note)
    unreached, reached = {**FULL, "source": 2, "city": 5}, {**FULL, "source": 1, "city": 5}
    assert compiled.first_matches([unreached, {**FULL, "source": 1, "city": "LONDON"}], NOW) == [
        -1,
        0,
    ]
    assert interpreted == []
    assert compiled.first_match(reached, NOW) == -1
    assert interpreted == [reached]


SINGLE = [
    compare("city", "gt", value_of="address1_city"),
    compare("city", "eq", value_of="record.address1_city"),
    compare("city", "ne", value_of="parentaccountid.city"),
    compare("employees", "le", value_of="revenue"),
    compare("createdon", "eq", value_of="closedate"),
    compare("createdon", "lt", value_of="record.modifiedon"),
    compare("city", "like", "L_n%"),
    compare("city", "like", "%on%"),
    compare("city", "like", "%"),
    compare("city", "like", "london"),
    compare("city", "begins-with", "lo"),
    compare("city", "ends-with", "ON"),
    compare("city", "not-like", "%d%n"),
    compare("city", "not-null"),
    compare("city", "between", ["A", "M"]),
    compare("revenue", "eq", 1000),
    compare("revenue", "gt", 999.5),
    compare("revenue", "between", [1, 999]),
    compare("employees", "in", [3, 20]),
    compare("employees", "null"),
    compare("source", "not-in", ["Web", 7]),
    compare("interests", "contain-values", [2]),
    compare("createdon", "on-or-before", "2026-11-20"),
    compare("createdon", "ge", "2026-11-20T00:00:00Z"),
    compare("createdon", "last-x-hours", 100),
    compare("closedate", "next-x-weeks", 2),
    compare("closedate", "eq", "2026-12-20"),
    compare("closedate", "between", ["2026-11-01", "2026-11-30"]),
    compare("createdon", "olderthan-x-days", 5),
    compare("parentaccountid.city", "eq", "rome"),
    {"related": "Lead_Tasks"},
    {"related": "Lead_Tasks", "exists": False, "where": compare("city", "eq", "x")},
    {"attribute": "Language", "operator": "in", "value": ["german"]},
]
RECORD = {"address1_city": "london", "modifiedon": "2026-11-15T00:00:00Z"}
ATTRIBUTES = {"language": ("German",)}


@pytest.mark.parametrize("table", ["lead", None])
@pytest.mark.parametrize("raw", SINGLE, ids=str)
def test_no_operator_needs_the_interpreter_for_well_formed_rows(
    monkeypatch: pytest.MonkeyPatch, table: str | None, raw: Mapping[str, object]
) -> None:
    condition = parse_condition(raw)
    options = CompileOptions(table=table, schema=SCHEMA, dates=DateSettings("Asia/Tokyo"))
    context = replace(options.context(NOW), record=RECORD, attributes=ATTRIBUTES)
    rows = [
        {**row, "address1_city": "Leeds", "Lead_Tasks": [{"city": "X"}] * at, "modifiedon": None}
        for at, row in enumerate(ROWS)
    ]
    answers = [holds(condition, row, context) for row in rows]

    def forbid(*_: object) -> bool:
        raise AssertionError

    monkeypatch.setattr(compiler, "holds", forbid)
    predicate = compile_predicate(condition, options)
    found = [predicate(row, NOW, record=RECORD, attributes=ATTRIBUTES) for row in rows]
    assert found == answers


@pytest.mark.parametrize("table", ["lead", None])
@pytest.mark.parametrize(
    ("condition", "cell", "answer"),
    [
        (compare("city", "gt", "London"), "leeds", False),
        (compare("city", "gt", "London"), "LONDON", False),
        (compare("city", "gt", "London"), "lyon", True),
        (compare("city", "ge", "London"), "LONDON", True),
        (compare("city", "lt", "London"), "Leeds", True),
        (compare("city", "lt", "London"), None, False),
        (compare("city", "lt", "London"), "", False),
        (compare("city", "le", "London"), "LONDON", True),
        (compare("city", "le", "London"), "Lyon", False),
    ],
)
def test_text_has_an_order_without_the_interpreter(
    monkeypatch: pytest.MonkeyPatch,
    table: str | None,
    condition: Mapping[str, str],
    cell: str | None,
    answer: bool,
) -> None:
    def forbid(*_: object) -> bool:
        raise AssertionError

    monkeypatch.setattr(compiler, "holds", forbid)
    options = CompileOptions(table=table, schema=SCHEMA)
    predicate = compile_predicate(parse_condition(condition), options)
    assert predicate({"city": cell}, NOW) is answer


def test_rows_without_a_column_are_read_leniently_from_the_first_one_on() -> None:
    compiled = compile_first_match(SEGMENTS, CompileOptions(table="lead", schema=SCHEMA))
    assert compiled.first_match({"source": 1}, NOW) == 1
    assert compiled.first_matches([{"source": 1}, FULL, {}], NOW) == [1, 7, 7]


def test_relative_dates_follow_the_time_and_the_time_zone() -> None:
    condition = parse_condition(compare("createdon", "today"))
    row = {"createdon": "2026-11-23T23:30:00Z"}
    for zone, answer in (("UTC", True), ("Europe/Berlin", False)):
        options = CompileOptions(dates=DateSettings(zone), table="lead", schema=SCHEMA)
        predicate = compile_predicate(condition, options)
        assert predicate(row, NOW) is answer
        assert predicate(row, NOW + timedelta(days=1)) is not answer
        assert predicate(row, NOW.replace()) is answer


def test_settings_that_make_no_calendar_are_refused_when_compiling() -> None:
    condition = parse_condition(compare("createdon", "today"))
    options = CompileOptions(dates=DateSettings("Mars/Base"), table="lead", schema=SCHEMA)
    with pytest.raises(ConfigProblem, match="Mars/Base"):
        compile_predicate(condition, options)


def test_user_text_never_becomes_program_text() -> None:
    for text in ("') or True or ('", "K1", '"""', "\\", "{row}", "\n    return 1"):
        for operator in (Operator.EQ, Operator.LIKE, Operator.BEGINS_WITH, Operator.GT):
            condition = Compare(("city",), operator, text)
            for known in (SCHEMA, None):
                predicate = compile_predicate(condition, CompileOptions(table="lead", schema=known))
                row = {"city": "plain"}
                assert predicate(row, NOW) is holds(condition, row, Context(NOW))
    hostile = Compare(("x'] or True or row['x",), Operator.EQ, 1)
    assert compile_predicate(hostile)({"x": 1}, NOW) is False
    related = Related(("a') or (True",), True, Compare(("b",), Operator.NULL))
    assert compile_predicate(related)({}, NOW) is False


def test_samples_decide_in_which_order_children_are_tried() -> None:
    often, seldom = compare("optout", "eq", True), compare("city", "eq", "London")
    condition = parse_condition({"all": [often, seldom]})
    chances = compiler.learn_chances(
        [condition],
        CompileOptions(
            table="lead",
            schema=SCHEMA,
            samples=[
                {"optout": True, "city": "Rome", "createdon": "2026-11-23T09:00:00Z"},
                {"optout": True, "city": "Oslo", "modifiedon": "2026-11-24T09:00:00Z"},
                {"optout": True, "city": 5},
            ],
        ),
    )
    first, second = (chances.estimate(leaf).chance for leaf in leaves_of(condition))
    assert first == pytest.approx(2.5 / 3)
    assert second == pytest.approx(0.5 / 3)
    assert compiler.learn_chances([condition], CompileOptions()).estimate(condition).chance < 0.1


def test_chances_follow_the_logic() -> None:
    chances = Chances()
    city, null = Compare(("a",), Operator.EQ, 1), Compare(("a",), Operator.NULL)
    assert chances.estimate(Not(city)).chance == pytest.approx(0.9)
    assert chances.estimate(Compare(("a",), Operator.NE, 1)).chance == pytest.approx(0.9)
    assert chances.estimate(All((city, null))).chance == pytest.approx(0.03)
    assert chances.estimate(Any((city, null))).chance == pytest.approx(1 - 0.9 * 0.7)
    assert chances.estimate(Related(("a",))).cost > chances.estimate(city).cost


def test_columns_that_rows_seldom_come_to_are_rare() -> None:
    seldom, other = Compare(("a",), Operator.EQ, 1), Compare(("c",), Operator.NULL)
    text = Compare(("parentaccountid", "b"), Operator.LIKE, "x")
    path = ("parentaccountid", "b")
    find = Chances().find_rare
    assert find([All((text, seldom))]) == {path}
    assert find([All((seldom,)), Any((text,))]) == set()
    assert find([Any((text, Not(seldom)))]) == {path}
    assert find([Not(All((text, seldom))), text]) == {path}
    assert find([Not(All((text, seldom))), *[text] * 20]) == {path}
    assert find([All((text, seldom)), *[text] * 2]) == set()
    assert find([Related(("d",), True, text), All((seldom, other))]) == {("c",)}


def test_rare_texts_are_told_apart_as_all_others() -> None:
    seldom = compare("source", "eq", 1)
    options = CompileOptions(table="lead", schema=SCHEMA, samples=[FULL] * 50)
    for test in (
        compare("city", "like", "%ond%"),
        compare("city", "begins-with", "lon"),
        compare("city", "in", ["LONDON", "x"]),
        compare("city", "gt", "a"),
        compare("city", "not-null"),
        compare("city", "ne", "Rome"),
        compare("parentaccountid", "ne", "Rome"),
    ):
        compiled = compile_first_match([parse_condition({"all": [seldom, test]})], options)
        rows = [{**FULL, "source": 1, "city": city} for city in ("London", "ROME", "", None, 5)]
        rows += [{**FULL, "source": 2, "city": 5}]
        answers = [expected([parse_condition({"all": [seldom, test]})], row, NOW) for row in rows]
        assert [compiled.first_match(row, NOW) for row in rows] == answers
        assert compiled.first_matches(rows, NOW) == answers


@pytest.mark.parametrize(
    ("raw", "chance", "cost"),
    [
        (compare("a", "eq", 1), 0.1, 1.0),
        (compare("a", "ne", 1), 0.9, 1.0),
        (compare("a", "not-in", [1]), 0.8, 1.1),
        (compare("a", "on", "2026-11-23"), 0.3, 1.5),
        (compare("a", "contain-values", [1]), 0.3, 15.0),
        (compare("a", "under", "x"), 0.1, 20.0),
        (compare("a", "eq", value_of="b"), 0.3, 12.0),
        ({"attribute": "a", "operator": "null"}, 0.3, 30.0),
        ({"not": compare("a", "like", "x")}, 0.9, 1.5),
        ({"all": [compare("a", "like", "x"), compare("a", "eq", 1)]}, 0.01, 1 + 0.1 * 1.5),
        ({"any": [compare("a", "like", "x"), compare("a", "eq", 1)]}, 0.19, 1 + 0.9 * 1.5),
        ({"all": [compare("a", "not-null"), compare("a", "like", "x")]}, 0.07, 1.5 + 0.1 * 1),
        ({"any": [compare("a", "like", "x"), compare("a", "not-null")]}, 0.73, 1 + 0.3 * 1.5),
    ],
    ids=str,
)
def test_what_a_condition_is_expected_to_cost(
    raw: Mapping[str, object], chance: float, cost: float
) -> None:
    estimate = Chances().estimate(parse_condition(raw))
    assert [estimate.chance, estimate.cost] == pytest.approx([chance, cost])


def test_a_row_with_an_unfit_cell_is_still_asked_about_record_and_attributes() -> None:
    condition = parse_condition(
        {
            "all": [
                {"any": [compare("revenue", "ge", 5), SINGLE[-1]]},
                compare("city", "eq", value_of="record.address1_city"),
            ]
        }
    )
    predicate = compile_predicate(condition, CompileOptions(table="lead", schema=SCHEMA))
    row = {"revenue": "many", "city": "London"}
    assert predicate(row, NOW, record=RECORD, attributes=ATTRIBUTES)
    assert not predicate(row, NOW, record=RECORD, attributes={})
    assert not predicate(row, NOW, record={}, attributes=ATTRIBUTES)


def test_for_segments_the_row_is_the_record() -> None:
    condition = parse_condition(compare("city", "eq", value_of="record.address1_city"))
    for tables_from in (1, 100):
        options = CompileOptions(table="lead", schema=SCHEMA, tables_from=tables_from)
        search = compile_first_match([condition], options)
        assert search.first_match({"city": "Rome", "address1_city": "rome"}, NOW) == 0
        assert search.first_match({"city": "Rome", "address1_city": "Oslo"}, NOW) == -1


def test_columns_of_one_kind_are_kept_apart() -> None:
    raw = {
        "all": [
            compare("createdon", "today"),
            compare("modifiedon", "yesterday"),
            compare("source", "eq", "Messe"),
            compare("optout", "eq", "Vielleicht"),
            compare("parentaccountid.createdon", "tomorrow"),
        ]
    }
    label = "@OData.Community.Display.V1.FormattedValue"
    row = {
        "createdon": "2026-11-23T08:00:00Z",
        "modifiedon": "2026-11-22T08:00:00Z",
        "source": 7,
        "source" + label: "Messe",
        "optout": True,
        "optout" + label: "Vielleicht",
        "parentaccountid": {"createdon": "2026-11-24T08:00:00Z"},
    }
    predicate = compile_predicate(parse_condition(raw), CompileOptions(table="lead", schema=SCHEMA))
    assert predicate(row, NOW)
    for name, other in (
        ("createdon", "2026-11-22T08:00:00Z"),
        ("modifiedon", "2026-11-23T08:00:00Z"),
        ("source" + label, "Vielleicht"),
        ("optout" + label, "Messe"),
        ("parentaccountid", {"createdon": "2026-11-23T08:00:00Z"}),
    ):
        assert not predicate({**row, name: other}, NOW)


def test_deep_trees_compile() -> None:
    condition: Condition = Compare(("city",), Operator.EQ, "London")
    for at in range(48):
        condition = (All if at % 2 else Any)((condition, Compare(("city",), Operator.NULL)))
    for known in (SCHEMA, None):
        predicate = compile_predicate(condition, CompileOptions(table="lead", schema=known))
        assert predicate({"city": "x"}, NOW) is holds(condition, {"city": "x"}, Context(NOW))


def test_only_real_days_and_instants_pass_the_check() -> None:
    assert is_instant("2026-11-23T09:00:00Z")
    assert is_day("2026-11-23")
    for check, text in (
        (is_instant, "2026-02-30T00:00:00Z"),
        (is_instant, "2026-11-23T24:00:00Z"),
        (is_instant, "2026-W48-1T09:00:00Z"),
        (is_day, "2026-02-30"),
        (is_day, "2026-W48-1"),
    ):
        with pytest.raises(ValueError):
            check(text)


def test_bounds_are_whole_seconds_within_the_calendar() -> None:
    begin = datetime(2026, 11, 23, 9, 0, 0, 1, tzinfo=UTC)
    assert text_bounds(Span(begin, None, None, None), is_day=False) == ("2026-11-23T09:00:01Z", "~")
    last = datetime(9999, 12, 31, 23, 59, 59, 1, tzinfo=UTC)
    assert text_bounds(Span(None, last, None, None), is_day=False) == ("", "~")
    assert text_bounds(Span(None, None, 0, 3_652_060), is_day=True) == ("0001-01-01", "~")


@pytest.mark.parametrize("column", ["createdon", "closedate", "new_when"])
def test_tables_over_dates_of_any_column_agree_with_the_tree(column: str) -> None:
    days = [f"2026-11-{day:02}" for day in range(1, 29)]
    conditions = [parse_condition(compare(column, "on", day)) for day in days]
    options = CompileOptions(
        dates=DateSettings(time_zone="Europe/London"), table="lead", schema=SCHEMA, tables_from=2
    )
    search = compile_first_match(conditions, options)
    for cell in ("2026-11-07", "2026-11-07T00:00:00Z", "2026-11-30", "7", None, 7):
        row = {column: cell}
        context = Context(now=NOW, dates=options.dates, table="lead", schema=SCHEMA)
        expected = [at for at, each in enumerate(conditions) if holds(each, row, context)]
        assert search.first_match(row, NOW) == (expected or [-1])[0]
