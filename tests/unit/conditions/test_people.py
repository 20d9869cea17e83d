"""Hierarchies, the caller, seller attributes and the record being assigned."""

from collections.abc import Mapping

import pytest

from engine.conditions.language.context import Caller, Context
from tests.support.builders import compare
from tests.unit.conditions.worlds import NOW, check

ROOT, MIDDLE, LEAF, OTHER = (f"{digit}0000000-0000-4000-8000-00000000000a" for digit in "1234")
PARENTS = {"account": {LEAF: MIDDLE.upper(), MIDDLE: ROOT, ROOT: None}}
KNOWN = Context(NOW, hierarchies=PARENTS)


@pytest.mark.parametrize(
    ("operator", "value", "cell", "expected"),
    [
        ("under", ROOT, LEAF, True),
        ("under", "{" + ROOT.upper() + "}", LEAF.upper(), True),
        ("under", ROOT, ROOT, False),
        ("under", LEAF, ROOT, False),
        ("under", ROOT, OTHER, False),
        ("under", ROOT, None, False),
        ("eq-or-under", ROOT, ROOT, True),
        ("eq-or-under", ROOT, LEAF, True),
        ("not-under", ROOT, LEAF, False),
        ("not-under", ROOT, ROOT, True),
        ("not-under", ROOT, OTHER, True),
        ("not-under", ROOT, None, False),
        ("above", LEAF, ROOT, True),
        ("above", LEAF, LEAF, False),
        ("above", ROOT, LEAF, False),
        ("eq-or-above", LEAF, LEAF, True),
        ("eq-or-above", LEAF, MIDDLE, True),
        ("under", ROOT, 5, False),
    ],
)
def test_rows_stand_above_and_under_each_other(
    operator: str, value: str, cell: object, expected: bool
) -> None:
    row = {"_parentaccountid_value": cell}
    assert check(compare("parentaccountid", operator, value), row, context=KNOWN) is expected


def test_ancestors_are_found_in_expanded_rows_where_no_hierarchy_knows_them() -> None:
    nested = {"_parentaccountid_value": MIDDLE, "parentaccountid": {"_parentaccountid_value": ROOT}}
    row = {"_parentaccountid_value": LEAF, "parentaccountid": nested}
    assert check(compare("parentaccountid", "under", ROOT), row)
    assert check(compare("parentaccountid", "under", MIDDLE), row)
    assert not check(compare("parentaccountid", "under", OTHER), row)
    account = {"accountid": LEAF, **nested}
    assert check(compare("accountid", "under", ROOT), account)
    assert not check(compare("parentaccountid", "under", ROOT), {"_parentaccountid_value": LEAF})


def test_an_expanded_row_carries_on_where_the_hierarchy_ends() -> None:
    known = Context(NOW, hierarchies={"account": {LEAF: MIDDLE}})
    nested = {"_parentaccountid_value": MIDDLE, "parentaccountid": {"_parentaccountid_value": ROOT}}
    row = {"_parentaccountid_value": LEAF, "parentaccountid": nested}
    assert check(compare("parentaccountid", "under", ROOT), row, context=known)
    elsewhere = Context(NOW, hierarchies={"account": {LEAF: OTHER}})
    assert not check(compare("parentaccountid", "under", ROOT), row, context=elsewhere)


def test_a_circle_of_parents_ends_the_climb() -> None:
    circle = Context(NOW, hierarchies={"account": {LEAF: MIDDLE, MIDDLE: LEAF}})
    row = {"_parentaccountid_value": LEAF}
    assert not check(compare("parentaccountid", "under", ROOT), row, context=circle)
    assert check(compare("parentaccountid", "under", MIDDLE), row, context=circle)
    above = Context(NOW, hierarchies={"account": {LEAF: MIDDLE, MIDDLE: ROOT, ROOT: MIDDLE}})
    assert not check(compare("parentaccountid", "under", OTHER), row, context=above)


def test_what_is_no_row_under_a_lookups_name_carries_nothing_on() -> None:
    above = {"_parentaccountid_value": MIDDLE, "parentaccountid": "text"}
    row = {"_parentaccountid_value": LEAF, "parentaccountid": above}
    assert check(compare("parentaccountid", "under", MIDDLE), row)
    assert not check(compare("parentaccountid", "under", ROOT), row)


CALLER = Caller(
    user_id=MIDDLE.upper(), business_unit_id=OTHER, team_ids=frozenset({ROOT}), language=1033
)
CALLED = Context(NOW, hierarchies={"systemuser": {LEAF: MIDDLE}}, caller=CALLER)


@pytest.mark.parametrize(
    ("operator", "holding", "failing"),
    [
        ("eq-userid", [MIDDLE], [LEAF, ROOT, None, 5]),
        ("ne-userid", [LEAF, ROOT], [MIDDLE, None]),
        ("eq-businessid", [OTHER], [MIDDLE, None]),
        ("ne-businessid", [MIDDLE], [OTHER, None]),
        ("eq-userteams", [ROOT], [MIDDLE, None]),
        ("eq-useroruserteams", [ROOT, MIDDLE], [LEAF]),
        ("eq-useroruserhierarchy", [MIDDLE, LEAF], [ROOT]),
        ("eq-useroruserhierarchyandteams", [MIDDLE, LEAF, ROOT], [OTHER]),
        ("eq-userlanguage", [1033], [1031, "1033", None]),
    ],
)
def test_user_operators_ask_for_the_caller_and_hold_for_nobody_without_one(
    operator: str, holding: list[object], failing: list[object]
) -> None:
    plain = compare("new_any", operator)
    for cell in holding:
        assert check(plain, {"new_any": cell}, context=CALLED)
        assert not check(plain, {"new_any": cell})
    for cell in failing:
        assert not check(plain, {"new_any": cell}, context=CALLED)


def test_a_caller_without_a_business_unit_is_in_none() -> None:
    alone = Context(NOW, caller=Caller(user_id=LEAF))
    assert not check(compare("new_any", "eq-businessid"), {"new_any": OTHER}, context=alone)
    assert check(compare("new_any", "ne-businessid"), {"new_any": OTHER}, context=alone)


@pytest.mark.parametrize(
    ("operator", "value", "attributes", "expected"),
    [
        ("eq", "english", {"Language": ("English", "German")}, True),
        ("in", ["French", "German"], {"language": ("English", "GERMAN")}, True),
        ("in", ["French"], {"Language": ("English",)}, False),
        ("in", ["French"], None, False),
        ("ne", ["French"], {"Language": ("English",)}, True),
        ("ne", ["English"], {"Language": ("English", "German")}, False),
        ("ne", ["English"], {}, True),
        ("null", None, {"Region": ("North",)}, True),
        ("null", None, {"Language": ()}, True),
        ("not-null", None, {"Language": ("English",)}, True),
        ("not-null", None, None, False),
    ],
)
def test_a_seller_attribute_is_a_set_of_values(
    operator: str,
    value: object,
    attributes: Mapping[str, tuple[str, ...]] | None,
    expected: bool,
) -> None:
    plain: dict[str, object] = {"attribute": "Language", "operator": operator}
    plain |= {} if value is None else {"value": value}
    context = Context(NOW, attributes=attributes)
    assert check(plain, {}, context=context) is expected


@pytest.mark.parametrize(
    "keys", [{"value_of": "record.address1_city"}, {"value": "$( address1_city )"}]
)
def test_a_seller_is_matched_with_the_record_being_assigned(keys: Mapping[str, str]) -> None:
    plain = {"column": "city", "operator": "eq", **keys}
    context = Context(NOW, record={"address1_city": "LONDON"})
    assert check(plain, {"city": "London", "address1_city": "Leeds"}, context=context)
    assert not check(plain, {"city": "Leeds"}, context=context)
    assert not check(plain, {"city": "London"}, context=Context(NOW, record={}))


def test_a_record_condition_takes_the_row_itself_for_the_record() -> None:
    plain = {"column": "city", "operator": "eq", "value_of": "record.address1_city"}
    assert check(plain, {"city": "London", "address1_city": "london"})
    related = {"related": "Lead_Tasks", "where": plain}
    row = {"address1_city": "London", "Lead_Tasks": [{"city": "Leeds"}, {"city": "London"}]}
    assert check(related, row)
    assert not check(related, {**row, "address1_city": "York"})


@pytest.mark.parametrize(
    ("row", "navigation", "expected"),
    [
        ({"parentaccountid": {}}, "parentaccountid", True),
        ({"parentaccountid": None}, "parentaccountid", False),
        ({}, "parentaccountid", False),
        ({"_parentaccountid_value": LEAF}, "parentaccountid", True),
        ({"Lead_Tasks": []}, "Lead_Tasks", False),
        ({"Lead_Tasks": [{}]}, "Lead_Tasks", True),
        ({"Lead_Tasks": ["x", 5]}, "Lead_Tasks", False),
        ({"parentaccountid": LEAF}, "parentaccountid", True),
        (
            {"parentaccountid": {"_primarycontactid_value": LEAF}},
            "parentaccountid.primarycontactid",
            True,
        ),
        ({"parentaccountid": {}}, "parentaccountid.primarycontactid", False),
    ],
)
def test_related_rows_are_there_or_not(
    row: Mapping[str, object], navigation: str, expected: bool
) -> None:
    assert check({"related": navigation}, row) is expected
    assert check({"related": navigation, "exists": False}, row) is not expected


def test_one_related_row_has_to_satisfy_the_whole_condition() -> None:
    where = {"all": [compare("city", "eq", "London"), compare("employees", "gt", 5)]}
    apart = {"Lead_Tasks": [{"city": "London"}, {"employees": 9}]}
    together = {"Lead_Tasks": [{"city": "Leeds"}, {"city": "LONDON", "employees": 9}]}
    assert not check({"related": "Lead_Tasks", "where": where}, apart)
    assert check({"related": "Lead_Tasks", "where": where}, together)
    assert check({"related": "Lead_Tasks", "exists": False, "where": where}, apart)
    assert check({"related": "listlead_association", "exists": False, "where": where}, {})
