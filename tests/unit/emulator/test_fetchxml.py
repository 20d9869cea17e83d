"""FetchXML: columns, joins, filters, order, paging with cookies, aggregates, and its refusals."""

import re
from collections.abc import Callable
from html import escape
from urllib.parse import unquote

import pytest

from connector.emulator.protocol.errors import ODataError
from connector.emulator.query.fetch.fetchxml import parse_fetchxml
from connector.emulator.query.fetch.plan import plan_fetch, run_fetch
from connector.emulator.query.sql.context import QueryContext
from connector.emulator.query.sql.results import CellPage
from connector.emulator.storage.database import Storage
from tests.unit.emulator.conftest import CHILD, ROOT, ZOE, guid

Fetch = Callable[..., CellPage]


@pytest.fixture
def fetch(storage: Storage, context: QueryContext) -> Fetch:
    def run(text: str, name: str = "lead", **more: bool) -> CellPage:
        plan = plan_fetch(storage.catalog.tables[name], parse_fetchxml(text), context)
        return run_fetch(plan, storage.connection, **more)

    return run


def rows(page: CellPage) -> list[dict[str, object]]:
    return [{cell.key: cell.value for cell in row.cells} for row in page.rows]


def numbers(page: CellPage) -> list[int]:
    return [int(str(row.id).rpartition("-")[2], 16) - 100 for row in page.rows]


def entity(inner: str, head: str = "", name: str = "lead") -> str:
    return f'<fetch {head}><entity name="{name}">{inner}</entity></fetch>'


def where(*conditions: str, kind: str = "and") -> str:
    return entity(f'<attribute name="leadid"/><filter type="{kind}">{"".join(conditions)}</filter>')


def condition(attribute: str, operator: str, *values: object, **more: str) -> str:
    extra = "".join(f' {name}="{value}"' for name, value in more.items())
    inner = "".join(f"<value>{escape(str(value))}</value>" for value in values[1:])
    single = f' value="{escape(str(values[0]))}"' if values else ""
    if len(values) > 1:
        single, inner = "", f"<value>{escape(str(values[0]))}</value>{inner}"
    return f'<condition attribute="{attribute}" operator="{operator}"{single}{extra}>{inner}</condition>'


def test_null_columns_are_left_out_and_the_key_comes_along(fetch: Fetch) -> None:
    page = fetch(entity('<attribute name="subject"/><attribute name="ownerid"/>'))
    assert rows(page)[4] == {"_ownerid_value": guid(2), "leadid": guid(104)}
    assert page.rows[0].version == 20
    owner = page.rows[2].cells[1]
    assert (owner.key, owner.target) == ("_ownerid_value", "team")


@pytest.mark.parametrize("inner", ["<all-attributes/>", ""])
def test_all_attributes_is_the_same_as_none(fetch: Fetch, inner: str) -> None:
    assert {"subject", "revenue", "versionnumber"} <= set(rows(fetch(entity(inner)))[0])


def test_aliases_rename_and_money_brings_its_currency(fetch: Fetch) -> None:
    plan = fetch(entity('<attribute name="revenue" alias="amount"/>', head='top="1"'))
    assert rows(plan) == [{"amount": 0, "leadid": guid(100)}]


@pytest.mark.parametrize(
    ("conditions", "expected"),
    [
        ([condition("statecode", "eq", 0)], [0, 3, 6]),
        ([condition("subject", "ne", "fleet")], [0, 1, 2, 3, 4, 6, 7]),
        ([condition("subject", "neq", "fleet")], [0, 1, 2, 3, 4, 6, 7]),
        ([condition("subject", "like", "%LEET%")], [0, 1, 5]),
        ([condition("subject", "not-like", "%leet%")], [2, 3, 4, 6, 7]),
        ([condition("subject", "begins-with", "fleet")], [0, 1, 5]),
        ([condition("subject", "not-begin-with", "fleet")], [2, 3, 4, 6, 7]),
        ([condition("subject", "ends-with", "n")], [3, 7]),
        ([condition("subject", "not-end-with", "n")], [0, 1, 2, 4, 5, 6]),
        ([condition("subject", "null")], [4]),
        ([condition("subject", "not-null"), condition("statecode", "eq", 1)], [1, 7]),
        ([condition("statecode", "in", 0, 1)], [0, 1, 3, 4, 6, 7]),
        ([condition("statecode", "in", 2)], [2, 5]),
        ([condition("subject", "not-in", "fleet", "plain")], [0, 1, 2, 3, 4, 6]),
        ([condition("revenue", "between", 1000, 2002)], [1, 2]),
        ([condition("revenue", "not-between", 1000, 7000)], [0, 4, 7]),
        ([condition("donotemail", "eq", 1)], [1, 3, 5, 7]),
        ([condition("donotemail", "eq", "false")], [0, 2, 4, 6]),
        ([condition("interests", "contain-values", 1)], [0, 4]),
        ([condition("interests", "not-contain-values", 1)], [1, 3, 5, 7]),
        ([condition("ownerid", "eq-userid")], [0, 3, 6]),
        ([condition("ownerid", "eq", f"{{{ZOE.upper()}}}")], [0, 3, 6]),
        ([condition("createdon", "on", "2026-03-12")], [1]),
        ([condition("createdon", "last-x-days", 1)], [6, 7]),
        ([condition("closedate", "this-month")], [2]),
        ([condition("parentaccountid", "eq-or-under", CHILD)], [1, 2, 5, 6]),
        ([condition("subject", "eq", valueof="description")], [1, 3, 5, 7]),
    ],
)
def test_operators_find_rows(fetch: Fetch, conditions: list[str], expected: list[int]) -> None:
    assert numbers(fetch(where(*conditions))) == expected


def test_filters_nest_and_join_by_or(fetch: Fetch) -> None:
    inner = f'<filter type="or">{condition("statecode", "eq", 1)}{condition("subject", "null")}</filter>'
    assert numbers(fetch(where(inner, condition("donotemail", "eq", 0)))) == [4]
    both = where(condition("statecode", "eq", 2), condition("subject", "null"), kind="or")
    assert numbers(fetch(both)) == [2, 4, 5]
    assert len(fetch(where("<filter/>")).rows) == 8


LINK = (
    '<attribute name="subject"/><link-entity name="account" from="accountid" to="parentaccountid" '
    'link-type="{kind}" alias="a"><attribute name="name"/><attribute name="parentaccountid"/>'
    "{inner}</link-entity>{after}"
)


def test_inner_and_outer_links_return_aliased_columns(fetch: Fetch) -> None:
    inner = rows(fetch(entity(LINK.format(kind="inner", inner="", after=""))))
    outer = rows(fetch(entity(LINK.format(kind="outer", inner="", after=""))))
    assert (len(inner), len(outer)) == (6, 8)
    assert inner[1]["a.name"] == "Contoso UK"
    assert inner[1]["a.parentaccountid"] == ROOT
    assert "a.name" not in outer[3]


def test_a_filter_inside_a_link_works_before_and_entityname_after_the_join(fetch: Fetch) -> None:
    on_join = f"<filter>{condition('name', 'eq', 'Contoso')}</filter>"
    after = f"<filter>{condition('name', 'eq', 'Contoso', entityname='a')}</filter>"
    assert len(fetch(entity(LINK.format(kind="outer", inner=on_join, after=""))).rows) == 8
    assert len(fetch(entity(LINK.format(kind="inner", inner=on_join, after=""))).rows) == 2
    assert len(fetch(entity(LINK.format(kind="outer", inner="", after=after))).rows) == 2


def test_links_nest_and_columns_compare_across_tables(fetch: Fetch) -> None:
    nested = (
        '<link-entity name="account" from="accountid" to="parentaccountid" alias="p">'
        '<attribute name="name"/></link-entity>'
    )
    found = rows(fetch(entity(LINK.format(kind="outer", inner=nested, after=""))))
    assert [row.get("p.name") for row in found[:4]] == [None, "Contoso", "Contoso UK", None]
    assert len(found) == 8
    compare = f"<filter>{condition('subject', 'ne', valueof='a.name')}</filter>"
    assert len(fetch(entity(LINK.format(kind="inner", inner="", after=compare))).rows) == 5


def test_many_to_many_goes_through_the_intersect_table(fetch: Fetch) -> None:
    inner = (
        '<attribute name="subject"/><link-entity name="lead_tag" from="leadid" to="leadid" '
        'intersect="true"><link-entity name="tag" from="tagid" to="tagid" alias="t">'
        '<attribute name="name"/></link-entity></link-entity>'
    )
    found = rows(fetch(entity(inner)))
    assert sorted(str(row["t.name"]) for row in found) == ["cold", "hot", "hot"]


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("any", {"Contoso", "Contoso UK"}),
        ("not any", {"Contoso London", "Fabrikam"}),
        ("all", {"Contoso London"}),
        ("not all", {"Contoso", "Contoso UK"}),
    ],
)
def test_links_in_filters_only_filter(fetch: Fetch, kind: str, expected: set[str]) -> None:
    link = (
        f'<link-entity name="lead" from="parentaccountid" to="accountid" link-type="{kind}">'
        f"<filter>{condition('statecode', 'eq', 1)}</filter></link-entity>"
    )
    page = fetch(
        entity(f'<attribute name="name"/><filter>{link}</filter>', name="account"), "account"
    )
    assert {str(row["name"]) for row in rows(page)} == expected


@pytest.mark.parametrize("kind", ["exists", "in"])
def test_existence_links_do_not_multiply_rows(fetch: Fetch, kind: str) -> None:
    link = f'<link-entity name="lead" from="parentaccountid" to="accountid" link-type="{kind}"/>'
    page = fetch(entity(f'<attribute name="name"/>{link}', name="account"), "account")
    assert len(page.rows) == 3


def test_choices_sort_by_label_and_lookups_by_name(fetch: Fetch) -> None:
    by_state = fetch(entity('<attribute name="statecode"/><order attribute="statecode"/>'))
    assert [row["statecode"] for row in rows(by_state)] == [2, 2, 0, 0, 0, 1, 1, 1]
    by_owner = fetch(
        entity('<attribute name="ownerid"/><order attribute="ownerid" descending="true"/>')
    )
    assert rows(by_owner)[0]["_ownerid_value"] == ZOE


def next_page(text: str, page: CellPage, number: int) -> str:
    assert page.paging_cookie is not None
    match = re.fullmatch(
        rf'<cookie pagenumber="{number}" pagingcookie="([^"<]*)" istracking="False" />',
        page.paging_cookie,
    )
    assert match is not None
    cookie = escape(unquote(unquote(match.group(1))))
    head = re.sub(r' (page|paging-cookie)="[^"]*"', "", text)
    return head.replace("<fetch ", f'<fetch page="{number}" paging-cookie="{cookie}" ', 1)


@pytest.mark.parametrize(
    "inner",
    [
        '<attribute name="subject"/>',
        '<attribute name="subject"/><order attribute="subject" descending="true"/>',
        '<attribute name="subject"/><order attribute="statecode"/><order attribute="ownerid"/>',
        (
            '<attribute name="subject"/><link-entity name="account" from="accountid" '
            'to="parentaccountid" link-type="outer"><attribute name="name"/></link-entity>'
        ),
    ],
)
def test_cookies_lead_through_all_pages(fetch: Fetch, inner: str) -> None:
    whole = numbers(fetch(entity(inner)))
    text, found, number = entity(inner, head='count="3" page="1"'), list[int](), 1
    while True:
        page = fetch(text)
        found += numbers(page)
        if not page.more_records:
            break
        number += 1
        text = next_page(text, page, number)
    assert found == whole
    assert page.paging_cookie is None


def test_rows_multiplied_by_a_join_are_paged_without_loss(fetch: Fetch) -> None:
    inner = (
        '<attribute name="name"/><link-entity name="lead" from="parentaccountid" to="accountid" '
        'alias="l"><attribute name="subject"/></link-entity>'
    )
    text, found, number = entity(inner, head='count="1"', name="account"), 0, 1
    while True:
        page = fetch(text, "account")
        found += len(page.rows)
        if not page.more_records:
            break
        number += 1
        text = next_page(text, page, number)
    assert found == 6


def test_page_numbers_alone_work_too(fetch: Fetch) -> None:
    inner = '<attribute name="leadid"/>'
    assert numbers(fetch(entity(inner, head='count="3" page="3"'))) == [6, 7]
    with pytest.raises(ODataError, match="limited to 50,000 rows"):
        fetch(entity(inner, head='count="5000" page="11"'))


def test_orders_by_joined_columns_give_no_cookie(fetch: Fetch) -> None:
    inner = LINK.format(kind="inner", inner='<order attribute="name"/>', after="")
    page = fetch(entity(inner, head='count="2"'))
    assert (page.more_records, page.paging_cookie) == (True, None)
    assert [row["a.name"] for row in rows(page)] == ["Contoso", "Contoso"]


def test_a_foreign_cookie_is_refused(fetch: Fetch) -> None:
    first = fetch(entity('<attribute name="subject"/>', head='count="2"'))
    text = next_page(entity('<attribute name="statecode"/>', head='count="2"'), first, 2)
    with pytest.raises(ODataError, match="Malformed XML in the Paging Cookie"):
        fetch(text)


def test_top_total_and_distinct(fetch: Fetch) -> None:
    top = fetch(entity('<attribute name="subject"/>', head='top="2"'), count=True)
    assert (len(top.rows), top.more_records, top.total) == (2, False, 8)
    total = fetch(entity("", head='count="1" returntotalrecordcount="true"'))
    assert total.total == 8
    distinct = fetch(entity('<attribute name="statecode"/>', head='distinct="true"'), count=True)
    assert rows(distinct) == [{"statecode": 0}, {"statecode": 1}, {"statecode": 2}]
    assert distinct.total == 3


def test_aggregates_group_by_columns_and_date_parts(fetch: Fetch) -> None:
    inner = (
        '<attribute name="revenue" aggregate="sum" alias="sum"/>'
        '<attribute name="revenue" aggregate="avg" alias="avg"/>'
        '<attribute name="leadid" aggregate="count" alias="n"/>'
        '<attribute name="interests" aggregate="countcolumn" distinct="true" alias="kinds"/>'
        '<attribute name="statecode" groupby="true" alias="state"/>'
        '<order alias="sum" descending="true"/>'
    )
    found = rows(fetch(entity(inner, head='aggregate="true"')))
    assert found[0] == {"sum": 9004.5, "avg": 3001.5, "n": 3, "kinds": 2, "state": 0}
    assert [row["state"] for row in found] == [0, 1, 2]
    parts = "".join(
        f'<attribute name="createdon" groupby="true" dategrouping="{part}" alias="{part.replace("-", "_")}"/>'
        for part in ("day", "week", "month", "quarter", "year", "fiscal-period", "fiscal-year")
    )
    first = rows(fetch(entity(parts, head='aggregate="true" count="1"')))[0]
    assert first == {
        "day": 11,
        "week": 11,
        "month": 3,
        "quarter": 1,
        "year": 2026,
        "fiscal_period": 202601,
        "fiscal_year": 2026,
    }


def test_an_average_of_whole_numbers_is_cut(fetch: Fetch) -> None:
    inner = '<attribute name="employees" aggregate="avg" alias="a"/>'
    page = fetch(entity(inner, head='aggregate="true"', name="account"), "account")
    assert rows(page) == [{"a": 18}]


def test_the_aggregate_limit_may_be_lowered(fetch: Fetch) -> None:
    inner = '<attribute name="leadid" aggregate="count" alias="n"/>'
    with pytest.raises(ODataError) as refusal:
        fetch(entity(inner, head='aggregate="true" aggregatelimit="7"'))
    assert refusal.value.code == "0x8004e023"


@pytest.mark.parametrize(
    ("text", "code", "message"),
    [
        ("<fetch", "0x80040203", "Invalid XML"),
        ("", "0x80040203", "Invalid XML"),
        ("<!DOCTYPE x [<!ENTITY a 'b'>]><fetch/>", "0x80040203", "document type declaration"),
        ("<x/>", "0x80040203", "must be 'fetch', not 'x'"),
        ("<fetch/>", "0x80040203", "exactly one 'entity'"),
        ('<fetch><entity name="account"/></fetch>', "0x80060888", "doesn't match the entity set"),
        (entity('<attribute name="foo"/>'), "0x80041103", "'lead' entity doesn't contain attribute"),
        (where(condition("foo", "eq", 1)), "0x80041103", "Name = 'foo' and NameMapping"),
        (
            entity('<link-entity name="foo" from="a" to="leadid"/>'),
            "0x80041102",
            "The entity with a name = 'foo' with namemapping = 'Logical' was not found",
        ),
        (entity('<link-entity name="tag" to="leadid"/>'), "0x80040203", "'from' is missing"),
        (entity('<link-entity name="tag" from="tagid" to="leadid" link-type="x"/>'), "0x80060888", "'x'"),
        (entity("<foo/>"), "0x80040203", "Invalid child element 'foo'"),
        (where("<foo/>"), "0x80040203", "Invalid child element 'foo'"),
        (where(kind="xor"), "0x80040203", "must be 'and' or 'or', not 'xor'"),
        (where(condition("statecode", "is")), "0x80040203", "operator 'is' is not valid"),
        (where(condition("statecode", "like", "1")), "0x80040203", "operator 'like' is not valid"),
        (where(condition("statecode", "eq", "x")), "0x80040203", "The value 'x' is not valid"),
        (where(condition("statecode", "eq")), "0x80040203", "requires 1 value"),
        (where(condition("statecode", "null", 1)), "0x80040203", "requires 0 value"),
        (where(condition("name", "eq", 1, entityname="q")), "0x80040203", "alias 'q' is not defined"),
        (where(condition("subject", "eq", valueof="statecode")), "0x80040203", "can't be compared"),
        (entity("", head='top="1" page="2"'), "0x80040203", "The top attribute can't be specified"),
        (entity("", head='count="x"'), "0x80040203", "must be a number, not 'x'"),
        (entity("", head='distinct="maybe"'), "0x80040203", "must be true or false"),
        (entity("<order/>"), "0x80040203", "needs an 'attribute' or an 'alias'"),
        (entity('<order alias="x"/>'), "0x80040203", "alias 'x' of an 'order' element"),
        (entity('<attribute name="subject"/>', head='aggregate="true"'), "0x80040203", "needs an alias"),
        (entity("", head='aggregate="true"'), "0x80040203", "needs at least one attribute"),
        (
            entity('<attribute name="subject" alias="a" aggregate="sum"/>', head='aggregate="true"'),
            "0x80040203",
            "can't be used with the attribute 'subject'",
        ),
        (
            entity('<attribute name="subject" alias="a" aggregate="foo"/>', head='aggregate="true"'),
            "0x80040203",
            "needs a valid aggregate or groupby",
        ),
        (
            entity(
                '<attribute name="createdon" alias="a" groupby="true" dategrouping="eon"/>',
                head='aggregate="true"',
            ),
            "0x80040203",
            "'eon' is not known",
        ),
        (where("<filter>" * 60 + "</filter>" * 60), "0x80040203", "nested too deeply"),
        (where(*[condition("statecode", "eq", 1)] * 501), "0x8004430c", "Number of conditions"),
        (
            entity('<link-entity name="tag" from="tagid" to="leadid"/>' * 16),
            "0x8004430d",
            "Number of link entities",
        ),
        (entity('<attribute name="leadid" rowaggregate="CountChildren"/>'), "0x80060888", "rowaggregate"),
        (
            entity('<link-entity name="tag" from="tagid" to="leadid" alias="x"/>' * 2),
            "0x80040203",
            "used by more than one link-entity",
        ),
    ],
)  # fmt: skip
def test_fetchxml_refusals(fetch: Fetch, text: str, code: str, message: str) -> None:
    with pytest.raises(ODataError) as refusal:
        fetch(text)
    assert refusal.value.code == code
    assert message in refusal.value.message
