"""`leadrobin simulate` against the settled readings of the interface: conditions and dates.

Written from the interface description alone; who gets a row and the files are in
`test_contract_readings_routing`.
"""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.builders import NOON, compare, guid, lead, seller_entry
from tests.support.readings import ACCOUNT, Simulate

LONDON = "Europe/London"


@pytest.fixture
def simulate(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Simulate:
    return Simulate(tmp_path, capsys)


def holds(
    simulate: Simulate,
    condition: Any,
    rows: list[dict[str, Any]],
    *,
    now: str = NOON,
    **settings: Any,
) -> list[bool]:
    """For each row whether the condition lets it into its segment."""
    rules = {
        **settings,
        "segments": [
            {"name": "S", "table": "lead", "priority": 1, "when": condition},
            {"name": "Rest", "table": "lead", "default": True},
        ],
    }
    records = [lead(number, **columns) for number, columns in enumerate(rows, start=10)]
    done = simulate(rules, {"sellers": []}, records, "--now", now)
    assert done.code == 0, done.err
    return [line["segment"] == "S" for line in done.lines]


def test_text_is_compared_by_case_folding_and_accents_are_distinct(simulate: Simulate) -> None:
    rows = [{"address1_city": city} for city in ("STRASSE", "Straße", "strase", "Stráße")]
    assert holds(simulate, compare("address1_city", "eq", "straße"), rows) == [
        *(True, True, False, False)
    ]
    turkish = [{"address1_city": "İstanbul"}, {"address1_city": "istanbul"}]
    assert holds(simulate, compare("address1_city", "eq", "İSTANBUL"), turkish) == [True, False]


@pytest.mark.parametrize(
    ("operator", "value", "expected"),
    [
        ("ne", "x", [True, True, True]),
        ("not-in", ["x"], [True, True, True]),
        ("not-like", "x%", [True, True, True]),
        ("not-begin-with", "x", [True, True, True]),
        ("not-end-with", "x", [True, True, True]),
        ("null", None, [True, True, True]),
        ("not-null", None, [False, False, False]),
        ("eq", "x", [False, False, False]),
        ("in", ["x", "y"], [False, False, False]),
        ("like", "%", [False, False, False]),
        ("begins-with", "x", [False, False, False]),
        ("ends-with", "x", [False, False, False]),
        ("gt", "a", [False, False, False]),
        ("le", "z", [False, False, False]),
    ],
)
def test_null_absent_and_empty_text_are_the_same(
    simulate: Simulate, operator: str, value: Any, expected: list[bool]
) -> None:
    rows: list[dict[str, Any]] = [{"subject": None}, {}, {"subject": ""}]
    assert holds(simulate, compare("subject", operator, value), rows) == expected


@pytest.mark.parametrize(
    ("operator", "value", "expected"),
    [
        ("not-between", [1, 5], [True, False, True]),
        ("between", [1, 5], [False, True, False]),
        ("ne", 3, [True, False, True]),
        ("not-in", [3, 4], [True, False, True]),
        ("lt", 4, [False, True, False]),
        ("ge", 3, [False, True, True]),
    ],
)
def test_numbers_and_their_nulls(
    simulate: Simulate, operator: str, value: Any, expected: list[bool]
) -> None:
    rows: list[dict[str, Any]] = [{}, {"revenue": 3.0}, {"revenue": 9}]
    assert holds(simulate, compare("revenue", operator, value), rows) == expected


@pytest.mark.parametrize(
    ("pattern", "text", "expected"),
    [
        ("a%z", "A\nb\nZ", True),
        ("_b", "ab", True),
        ("_b", "b", False),
        ("[a-f]x", "Cx", True),
        ("[^a-f]x", "Cx", False),
        ("[^a-f]x", "gx", True),
        ("100[%]", "100%", True),
        ("100[%]", "1000", False),
        ("a.c", "abc", False),
        ("a.c", "A.C", True),
        ("%(x)*", "(x)*", True),
        ("", "anything", False),
    ],
)
def test_wildcards(simulate: Simulate, pattern: str, text: str, expected: bool) -> None:
    rows = [{"subject": text}]
    assert holds(simulate, compare("subject", "like", pattern), rows) == [expected]
    assert holds(simulate, compare("subject", "not-like", pattern), rows) == [not expected]


def test_wildcards_mean_themselves_nowhere_but_in_patterns(simulate: Simulate) -> None:
    rows = [{"subject": "100%"}, {"subject": "100 percent"}]
    assert holds(simulate, compare("subject", "eq", "100%"), rows) == [True, False]
    assert holds(simulate, compare("subject", "in", ["100%", "x"]), rows) == [True, False]


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        (compare("leadsourcecode", "eq", 7), [True, False, False]),
        (compare("leadsourcecode", "eq", "trade show"), [True, False, False]),
        (compare("leadsourcecode", "eq", "7"), [True, False, False]),
        (compare("leadsourcecode", "ne", "Trade Show"), [False, True, True]),
        (compare("leadsourcecode", "in", ["WEB", 7]), [True, True, False]),
        (compare("leadsourcecode", "not-in", ["WEB", 7]), [False, False, True]),
        (compare("leadsourcecode", "null"), [False, False, True]),
    ],
)
def test_a_choice_takes_its_number_or_its_label(
    simulate: Simulate, condition: Any, expected: list[bool]
) -> None:
    rows: list[dict[str, Any]] = [{"leadsourcecode": 7}, {"leadsourcecode": 8}, {}]
    assert holds(simulate, condition, rows) == expected


def test_a_label_of_the_tenants_own_is_found_in_the_row(simulate: Simulate) -> None:
    label = "leadsourcecode@OData.Community.Display.V1.FormattedValue"
    rows: list[dict[str, Any]] = [
        {"leadsourcecode": 100_000_001, label: "Pódcast"},
        {"leadsourcecode": 100_000_001},
    ]
    assert holds(simulate, compare("leadsourcecode", "eq", "PÓDCAST"), rows) == [True, False]
    assert holds(simulate, compare("leadsourcecode", "ne", "PÓDCAST"), rows) == [False, True]


def test_a_label_of_a_related_row_is_found_there(simulate: Simulate) -> None:
    label = "industrycode@OData.Community.Display.V1.FormattedValue"
    rows: list[dict[str, Any]] = [
        {"parentaccountid": {"industrycode": 100_000_001, label: "Glass"}},
        {"parentaccountid": {"industrycode": 100_000_001}, label: "Glass"},
    ]
    found = holds(simulate, compare("parentaccountid.industrycode", "eq", "glass"), rows)
    assert found == [True, False]


def test_a_misspelt_label_is_refused(simulate: Simulate) -> None:
    when = compare("leadsourcecode", "eq", "Trade Shw")
    segments = [{"name": "S", "table": "lead", "priority": 1, "when": when}]
    done = simulate({"segments": segments}, {"sellers": []}, [lead(10)])
    assert done.code == 2
    assert "Trade Show" in done.err


@pytest.mark.parametrize("value", [True, 1, "true", "yes"])
def test_two_options(simulate: Simulate, value: Any) -> None:
    rows: list[dict[str, Any]] = [{"decisionmaker": True}, {"decisionmaker": False}, {}]
    assert holds(simulate, compare("decisionmaker", "eq", value), rows) == [True, False, False]
    assert holds(simulate, compare("decisionmaker", "ne", value), rows) == [False, True, True]


MULTI = "new_interests@OData.Community.Display.V1.FormattedValue"


@pytest.mark.parametrize(
    ("operator", "value", "expected"),
    [
        ("contain-values", [1], [True, False, False, False]),
        ("contain-values", [1, 5], [True, True, False, False]),
        ("contain-values", ["golf"], [True, False, False, False]),
        ("not-contain-values", [1], [False, True, True, False]),
        ("null", None, [False, False, False, True]),
    ],
)
def test_multi_select(simulate: Simulate, operator: str, value: Any, expected: list[bool]) -> None:
    rows: list[dict[str, Any]] = [
        {"new_interests": "1,9", MULTI: "Golf; Wine"},
        {"new_interests": "5"},
        {"new_interests": "11,19"},
        {},
    ]
    assert holds(simulate, compare("new_interests", operator, value), rows) == expected


@pytest.mark.parametrize("spelling", ["ownerid", "_ownerid_value"])
@pytest.mark.parametrize("value", [ACCOUNT.upper(), f"{{{ACCOUNT}}}", ACCOUNT])
def test_lookups_take_guids_in_any_spelling(simulate: Simulate, spelling: str, value: str) -> None:
    rows: list[dict[str, Any]] = [{"_ownerid_value": ACCOUNT}, {"_ownerid_value": guid(77)}, {}]
    assert holds(simulate, compare(spelling, "eq", value), rows) == [True, False, False]
    assert holds(simulate, compare(spelling, "ne", value), rows) == [False, True, True]
    assert holds(simulate, compare(spelling, "in", [value]), rows) == [True, False, False]


# ---- columns against columns, related rows, hierarchies


@pytest.mark.parametrize(
    ("operator", "expected"),
    [
        ("eq", [True, False, False, False, False]),
        ("ne", [False, True, False, True, False]),
        ("gt", [False, False, False, False, False]),
        ("lt", [False, True, False, False, False]),
        ("ge", [True, False, False, False, False]),
        ("le", [True, True, False, False, False]),
    ],
)
def test_value_of_and_nulls(simulate: Simulate, operator: str, expected: list[bool]) -> None:
    rows: list[dict[str, Any]] = [
        {"revenue": 5, "budgetamount": 5.0},
        {"revenue": 5, "budgetamount": 6},
        {"revenue": 5},
        {"budgetamount": 5},
        {},
    ]
    condition = compare("revenue", operator, value_of="budgetamount")
    assert holds(simulate, condition, rows) == expected


def test_value_of_compares_text_without_case(simulate: Simulate) -> None:
    rows = [
        {"address1_city": "PARIS", "address2_city": "paris"},
        {"address1_city": "", "address2_city": ""},
    ]
    condition = compare("address1_city", "eq", value_of="address2_city")
    assert holds(simulate, condition, rows) == [True, False]


def test_through_an_absent_row_every_column_is_null(simulate: Simulate) -> None:
    rows: list[dict[str, Any]] = [
        {"parentaccountid": {"accountid": ACCOUNT, "industrycode": 6}},
        {"parentaccountid": {"accountid": ACCOUNT}},
        {"parentaccountid": None},
        {},
    ]
    path = "parentaccountid.industrycode"
    assert holds(simulate, compare(path, "null"), rows) == [False, True, True, True]
    assert holds(simulate, compare(path, "ne", 6), rows) == [False, True, True, True]
    assert holds(simulate, compare(path, "eq", 6), rows) == [True, False, False, False]
    deep: list[dict[str, Any]] = [
        {"parentaccountid": {"primarycontactid": {"address1_city": "Rome"}}},
        {"parentaccountid": {"primarycontactid": None}},
    ]
    city = "parentaccountid.primarycontactid.address1_city"
    assert holds(simulate, compare(city, "eq", "rome"), deep) == [True, False]


def test_contains_data_over_one_to_many_and_many_to_many(simulate: Simulate) -> None:
    rows: list[dict[str, Any]] = [
        {"Lead_Tasks": [{"subject": "a", "prioritycode": 1}, {"subject": "b", "prioritycode": 2}]},
        {"Lead_Tasks": [{"subject": "b", "prioritycode": 1}]},
        {"Lead_Tasks": []},
        {},
    ]
    both = {"all": [compare("subject", "eq", "b"), compare("prioritycode", "eq", 2)]}
    exists = {"related": "Lead_Tasks", "exists": True}
    absent = {"related": "Lead_Tasks", "exists": False}
    assert holds(simulate, exists, rows) == [True, True, False, False]
    assert holds(simulate, absent, rows) == [False, False, True, True]
    assert holds(simulate, {**exists, "where": both}, rows) == [True, False, False, False]
    assert holds(simulate, {**absent, "where": both}, rows) == [False, True, True, True]
    assert holds(simulate, {"not": {**absent, "where": both}}, rows) == [True, False, False, False]
    many: list[dict[str, Any]] = [
        {"accountleads_association": [{"name": "X"}]},
        {"accountleads_association": [{}]},
    ]
    named = {"related": "accountleads_association", "where": compare("name", "eq", "x")}
    assert holds(simulate, named, many) == [True, False]


def test_contains_data_over_many_to_one_and_nested_lists(simulate: Simulate) -> None:
    rows: list[dict[str, Any]] = [
        {
            "parentaccountid": {
                "contact_customer_accounts": [{"lastname": "No"}, {"lastname": "Ok"}]
            }
        },
        {"parentaccountid": {"contact_customer_accounts": []}},
        {"parentaccountid": None},
    ]
    inner = {"related": "contact_customer_accounts", "where": compare("lastname", "eq", "ok")}
    nested = {"related": "parentaccountid", "where": inner}
    assert holds(simulate, nested, rows) == [True, False, False]
    assert holds(simulate, {**nested, "exists": False}, rows) == [False, True, True]
    assert holds(simulate, {"related": "parentaccountid"}, rows) == [True, True, False]


def test_a_list_of_conditions_and_its_complement_are_two_valued(simulate: Simulate) -> None:
    rows: list[dict[str, Any]] = [{}, {"subject": "x"}, {"subject": "y"}]
    equal = compare("subject", "eq", "x")
    assert holds(simulate, {"not": equal}, rows) == [True, False, True]
    assert holds(simulate, {"not": {"not": equal}}, rows) == [False, True, False]
    assert holds(simulate, {"not": compare("subject", "ne", "x")}, rows) == [False, True, False]
    either = {"any": [equal, {"not": compare("subject", "not-null")}]}
    assert holds(simulate, either, rows) == [True, True, False]


def test_a_hierarchy_of_accounts_is_followed_through_expanded_rows(simulate: Simulate) -> None:
    top, middle, leaf = guid(900), guid(901), guid(902)
    account = {
        "accountid": leaf,
        "_parentaccountid_value": middle,
        "parentaccountid": {"accountid": middle, "_parentaccountid_value": top},
    }
    rows: list[dict[str, Any]] = [
        {"_parentaccountid_value": leaf, "parentaccountid": account},
        {"_parentaccountid_value": top, "parentaccountid": {"accountid": top}},
        {},
    ]
    assert holds(simulate, compare("parentaccountid", "under", top), rows) == [True, False, False]
    assert holds(simulate, compare("parentaccountid", "eq-or-under", top), rows) == [
        *(True, True, False)
    ]
    assert holds(simulate, compare("parentaccountid", "not-under", top), rows)[:2] == [False, True]


# ---- FetchXML as pasted


@pytest.mark.parametrize(
    ("fetchxml", "expected"),
    [
        (
            (
                "<filter type='or'><condition attribute='leadsourcecode' operator='eq' value='7'/>"
                "<condition attribute='subject' operator='neq' value='x'/></filter>"
            ),
            [True, True, False],
        ),
        (
            (
                "<filter><condition attribute='subject' operator='in'><value>X</value>"
                "<value>y</value></condition></filter>"
            ),
            [False, False, True],
        ),
        (
            (
                f"<filter><condition attribute='ownerid' operator='eq' value='{{{ACCOUNT.upper()}}}' "
                "uitype='systemuser' uiname='Me'/></filter>"
            ),
            [True, False, False],
        ),
        (
            (
                "<fetch version='1.0'><entity name='lead'><attribute name='fullname'/>"
                "<order attribute='fullname' descending='false'/><filter type='and'>"
                "<condition attribute='subject' operator='null'/></filter></entity></fetch>"
            ),
            [True, True, False],
        ),
        (
            (
                "<entity name='lead'><link-entity name='account' from='accountid' "
                "to='parentaccountid' link-type='inner' alias='a'><filter>"
                "<condition attribute='name' operator='eq' value='Contoso'/></filter></link-entity>"
                "</entity>"
            ),
            [False, True, False],
        ),
    ],
)
def test_fetchxml_as_pasted(simulate: Simulate, fetchxml: str, expected: list[bool]) -> None:
    rows: list[dict[str, Any]] = [
        {"leadsourcecode": 7, "_ownerid_value": ACCOUNT},
        {"leadsourcecode": 8, "parentaccountid": {"name": "CONTOSO"}},
        {"subject": "X"},
    ]
    assert holds(simulate, {"fetchxml": fetchxml}, rows) == expected


TASK_LINK = "<link-entity name='task' from='regardingobjectid' to='leadid' "
TASK_FILTER = "<filter><condition attribute='subject' operator='like' value='%b%'/></filter>"


@pytest.mark.parametrize(
    ("fetchxml", "expected"),
    [
        (f"{TASK_LINK} link-type='inner' alias='t'>{TASK_FILTER}</link-entity>", [1, 0, 0]),
        (f"<filter>{TASK_LINK} link-type='any'>{TASK_FILTER}</link-entity></filter>", [1, 0, 0]),
        (
            f"<filter>{TASK_LINK} link-type='not any'>{TASK_FILTER}</link-entity></filter>",
            [0, 1, 1],
        ),
        (
            (
                f"{TASK_LINK} link-type='outer' alias='t'>{TASK_FILTER}</link-entity><filter>"
                "<condition entityname='t' attribute='activityid' operator='null'/></filter>"
            ),
            [0, 1, 1],
        ),
        (
            (
                f"{TASK_LINK} link-type='outer' alias='t'/><filter>"
                "<condition entityname='t' attribute='activityid' operator='null'/></filter>"
            ),
            [0, 0, 1],
        ),
        (
            (
                "<link-entity name='accountleads' from='leadid' to='leadid' intersect='true'>"
                "<link-entity name='account' from='accountid' to='accountid'><filter><condition "
                "attribute='name' operator='eq' value='x'/></filter></link-entity></link-entity>"
            ),
            [0, 1, 0],
        ),
    ],
)
def test_links_to_many_rows_as_pasted(
    simulate: Simulate, fetchxml: str, expected: list[int]
) -> None:
    rows: list[dict[str, Any]] = [
        {"Lead_Tasks": [{"activityid": guid(1), "subject": "aBc"}]},
        {
            "Lead_Tasks": [{"activityid": guid(1), "subject": "c"}],
            "accountleads_association": [{"name": "X"}],
        },
        {"Lead_Tasks": []},
    ]
    found = holds(simulate, {"fetchxml": fetchxml}, rows)
    assert [int(each) for each in found] == expected


# ---- dates


def moments(column: str, *values: str) -> list[dict[str, Any]]:
    return [{column: value} for value in values]


DATE_CASES = [
    # operator, value, now, zone, cells, expected
    ("today", None, "2026-03-29T12:00:00Z", LONDON,
     ["2026-03-28T23:59:59Z", "2026-03-29T00:00:00Z", "2026-03-29T22:59:59Z",
      "2026-03-29T23:00:00Z"], [False, True, True, False]),
    ("yesterday", None, "2026-10-26T12:00:00Z", LONDON,
     ["2026-10-24T22:59:59Z", "2026-10-24T23:00:00Z", "2026-10-25T23:59:59Z",
      "2026-10-26T00:00:00Z"], [False, True, True, False]),
    ("tomorrow", None, "2026-10-24T12:00:00Z", LONDON,
     ["2026-10-24T22:59:59Z", "2026-10-24T23:00:00Z", "2026-10-25T23:59:59Z",
      "2026-10-26T00:00:00Z"], [False, True, True, False]),
    ("last-x-days", 2, "2026-03-30T11:00:00Z", LONDON,
     ["2026-03-27T23:59:59Z", "2026-03-28T00:00:00Z", "2026-03-30T10:59:59Z",
      "2026-03-30T11:00:01Z"], [False, True, True, False]),
    ("next-x-days", 1, "2026-10-24T12:00:00Z", LONDON,
     ["2026-10-24T11:59:59Z", "2026-10-24T12:00:01Z", "2026-10-25T23:59:59Z",
      "2026-10-26T00:00:00Z"], [False, True, True, False]),
    ("last-x-hours", 24, "2026-03-30T11:00:00Z", LONDON,
     ["2026-03-29T10:59:59Z", "2026-03-29T11:00:01Z"], [False, True]),
    ("olderthan-x-minutes", 30, "2026-03-29T01:10:00Z", LONDON,
     ["2026-03-29T00:39:59Z", "2026-03-29T00:40:01Z"], [True, False]),
    ("olderthan-x-hours", 2, NOON, LONDON,
     ["2026-11-23T09:59:59Z", "2026-11-23T10:00:01Z"], [True, False]),
    ("olderthan-x-days", 5, NOON, "UTC",
     ["2026-11-17T23:59:59Z", "2026-11-18T00:00:00Z"], [True, False]),
    ("olderthan-x-months", 1, "2026-03-31T12:00:00Z", "UTC",
     ["2026-02-27T23:59:59Z", "2026-02-28T00:00:00Z"], [True, False]),
    ("last-x-months", 1, "2026-03-31T12:00:00Z", "UTC",
     ["2026-02-27T23:59:59Z", "2026-02-28T00:00:00Z"], [False, True]),
    ("last-x-years", 1, "2028-02-29T12:00:00Z", "UTC",
     ["2027-02-27T23:59:59Z", "2027-02-28T00:00:00Z"], [False, True]),
    ("last-x-weeks", 1, NOON, "UTC",
     ["2026-11-15T23:59:59Z", "2026-11-16T00:00:00Z", NOON], [False, True, True]),
    ("next-x-weeks", 1, NOON, "UTC",
     ["2026-11-30T23:59:59Z", "2026-12-01T00:00:00Z"], [True, False]),
    ("this-week", None, NOON, "UTC",
     ["2026-11-21T23:59:59Z", "2026-11-22T00:00:00Z", "2026-11-28T23:59:59Z",
      "2026-11-29T00:00:00Z"], [False, True, True, False]),
    ("last-week", None, NOON, "UTC",
     ["2026-11-14T23:59:59Z", "2026-11-15T00:00:00Z", "2026-11-21T23:59:59Z",
      "2026-11-22T00:00:00Z"], [False, True, True, False]),
    ("next-month", None, NOON, "America/New_York",
     ["2026-12-01T04:59:59Z", "2026-12-01T05:00:00Z", "2027-01-01T04:59:59Z",
      "2027-01-01T05:00:00Z"], [False, True, True, False]),
    ("this-year", None, "2026-12-31T23:30:00Z", "Asia/Tokyo",
     ["2026-12-31T14:59:59Z", "2026-12-31T15:00:00Z"], [False, True]),
    ("this-fiscal-period", None, NOON, "UTC",
     ["2026-09-30T23:59:59Z", "2026-10-01T00:00:00Z", "2026-12-31T23:59:59Z",
      "2027-01-01T00:00:00Z"], [False, True, True, False]),
    ("last-fiscal-period", None, NOON, "UTC",
     ["2026-06-30T23:59:59Z", "2026-07-01T00:00:00Z", "2026-09-30T23:59:59Z",
      "2026-10-01T00:00:00Z"], [False, True, True, False]),
    ("next-fiscal-year", None, NOON, "UTC",
     ["2026-12-31T23:59:59Z", "2027-01-01T00:00:00Z", "2028-01-01T00:00:00Z"],
     [False, True, False]),
    ("in-fiscal-period", 4, NOON, LONDON,
     ["2026-09-30T22:59:59Z", "2026-09-30T23:00:00Z", "2019-12-31T23:59:59Z"],
     [False, True, True]),
    ("in-fiscal-year", 2026, NOON, "America/New_York",
     ["2026-01-01T04:59:59Z", "2026-01-01T05:00:00Z", "2027-01-01T04:59:59Z"],
     [False, True, True]),
    ("in-fiscal-period-and-year", [4, 2026], NOON, "UTC",
     ["2026-09-30T23:59:59Z", "2026-10-01T00:00:00Z", "2025-10-01T00:00:00Z"],
     [False, True, False]),
    ("in-or-before-fiscal-period-and-year", [3, 2026], NOON, "UTC",
     ["2026-09-30T23:59:59Z", "2026-10-01T00:00:00Z", "1999-01-01T00:00:00Z"],
     [True, False, True]),
    ("in-or-after-fiscal-period-and-year", [4, 2026], NOON, "UTC",
     ["2026-09-30T23:59:59Z", "2026-10-01T00:00:00Z", "2099-01-01T00:00:00Z"],
     [False, True, True]),
    ("on", "2026-11-23T23:30:00Z", NOON, "Asia/Tokyo",
     ["2026-11-23T14:59:59Z", "2026-11-23T15:00:00Z", "2026-11-24T14:59:59Z",
      "2026-11-24T15:00:00Z"], [False, True, True, False]),
    ("on", "2026-10-25", NOON, LONDON,
     ["2026-10-24T22:59:59Z", "2026-10-24T23:00:00Z", "2026-10-25T23:59:59Z",
      "2026-10-26T00:00:00Z"], [False, True, True, False]),
    ("on-or-after", "2026-03-29", NOON, LONDON,
     ["2026-03-28T23:59:59Z", "2026-03-29T00:00:00Z"], [False, True]),
    ("on-or-before", "2026-03-29", NOON, LONDON,
     ["2026-03-29T22:59:59Z", "2026-03-29T23:00:00Z"], [True, False]),
    ("gt", "2026-11-23T10:00:00+01:00", NOON, "UTC",
     ["2026-11-23T09:00:00Z", "2026-11-23T09:00:01Z"], [False, True]),
    ("ge", "2026-11-23T10:00:00-05:00", NOON, "UTC",
     ["2026-11-23T14:59:59Z", "2026-11-23T15:00:00Z", "2026-11-23T09:59:59-05:00",
      "2026-11-23T10:00:00-05:00"], [False, True, False, True]),
    ("between", ["2026-11-01", "2026-11-02T12:00:00Z"], NOON, "UTC",
     ["2026-10-31T23:59:59Z", "2026-11-01T00:00:00Z", "2026-11-02T12:00:00Z",
      "2026-11-02T12:00:01Z"], [False, True, True, False]),
]  # fmt: skip


@pytest.mark.parametrize(("operator", "value", "now", "zone", "cells", "expected"), DATE_CASES)
def test_dates_in_the_rule_sets_time_zone(
    simulate: Simulate,
    *,
    operator: str,
    value: Any,
    now: str,
    zone: str,
    cells: list[str],
    expected: list[bool],
) -> None:
    condition = compare("lastusedincampaign", operator, value)
    rows = moments("lastusedincampaign", *cells)
    assert holds(simulate, condition, rows, now=now, time_zone=zone) == expected
    custom = compare("new_when", operator, value)
    rows = moments("new_when", *cells)
    assert holds(simulate, custom, rows, now=now, time_zone=zone) == expected
    none = holds(simulate, condition, [{}], now=now, time_zone=zone)
    assert none == [False]


@pytest.mark.parametrize(
    ("operator", "value", "now", "zone", "days", "expected"),
    [
        ("today", None, "2026-11-23T03:00:00Z", "America/New_York", "21 22 23", [0, 1, 0]),
        ("last-x-days", 2, NOON, "UTC", "20 21 23 24", [0, 1, 1, 0]),
        ("next-x-days", 1, NOON, "UTC", "22 23 24 25", [0, 1, 1, 0]),
        ("last-x-weeks", 1, NOON, "UTC", "15 16 23 24", [0, 1, 1, 0]),
        ("olderthan-x-days", 2, NOON, "UTC", "20 21 23", [1, 0, 0]),
        ("on", "2026-11-23T23:30:00Z", NOON, "Asia/Tokyo", "23 24 25", [0, 1, 0]),
        ("on-or-before", "2026-11-22", NOON, "UTC", "22 23", [1, 0]),
        ("this-week", None, NOON, "UTC", "21 22 28 29", [0, 1, 1, 0]),
        ("gt", "2026-11-22", NOON, "America/New_York", "21 22 23", [0, 0, 1]),
        ("eq", "2026-11-22", NOON, "America/New_York", "21 22 23", [0, 1, 0]),
        ("between", ["2026-11-21", "2026-11-22"], NOON, "Asia/Tokyo", "20 21 22 23", [0, 1, 1, 0]),
    ],
)
def test_a_column_of_days_is_compared_by_days(
    simulate: Simulate,
    *,
    operator: str,
    value: Any,
    now: str,
    zone: str,
    days: str,
    expected: list[int],
) -> None:
    condition = compare("estimatedclosedate", operator, value)
    rows = moments("estimatedclosedate", *(f"2026-11-{day}" for day in days.split()))
    found = holds(simulate, condition, rows, now=now, time_zone=zone)
    assert [int(each) for each in found] == expected


def test_the_week_and_the_fiscal_year_are_settings(simulate: Simulate) -> None:
    sunday = moments("createdon", "2026-11-22T12:00:00Z")
    assert holds(simulate, compare("createdon", "last-week"), sunday) == [False]
    assert holds(simulate, compare("createdon", "last-week"), sunday, week_starts_on="monday") == [
        True
    ]
    april = moments("createdon", "2026-03-31T12:00:00Z", "2026-04-01T00:00:00Z")
    first = compare("createdon", "in-fiscal-period", 1)
    assert holds(simulate, first, april, fiscal_year_start="04-01") == [False, True]


# ---- YAML


def run_yaml(simulate: Simulate, text: str, rows: list[dict[str, Any]]) -> Any:
    (simulate.folder / "rules.yaml").write_text(text, encoding="utf-8")
    records = [lead(number, **columns) for number, columns in enumerate(rows, start=10)]
    return simulate(simulate.folder / "rules.yaml", {"sellers": []}, records)


def test_yaml_words_and_dates_are_text(simulate: Simulate) -> None:
    text = """
version: 1
segments:
  - name: no
    table: lead
    priority: 1
    when: {column: address1_country, operator: in, value: [NO, on, yes, off]}
  - name: 2026-11-23
    table: lead
    priority: 2
    when: {column: createdon, operator: on, value: 2026-11-22}
  - name: nothing
    table: lead
    priority: 3
    when: {all: [{column: subject, operator: null}, {column: telephone1, operator: eq, value: "0123"}]}
  - {name: on, table: lead, default: true}
"""
    rows: list[dict[str, Any]] = [
        {"address1_country": "no", "subject": "s"},
        {"createdon": "2026-11-22T09:00:00Z", "subject": "s"},
        {"telephone1": "0123"},
        {"subject": "s"},
    ]
    done = run_yaml(simulate, text, rows)
    assert done.code == 0, done.err
    assert [line["segment"] for line in done.lines] == ["no", "2026-11-23", "nothing", "on"]


def test_a_segment_without_when_that_is_not_the_default_is_an_error(simulate: Simulate) -> None:
    segments = [{"name": "S", "table": "lead", "priority": 1}]
    done = simulate({"segments": segments}, {"sellers": []}, [lead(10)])
    assert done.code == 2
    assert "rules.json:" in done.err
    assert "when" in done.err


def test_the_sellers_of_a_team_of_managers(simulate: Simulate) -> None:
    boss, middle, worker = guid(1), guid(2), guid(3)
    sellers = [
        seller_entry(1, "Boss"),
        seller_entry(2, "Middle", _parentsystemuserid_value=boss),
        seller_entry(3, "Worker", _parentsystemuserid_value=middle),
        seller_entry(4, "Stranger"),
    ]
    for operator, value, expected in (
        ("under", boss, {"Middle", "Worker"}),
        ("eq-or-under", middle, {"Middle", "Worker"}),
        ("above", worker, {"Boss", "Middle"}),
        ("eq-or-above", middle, {"Boss", "Middle"}),
    ):
        rules = {
            "segments": [{"name": "All", "table": "lead", "default": True}],
            "rules": [
                {
                    "name": "R",
                    "table": "lead",
                    "segment": "All",
                    "assign_to": {
                        "sellers": {"matching": compare("systemuserid", operator, value)}
                    },
                }
            ],
        }
        done = simulate(rules, {"sellers": sellers}, [lead(n) for n in range(10, 14)])
        assert done.code == 0, done.err
        assert set(done.owners) == expected, operator


def test_output_is_one_json_object_a_line(simulate: Simulate) -> None:
    rules = {"segments": [{"name": 'Ünï "x"', "table": "lead", "default": True}]}
    done = simulate(rules, {"sellers": []}, [lead(10), lead(11)])
    assert [json.loads(line)["segment"] for line in done.out.splitlines()] == ['Ünï "x"'] * 2
