"""`$select` and `$expand`: what rows show, how related rows are read, what is refused."""

import pytest

from connector.emulator.protocol.errors import ODataError
from connector.emulator.query.odata.execution import next_query
from connector.emulator.query.odata.options import parse_query_options
from connector.emulator.query.odata.plan import Parent, compile_count, row_restriction
from connector.emulator.query.sql.context import QueryContext
from connector.emulator.query.sql.results import ExpandedRow, ExpandedRows, ResultRow
from connector.emulator.storage.database import Storage
from tests.unit.emulator.conftest import CHILD, ROOT, TEAM, ZOE, Reader, guid


def single(row: ResultRow, name: str) -> ResultRow | None:
    found = row.expanded[name]
    assert isinstance(found, ExpandedRow)
    return found.row


def several(row: ResultRow, name: str) -> ExpandedRows:
    found = row.expanded[name]
    assert isinstance(found, ExpandedRows)
    return found


def test_select_keeps_order_adds_the_key_and_the_currency_of_money(read: Reader) -> None:
    row = read("$select=revenue,subject,parentaccountid,_ownerid_value,subject&$top=1").rows[0]
    assert [column.wire_name for column in row.columns] == [
        "revenue",
        "subject",
        "_parentaccountid_value",
        "_ownerid_value",
        "_transactioncurrencyid_value",
        "leadid",
    ]
    assert row.values["ownerid__type"] == "systemuser"


@pytest.mark.parametrize("text", ["*", "subject,*", ""])
def test_star_and_nothing_select_everything(read: Reader, text: str) -> None:
    row = read(f"$select={text}&$top=1").rows[0]
    assert len(row.columns) == len(row.table.columns_by_wire_name)


@pytest.mark.parametrize(
    "text", ["foo", "ownerid_value", "lead_tags", "parentaccountid/name", ",", "a b"]
)
def test_unknown_properties_cannot_be_selected(read: Reader, text: str) -> None:
    with pytest.raises(ODataError):
        read(f"$select={text}")


def test_lookups_expand_to_a_row_or_nothing(read: Reader) -> None:
    rows = read("$select=subject&$expand=parentaccountid($select=name),customerid_account").rows
    names = [
        found.values["name"] if (found := single(row, "parentaccountid")) else None for row in rows
    ]
    assert names[:4] == ["Contoso", "Contoso UK", "Contoso London", None]
    customers = [single(row, "customerid_account") is not None for row in rows[:3]]
    assert customers == [True, False, False]


def test_lookups_expand_over_several_levels(read: Reader) -> None:
    query = "$expand=parentaccountid($select=name;$expand=parentaccountid($select=name))"
    row = read(query + "&$filter=parentaccountid/name eq 'Contoso UK'&$top=1").rows[0]
    child = single(row, "parentaccountid")
    assert child is not None
    parent = single(child, "parentaccountid")
    assert parent is not None
    assert parent.values["name"] == "Contoso"


def test_an_owner_expands_to_its_principal(read: Reader) -> None:
    rows = read("$expand=ownerid&$top=3").rows
    owners = [found for row in rows if (found := single(row, "ownerid"))]
    assert [(owner.table.logical_name, owner.id) for owner in owners][::2] == [
        ("systemuser", ZOE),
        ("team", TEAM),
    ]
    assert isinstance(rows[0].expanded["ownerid"], ExpandedRow)
    assert rows[0].expanded["ownerid"].is_principal


def test_references_are_marked(read: Reader) -> None:
    found = read("$expand=parentaccountid/$ref&$top=1").rows[0].expanded["parentaccountid"]
    assert isinstance(found, ExpandedRow)
    assert found.is_reference


COLLECTION = "lead_parentaccountid_account"


def test_collections_expand_with_filter_order_and_top(read: Reader) -> None:
    query = (
        f"$select=name&$expand={COLLECTION}($select=subject;$filter=statecode ne 2;"
        "$orderby=createdon desc;$top=1)"
    )
    rows = read(query, name="account").rows
    found = [[child.id for child in several(row, COLLECTION).rows] for row in rows]
    assert found == [[guid(104)], [guid(101)], [guid(106)], []]
    assert several(rows[0], COLLECTION).link_query == (
        "$select=subject&$filter=statecode%20ne%202&$orderby=createdon%20desc&$top=1"
    )


def test_a_collection_behind_a_polymorphic_lookup_holds_its_own_kind(read: Reader) -> None:
    query = "$select=name&$expand=lead_customerid_account($select=subject)"
    rows = read(query, name="account").rows
    assert [len(several(row, "lead_customerid_account").rows) for row in rows] == [3, 0, 0, 0]


def test_a_filter_on_an_expanded_lookup_hides_what_does_not_match(read: Reader) -> None:
    rows = read("$expand=parentaccountid($filter=name eq 'Contoso')&$top=2").rows
    assert [single(row, "parentaccountid") is not None for row in rows] == [True, False]


def test_many_to_many_expands_both_ways(read: Reader) -> None:
    rows = read("$expand=lead_tags($select=name;$orderby=name)").rows
    names = [[child.values["name"] for child in several(row, "lead_tags").rows] for row in rows]
    assert names[:3] == [["cold", "hot"], [], ["hot"]]
    tags = read("$expand=tag_leads($select=subject)", name="tag").rows
    assert [len(several(tag, "tag_leads").rows) for tag in tags] == [2, 1]


def test_with_a_nested_expand_collections_are_paged(read: Reader) -> None:
    query = f"$select=name&$expand={COLLECTION}($select=subject;$expand=owninguser)"
    with pytest.raises(ODataError, match="owninguser"):
        read(query, name="account")
    query = f"$select=name&$expand={COLLECTION}($select=subject;$expand=ownerid)"
    row = read(query, name="account", page_size=1).rows[0]
    found = several(row, COLLECTION)
    assert [child.id for child in found.rows] == [guid(100)]
    assert "$skiptoken=%3Ccookie" in found.link_query


def test_the_link_of_a_paged_collection_leads_to_its_rest(read: Reader, storage: Storage) -> None:
    query = f"$expand={COLLECTION}($select=subject;$expand=ownerid)"
    row = read(query, name="account", page_size=1).rows[0]
    navigation = storage.catalog.navigation("account", COLLECTION)
    assert navigation is not None
    link = several(row, COLLECTION).link_query
    rest = read(link, parent=Parent(navigation, row.id), page_size=1)
    assert [child.id for child in rest.rows] == [guid(104)]
    assert rest.next_token is None


def test_a_filtered_collection_reads_only_the_parents_rows(
    read: Reader, storage: Storage, context: QueryContext
) -> None:
    for table, name, key, expected in (
        ("account", COLLECTION, CHILD, [101, 105]),
        ("tag", "tag_leads", guid(30), [100, 102]),
        ("account", "lead_customerid_account", ROOT, [100, 103, 106]),
    ):
        navigation = storage.catalog.navigation(table, name)
        assert navigation is not None
        parent = Parent(navigation, key)
        page = read("$select=subject", parent=parent)
        assert [row.id for row in page.rows] == [guid(number) for number in expected]
        sql = compile_count(
            storage.catalog.tables["lead"], parse_query_options(""), context, parent=parent
        )
        assert storage.query(sql.text, sql.parameters)[0][0] == len(expected)


def test_one_row_is_a_restriction(read: Reader, storage: Storage) -> None:
    page = read("", restriction=row_restriction(storage.catalog.tables["lead"], guid(103)))
    assert [row.id for row in page.rows] == [guid(103)]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("foo", "Could not find a property named 'foo' on type 'Microsoft.Dynamics.CRM.lead'."),
        ("subject", "is not a navigation property or complex property"),
        ("parentaccountid($select=foo)", "on type 'Microsoft.Dynamics.CRM.account'"),
        ("parentaccountid($top=1)", "Only $select and $filter clause can be provided"),
        ("parentaccountid($orderby=name)", "Only $select and $filter clause can be provided"),
        (
            "lead_tags($top=1),parentaccountid($expand=parentaccountid)",
            "Only $select and $filter clause can be provided",
        ),
        ("parentaccountid($expand=parentaccountid),lead_tags", "can't be part of a nested $expand"),
        (
            "lead_tags/$ref",
            "Expand with $ref is only supported on lookup type navigation property.",
        ),
        ("lead_tags/$count", "'/$count' is not supported in $expand."),
        ("lead_tags($levels=2)", "'$levels' is not supported inside $expand"),
        ("lead_tags($skip=2)", "'$skip' is not supported inside $expand"),
        ("lead_tags($count=true)", "'$count' is not supported inside $expand"),
        ("lead_tags($select=name;$select=name)", "more than once"),
        ("lead_tags($filter=name eq @p1)", "can't be used inside $expand"),
        ("lead_tags($top=x)", "Syntax error"),
        ("lead_tags(", "Syntax error"),
        ("lead_tags()", "Syntax error"),
        ("lead_tags,lead_tags", "is expanded twice"),
        ("ownerid($select=fullname)", "on type 'Microsoft.Dynamics.CRM.principal'"),
        ("", "Term '' is not valid"),
        (",".join(["lead_tags"] * 16), "Number of link entities in query exceeded"),
        ("parentaccountid($expand=" * 70, "Recursion depth exceeded"),
    ],
)
def test_expand_refusals(read: Reader, text: str, message: str) -> None:
    with pytest.raises(ODataError) as refusal:
        read(f"$expand={text}")
    assert message in refusal.value.message
    assert refusal.value.status == 400


def test_expanding_follows_pages(read: Reader) -> None:
    query = "$select=subject&$expand=parentaccountid($select=name)"
    first = read(query, page_size=3)
    second = read(next_query(query, str(first.next_token)), page_size=3)
    assert single(second.rows[0], "parentaccountid") is None
    assert single(second.rows[1], "parentaccountid") is not None
