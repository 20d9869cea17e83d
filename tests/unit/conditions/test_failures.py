"""Which condition failed, and what it saw."""

from collections.abc import Mapping

import pytest

from engine.conditions.evaluation.cells import LABEL_SUFFIX
from engine.conditions.evaluation.interpreter import first_failure
from engine.conditions.language.context import Context
from engine.conditions.language.parsing import parse_condition
from engine.decisions.decision import FailedCondition
from tests.support.builders import compare
from tests.unit.conditions.worlds import NOW


@pytest.mark.parametrize(
    ("raw", "row", "condition", "seen"),
    [
        (
            {"all": [compare("city", "not-null"), compare("revenue", "ge", 5)]},
            {"city": "x", "revenue": 4},
            "revenue ge 5",
            "revenue is 4",
        ),
        (
            {"all": [{"any": [compare("city", "null"), compare("city", "eq", "a")]}]},
            {"city": "x"},
            "city null or city eq a",
            "city is x",
        ),
        (
            {"any": [{"all": [compare("a", "null"), compare("b", "null")]}]},
            {"a": 1, "b": None},
            "a null and b null",
            "a is 1; b is null",
        ),
        (
            {"not": compare("city", "null")},
            {},
            "not (city null)",
            "city is null",
        ),
        (
            compare("source", "eq", 7),
            {"source": 8, "source" + LABEL_SUFFIX: "Web"},
            "source eq 7",
            "source is 8 (Web)",
        ),
        (
            compare("ownerid", "eq", "x"),
            {"_ownerid_value": "y", "_ownerid_value" + LABEL_SUFFIX: "Miriam"},
            "ownerid eq x",
            "ownerid is y (Miriam)",
        ),
        (
            compare("employees", "eq", 7),
            {"employees": 8, "employees" + LABEL_SUFFIX: "8"},
            "employees eq 7",
            "employees is 8",
        ),
        (compare("a.b", "not-null"), {}, "a.b not-null", "a.b is null"),
        (
            {"column": "a", "operator": "eq", "value_of": "b"},
            {"a": 1, "b": 2},
            "a eq b",
            "a is 1 and b is 2",
        ),
        (
            {"related": "tasks", "where": compare("a", "null")},
            {"tasks": [{"a": 1}]},
            "tasks contains data where (a null)",
            "tasks: 1 related row",
        ),
        ({"related": "tasks"}, {}, "tasks contains data", "tasks: 0 related rows"),
        (
            {"attribute": "region", "operator": "null"},
            {},
            "attribute region null",
            "attribute region is North, South",
        ),
        (
            {"attribute": "Size", "operator": "not-null"},
            {},
            "attribute Size not-null",
            "attribute Size is null",
        ),
    ],
)
def test_the_first_failing_condition_is_named_with_what_it_saw(
    raw: Mapping[str, object], row: Mapping[str, object], condition: str, seen: str
) -> None:
    context = Context(NOW, attributes={"Region": ("North", "South")})
    failure = first_failure(parse_condition(raw), row, context)
    assert failure == FailedCondition(condition=condition, seen=seen)


def test_the_record_being_assigned_is_shown_as_it_is() -> None:
    raw = {"column": "a", "operator": "eq", "value_of": "record.b"}
    failure = first_failure(parse_condition(raw), {"a": 1}, Context(NOW, record={"b": 2}))
    assert failure == FailedCondition(condition="a eq record.b", seen="a is 1 and b is 2")
    missing = first_failure(
        parse_condition({"attribute": "a", "operator": "not-null"}), {}, Context(NOW)
    )
    assert missing == FailedCondition(condition="attribute a not-null", seen="attribute a is null")


def test_parts_of_a_condition_see_the_record_and_the_attributes_too() -> None:
    same = {"column": "a", "operator": "eq", "value_of": "record.b"}
    other = {"column": "a", "operator": "ne", "value_of": "record.b"}
    language = {"attribute": "Language", "operator": "eq", "value": "German"}
    context = Context(NOW, record={"b": 2}, attributes={"Language": ("Dutch",)})
    for raw, row, seen in (
        ({"all": [other, same]}, {"a": 1, "b": 1}, "a is 1 and b is 2"),
        ({"all": [{"not": other}]}, {"a": 1, "b": 1}, "a is 1 and b is 2"),
        ({"any": [same, language]}, {"a": 1}, "a is 1 and b is 2; attribute Language is Dutch"),
        ({"not": {"not": language}}, {"a": 1}, "attribute Language is Dutch"),
    ):
        failure = first_failure(parse_condition(raw), row, context)
        assert failure is not None
        assert failure.seen == seen
    for held in (same, {"any": [same]}, {"all": [{"any": [language, same]}]}):
        assert first_failure(parse_condition(held), {"a": 2, "b": 1}, context) is None


def test_a_column_of_the_row_itself_is_shown_beside_a_record() -> None:
    raw = {"column": "a", "operator": "eq", "value_of": "b"}
    failure = first_failure(parse_condition(raw), {"a": 1, "b": 3}, Context(NOW, record={"b": 2}))
    assert failure == FailedCondition(condition="a eq b", seen="a is 1 and b is 3")


def test_without_a_record_the_row_itself_is_the_record() -> None:
    raw = {"column": "a", "operator": "eq", "value_of": "record.b"}
    assert first_failure(parse_condition(raw), {"a": 1, "b": 1}, Context(NOW)) is None
    failure = first_failure(parse_condition(raw), {"a": 1, "b": 2}, Context(NOW))
    assert failure == FailedCondition(condition="a eq record.b", seen="a is 1 and b is 2")


def test_rows_behind_rows_are_counted_under_the_whole_path() -> None:
    failure = first_failure(parse_condition({"related": "a.b"}), {}, Context(NOW))
    assert failure is not None
    assert failure.seen == "a.b: 0 related rows"


def test_a_condition_that_holds_has_no_failure() -> None:
    assert first_failure(parse_condition(compare("a", "null")), {}, Context(NOW)) is None
