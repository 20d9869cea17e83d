"""What comparisons of text, numbers, choices and ids mean."""

from collections.abc import Mapping
from decimal import Decimal

import pytest

from engine.conditions.evaluation.cells import LABEL_SUFFIX
from engine.conditions.evaluation.interpreter import holds
from engine.conditions.language.context import Context, DateSettings
from engine.conditions.language.model import Compare, Operator
from engine.conditions.language.parsing import parse_condition
from tests.support.builders import compare
from tests.unit.conditions.worlds import NOW, SCHEMA, check

ID = "11111111-2222-4333-8444-555555555555"


@pytest.mark.parametrize(
    ("operator", "value", "cell", "expected"),
    [
        ("eq", "LONDON", "London", True),
        ("eq", "strasse", "Straße", True),
        ("eq", "Zurich", "Zürich", False),
        ("eq", "London", "", False),
        ("eq", "", "", False),
        ("ne", "London", "", True),
        ("ne", "London", None, True),
        ("ne", "london", "LONDON", False),
        ("neq", "Leeds", "London", True),
        ("in", ["Leeds", "london"], "London", True),
        ("in", "London", "London", True),
        ("not-in", ["Leeds"], None, True),
        ("not-in", ["Leeds"], "leeds", False),
        ("gt", "Leeds", "london", True),
        ("ge", "london", "London", True),
        ("lt", "leeds", "London", False),
        ("le", "London", "", False),
        ("le", "London", None, False),
        ("null", None, "", True),
        ("null", None, None, True),
        ("null", None, " ", False),
        ("not-null", None, "x", True),
        ("not-null", None, "", False),
        ("eq", 7, "7", True),
        ("eq", "7", "07", False),
    ],
)
def test_text_is_compared_without_case_and_empty_text_is_null(
    operator: str, value: object, cell: str | None, expected: bool
) -> None:
    assert check(compare("city", operator, value), {"city": cell}) is expected


@pytest.mark.parametrize(
    ("operator", "value", "cell", "expected"),
    [
        ("like", "%ond%", "London", True),
        ("like", "l_ndon", "LONDON", True),
        ("like", "l_don", "London", False),
        ("like", "[k-m]ondon", "London", True),
        ("like", "[^k-m]ondon", "London", False),
        ("like", "[xyl]%", "London", True),
        ("like", "50[%]", "50%", True),
        ("like", "50[%]", "500", False),
        ("like", "a[b", "a[b", True),
        ("like", "%", "x", True),
        ("like", "%", "", False),
        ("like", "%", None, False),
        ("like", "", "x", False),
        ("like", "l%n", "London", True),
        ("like", "l%d%n", "London", True),
        ("like", "l%x%n", "London", False),
        ("like", "lon%ndon", "London", False),
        ("like", "x%", "London", False),
        ("like", "a[]b", "a[]b", True),
        ("like", "[z-a]", "z", False),
        ("like", "[^z-a]", "z", True),
        ("like", "[a-]", "-", True),
        ("like", "a%b%", "a\nb", True),
        ("like", "[-acdf]", "-", True),
        ("like", "[-acdf]", "b", False),
        ("like", "[a-cdf]", "b", True),
        ("like", "[a-cdf]", "d", True),
        ("like", "[a-cdf]", "e", False),
        ("like", "[a-cx-z]", "y", True),
        ("like", "[a-cx-z]", "d", False),
        ("like", "[a-a]", "a", True),
        ("like", "[a-a]", "-", False),
        ("like", "[^a-]", "-", False),
        ("like", "[^a-]", "b", True),
        ("like", "[_]n", "_n", True),
        ("like", "[_]n", "an", False),
        ("like", "[[]", "[", True),
        ("like", "]", "]", True),
        ("like", "[]]", "]", True),
        ("like", "[^]", "^", True),
        ("like", "[^]", "a", False),
        ("like", "[a^]", "^", True),
        ("like", "[^a]", "^", True),
        ("like", "[^a]", "a", False),
        ("like", "[^a]", "", False),
        ("like", "[\\d]", "\\", True),
        ("like", "[\\d]", "5", False),
        ("like", "[z-a]x", "x", False),
        ("like", "[^z-a]x", "yx", True),
        ("like", "[^z-a]x", "x", False),
        ("like", "abc[_]d%", "ABC_de", True),
        ("like", "abc[def]", "abce", True),
        ("like", "[a]x[b]", "axb", True),
        ("like", "[a]x[b]", "aab", False),
        ("like", "[A-F]", "B", True),
        ("not-like", "%ond%", "London", False),
        ("not-like", "%ond%", None, True),
        ("begins-with", "LON", "London", True),
        ("begins-with", "_on", "London", True),
        ("begins-with", "on", "London", False),
        ("begins-with", "Londoner", "London", False),
        ("not-begin-with", "Lon", None, True),
        ("not-begin-with", "Lon", "London", False),
        ("ends-with", "don", "LONDON", True),
        ("ends-with", "[a-f]on", "London", True),
        ("ends-with", "x", "London", False),
        ("not-end-with", "don", None, True),
        ("not-end-with", "don", "London", False),
    ],
)
def test_patterns_take_wildcards(
    operator: str, value: str, cell: str | None, expected: bool
) -> None:
    assert check(compare("city", operator, value), {"city": cell}) is expected


def test_a_pattern_takes_time_linear_in_the_text() -> None:
    pattern = "%a" * 40 + "%b"
    assert check(compare("city", "like", pattern), {"city": "a" * 20_000}) is False


@pytest.mark.parametrize(
    ("operator", "value", "cell", "expected"),
    [
        ("eq", 10000, 10000.0, True),
        ("eq", "10000", 10000, True),
        ("eq", "10000.0", 10000, True),
        ("eq", 0.1, 0.1, True),
        ("eq", 0.1, Decimal("0.1"), True),
        ("in", [0.1, 0.2], Decimal("0.2"), True),
        ("in", [0.1, 0.2], 0.3, False),
        ("eq", 0.5, Decimal("NaN"), False),
        ("eq", 1, True, True),
        ("ne", 5, None, True),
        ("gt", 5, 6, True),
        ("gt", 5, 5, False),
        ("gt", 0.5, 1, True),
        ("ge", 0.1, Decimal("0.1"), True),
        ("ge", "5", 5, True),
        ("lt", 5, None, False),
        ("lt", 5, "", False),
        ("le", 5, 5.5, False),
        ("between", [1, 5], 5, True),
        ("between", [1, 5], 5.5, False),
        ("between", [0.5, 5.5], 5.5, True),
        ("between", [1, 5], None, False),
        ("not-between", [1, 5], None, True),
        ("not-between", [1, 5], 3, False),
        ("in", [1, "2", 3], 2, True),
        ("not-in", [1, 2], 3, True),
        ("not-in", [1, 2], None, True),
        ("null", None, 0, False),
        ("not-null", None, 0, True),
        ("null", None, float("nan"), False),
        ("ne", 5, float("nan"), True),
    ],
)
def test_numbers_are_compared_as_numbers(
    operator: str,
    value: object,
    cell: object,
    expected: bool,
) -> None:
    assert check(compare("revenue", operator, value), {"revenue": cell}) is expected


@pytest.mark.parametrize("operator", ["eq", "gt", "ge", "lt", "le", "in"])
@pytest.mark.parametrize("cell", ["many", [5], {"a": 5}, b"5", object()])
def test_what_is_no_number_equals_none_and_has_no_order(operator: str, cell: object) -> None:
    assert check(compare("revenue", operator, 5), {"revenue": cell}) is False


def test_rows_and_lists_under_a_columns_name_are_no_value() -> None:
    assert check(compare("revenue", "null"), {"revenue": [5]})
    assert check(compare("revenue", "null"), {"revenue": {"a": 5}})
    assert check(compare("city", "not-null"), {"city": 0})


@pytest.mark.parametrize(
    ("operator", "value", "row", "expected"),
    [
        ("eq", 7, {"source": 7}, True),
        ("eq", "7", {"source": 7}, True),
        ("ne", 7, {}, True),
        ("in", [7, 8], {"source": 8}, True),
        ("eq", "trade SHOW", {"source": 7, "source" + LABEL_SUFFIX: "Trade Show"}, True),
        ("eq", "Messe", {"source": 7, "source" + LABEL_SUFFIX: "messe"}, True),
        ("ne", "Messe", {"source": 7, "source" + LABEL_SUFFIX: "messe"}, False),
        ("in", ["Messe", 3], {"source": 7, "source" + LABEL_SUFFIX: "Messe"}, True),
        ("eq", "Messe", {"source" + LABEL_SUFFIX: "Messe"}, False),
        ("eq", "Messe", {"source": 7}, False),
        ("gt", 3, {"source": 7}, True),
        ("gt", "Web", {"source": 7}, False),
        ("like", "%Show", {"source": 7}, False),
    ],
)
def test_a_choice_takes_its_number_or_its_label(
    operator: str, value: object, row: Mapping[str, object], expected: bool
) -> None:
    assert check(compare("source", operator, value), row) is expected


@pytest.mark.parametrize(
    ("value", "cell", "expected"),
    [(Decimal("0.5"), 0.5, True), (Decimal(5), 5, True), (Decimal("0.5"), 1, False)],
)
def test_a_tree_may_hold_decimals(value: Decimal, cell: float, expected: bool) -> None:
    condition = Compare(("revenue",), Operator.EQ, value)
    assert holds(condition, {"revenue": cell}, Context(NOW)) is expected


def test_a_column_may_be_named_like_half_a_lookup() -> None:
    assert check(compare("new_value", "eq", 5), {"new_value": 5})
    assert check(compare("_new", "eq", 5), {"_new": 5})


def test_a_truth_value_is_spelt_in_a_text_column() -> None:
    for value, text in ((True, "true"), (False, "false")):
        assert check(compare("city", "eq", value), {"city": text})


def test_labels_of_related_rows_are_those_of_their_table() -> None:
    known = Context(NOW, table="lead", schema=SCHEMA)
    condition = parse_condition({"related": "Lead_Tasks", "where": compare("source", "eq", "web")})
    assert holds(condition, {"Lead_Tasks": [{"source": 8}]}, known)
    assert not holds(condition, {"Lead_Tasks": [{"source": 7}]}, known)
    for path in ("parentaccountid", "parentaccountid.primarycontactid"):
        web = parse_condition(compare(f"{path}.source", "eq", "web"))
        row: dict[str, object] = {"source": 8}
        for name in reversed(path.split(".")):
            row = {name: row}
        assert holds(web, row, known)


def test_a_label_is_looked_up_where_the_choices_are_known() -> None:
    known = Context(NOW, table="lead", schema=SCHEMA)
    assert holds(parse_condition(compare("source", "eq", "trade show")), {"source": 7}, known)
    contains = parse_condition(compare("interests", "contain-values", ["food"]))
    assert holds(contains, {"interests": "1,9"}, known)
    same = parse_condition(compare("interests", "eq", "9,1"))
    assert holds(same, {"interests": "1,9"}, known)
    labelled = parse_condition(compare("interests", "eq", "Sport; Music"))
    row = {"interests": "1,2", "interests" + LABEL_SUFFIX: "sport; music"}
    assert holds(labelled, row, known)
    assert not holds(labelled, {"interests": "1,2"}, known)


@pytest.mark.parametrize(
    ("value", "cell", "expected"),
    [
        (True, True, True),
        ("true", True, True),
        ("no", False, True),
        (0, False, True),
        ("1", True, True),
        (True, None, False),
        (True, False, False),
    ],
)
def test_a_two_options_column_takes_truth_values_numbers_and_words(
    value: int | str, cell: bool | None, expected: bool
) -> None:
    assert check(compare("optout", "eq", value), {"optout": cell}) is expected


@pytest.mark.parametrize(
    ("operator", "value", "cell", "expected"),
    [
        ("contain-values", [9, 3], "1,9", True),
        ("contain-values", "9", "1,9", True),
        ("contain-values", "3,9", "1, 9", True),
        ("contain-values", [2], "1,9", False),
        ("contain-values", [2], 2, True),
        ("contain-values", [-1], "-1,9", True),
        ("contain-values", [1], "1-,9", False),
        ("contain-values", [2], None, False),
        ("contain-values", [2], "x", False),
        ("not-contain-values", [2], "1,9", True),
        ("not-contain-values", [9], "1,9", False),
        ("not-contain-values", [9], None, False),
    ],
)
def test_a_multi_select_column_is_a_set_of_choices(
    operator: str, value: object, cell: object, expected: bool
) -> None:
    assert check(compare("interests", operator, value), {"interests": cell}) is expected


def test_labels_of_a_multi_select_column_are_compared_without_case() -> None:
    row = {"interests": "1,9", "interests" + LABEL_SUFFIX: "Sport; Fine Food"}
    assert check(compare("interests", "contain-values", ["fine food"]), row)


@pytest.mark.parametrize("name", ["ownerid", "_ownerid_value"])
@pytest.mark.parametrize("value", [ID, ID.upper(), "{" + ID + "}"])
def test_a_lookup_is_read_from_its_wire_name_and_ids_compare_without_case(
    name: str, value: str
) -> None:
    assert check(compare(name, "eq", value), {"_ownerid_value": ID})
    assert check(compare(name, "in", [value]), {"_ownerid_value": ID.upper()})
    assert not check(compare(name, "ne", value), {"_ownerid_value": ID})


def test_an_expanded_row_does_not_hide_the_lookup_of_the_same_name() -> None:
    row = {"parentaccountid": {"city": "London"}, "_parentaccountid_value": ID}
    assert check(compare("parentaccountid", "eq", ID), row)
    assert check(compare("parentaccountid.city", "eq", "london"), row)


def test_through_an_absent_row_every_column_is_null() -> None:
    for row in ({}, {"parentaccountid": None}, {"parentaccountid": [{"city": "London"}]}):
        assert check(compare("parentaccountid.city", "null"), row)
        assert check(compare("parentaccountid.city", "ne", "London"), row)
    deep = {"parentaccountid": {"primarycontactid": {"city": "London"}}}
    assert check(compare("parentaccountid.primarycontactid.city", "eq", "London"), deep)


def test_negation_is_two_valued() -> None:
    assert check({"not": compare("revenue", "gt", 5)}, {})
    assert not check({"not": {"not": compare("revenue", "gt", 5)}}, {})
    assert not check({"not": compare("revenue", "ne", 5)}, {})


@pytest.mark.parametrize(
    ("operator", "left", "right", "expected"),
    [
        ("eq", "London", "LONDON", True),
        ("ne", "London", "Leeds", True),
        ("ne", None, "Leeds", True),
        ("ne", "London", None, False),
        ("eq", None, None, False),
        ("gt", 5, 4, True),
        ("ge", 5, 5.0, True),
        ("lt", 5, "6", False),
        ("ne", 5, "5", True),
        ("ne", 5, 5.0, False),
        ("lt", "2026-11-23", "soon", True),
        ("gt", "2026-11-23", "soon", False),
        ("gt", "soon", "2026-11-23", True),
        ("ne", "Leeds", "LEEDS", False),
        ("ne", "2026-11-23", "2026-11-23T05:00:00Z", False),
        ("le", "2026-11-22T10:00:00Z", "2026-11-22T11:00:00+01:00", True),
        ("le", "2026-11-22T10:00:00Z", "2026-11-22T05:30:00-05:00", True),
        ("ge", "2026-11-22T10:00:00Z", "2026-11-22T05:30:00-05:00", False),
        ("lt", "2026-11-22", "2026-11-23T00:00:00Z", True),
        ("eq", "2026-11-23", "2026-11-23T05:00:00Z", True),
        ("gt", "2026-11-23T09:00:00.5Z", "2026-11-23T09:00:00.05Z", True),
        ("eq", "2026-11-23T09:00:00.5Z", "2026-11-23T09:00:00.500000Z", True),
        ("eq", 0.1, Decimal("0.1"), True),
        ("eq", float("nan"), 1, False),
        ("gt", {"a": 1}, 1, False),
    ],
)
def test_a_column_is_compared_with_another(
    operator: str,
    left: object,
    right: object,
    expected: bool,
) -> None:
    plain = {"column": "new_a", "operator": operator, "value_of": "new_b"}
    assert check(plain, {"new_a": left, "new_b": right}) is expected


@pytest.mark.parametrize(("zone", "is_same"), [("UTC", False), ("Asia/Tokyo", True)])
def test_a_day_and_an_instant_are_compared_in_the_time_zone(zone: str, is_same: bool) -> None:
    row = {"new_a": "2026-11-23", "new_b": "2026-11-22T20:00:00Z"}
    for operator, expected in (("eq", is_same), ("ne", not is_same), ("gt", not is_same)):
        plain = {"column": "new_a", "operator": operator, "value_of": "new_b"}
        assert check(plain, row, dates=DateSettings(zone)) is expected
