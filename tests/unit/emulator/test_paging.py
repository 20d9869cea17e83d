"""Pages follow one another without gap or repeat; cookies have Dataverse's shape and are sealed."""

import re
from urllib.parse import quote, unquote

import pytest

from connector.emulator.protocol.errors import ODataError
from connector.emulator.query.odata.execution import next_query
from connector.emulator.query.sql.results import ResultPage
from connector.emulator.storage.database import Storage
from tests.unit.emulator.conftest import Reader


def walk(read: Reader, query: str, page_size: int) -> list[ResultPage]:
    pages = [read(query, page_size=page_size)]
    while pages[-1].next_token is not None:
        query = next_query(query, pages[-1].next_token)
        pages.append(read(query, page_size=page_size))
    return pages


@pytest.mark.parametrize("page_size", [1, 2, 3, 7, 8, 9])
@pytest.mark.parametrize(
    "order",
    [
        "",
        "subject",
        "subject desc",
        "_parentaccountid_value desc,revenue",
        "_ownerid_value,subject desc",
        "parentaccountid/name desc",
        "donotemail desc,closedate",
        "leadid desc",
        "interests,score desc",
    ],
)
def test_pages_add_up_to_the_whole_in_order(read: Reader, order: str, page_size: int) -> None:
    query = "$select=subject" + (f"&$orderby={order}" if order else "")
    whole = [row.id for row in read(query).rows]
    pages = walk(read, query, page_size)
    assert [row.id for page in pages for row in page.rows] == whole
    assert len(whole) == 8
    assert all(len(page.rows) == page_size for page in pages[:-1])
    assert pages[-1].rows


def test_nulls_come_first_ascending_and_last_descending(read: Reader) -> None:
    ascending = [row.values["subject"] for row in read("$orderby=subject,leadid").rows]
    descending = [row.values["subject"] for row in read("$orderby=subject desc,leadid").rows]
    assert ascending == [
        None, "FLEET", "Fleet 100%", "fleet_renewal", "O'Brien", "plain", "x%y", "Ümlaut [a]",
    ]  # fmt: skip
    assert descending == list(reversed(ascending))


def test_a_lookup_sorts_by_the_name_of_its_row(read: Reader) -> None:
    rows = read("$select=_ownerid_value&$orderby=_ownerid_value,leadid").rows
    kinds = [row.values["ownerid"] for row in rows]
    assert kinds == sorted(
        kinds, key=lambda owner: {"2": "Abe", "5": "North", "1": "Zoe"}[str(owner)[-1]]
    )


def test_the_token_has_dataverses_shape(read: Reader) -> None:
    token = read("$select=subject", page_size=2).next_token
    assert token is not None
    assert re.fullmatch(
        r"%3Ccookie%20pagenumber=%222%22%20pagingcookie=%22[^\"&#+ ]*%22%20istracking=%22False%22%20/%3E",
        token,
    )
    inner = unquote(re.search(r'pagingcookie="([^"]*)"', unquote(token)).group(1))  # type: ignore[union-attr]
    assert re.fullmatch(
        r'<cookie page="1"[^>]*><leadid last="\{[0-9A-F-]{36}\}" first="\{[0-9A-F-]{36}\}" /></cookie>',
        inner,
    )


@pytest.mark.parametrize(
    "change",
    [
        lambda token: token.replace("65%257d", "64%257d"),
        lambda token: token.replace("pagenumber=%222", "pagenumber=%223"),
        lambda token: token[:-3],
        lambda token: "x",
        lambda token: "%3Ccookie%20/%3E",
        lambda token: token.replace("check", "chekc"),
    ],
)
def test_a_changed_token_is_refused(read: Reader, change: object) -> None:
    token = read("$select=subject", page_size=2).next_token
    assert token is not None
    changed = change(token)  # type: ignore[operator]
    assert changed != token
    with pytest.raises(ODataError) as refusal:
        read(f"$select=subject&$skiptoken={changed}", page_size=2)
    assert refusal.value.code == "0x80060888"


def test_a_token_fits_only_its_own_query(read: Reader) -> None:
    token = read("$select=subject&$orderby=subject", page_size=2).next_token
    with pytest.raises(ODataError):
        read(f"$select=subject&$orderby=subject desc&$skiptoken={token}", page_size=2)


def test_the_next_query_keeps_the_options_verbatim() -> None:
    raw = "$select=a%20b&tag=%2B&%24skiptoken=old"
    assert next_query(raw, "new") == "$select=a%20b&tag=%2B&$skiptoken=new"


def test_top_limits_without_next_page_and_gives_way_to_a_page_size(read: Reader) -> None:
    assert len(read("$top=3").rows) == 3
    assert read("$top=3").next_token is None
    assert read("$top=0").rows == []
    paged = read("$top=3", page_size=2)
    assert (len(paged.rows), paged.next_token is not None) == (2, True)


def test_count_counts_the_filter_not_the_page(read: Reader) -> None:
    page = read("$filter=statecode eq 0&$count=true&$top=1")
    assert (len(page.rows), page.total, page.total_exceeded) == (1, 3, False)
    assert read("$top=1").total is None


def test_count_is_capped_at_five_thousand(read: Reader, storage: Storage) -> None:
    table = storage.catalog.tables["tag"]
    with storage.transaction():
        storage.insert_rows(
            table, [{"tagid": f"x{number}", "versionnumber": 1} for number in range(5001)]
        )
        page = read("$count=true&$top=1", name="tag")
        storage.connection.execute("DELETE FROM tag WHERE tagid LIKE 'x%'")
    assert (page.total, page.total_exceeded) == (5000, True)


def test_text_with_markup_survives_the_cookie(read: Reader, storage: Storage) -> None:
    names = ['<a b="c">', "&amp;'", "per%cent+plus", "tab\tnew\nline", "ünï"]
    with storage.transaction():
        storage.insert_rows(
            storage.catalog.tables["tag"],
            [
                {
                    "tagid": f"00000000-0000-0000-0000-00000000f00{number}",
                    "name": name,
                    "versionnumber": 1,
                }
                for number, name in enumerate(names)
            ],
        )
        pages = walk(lambda query, **more: read(query, name="tag", **more), "$orderby=name", 1)
        storage.connection.execute("DELETE FROM tag WHERE tagid LIKE '%-00000000f00_'")
    found = [row.values["name"] for page in pages for row in page.rows]
    assert sorted(str(name) for name in found) == sorted([*names, "hot", "cold"])


def test_only_known_order_keys_are_accepted(read: Reader) -> None:
    for text, message in (
        ("foo", "Could not find a property named 'foo'"),
        ("subject up", "Syntax error at position 8"),
        ("'x'", "must be a property"),
        ("lead_tags/name", "not a single value"),
        (quote("contains(subject,'x')"), "must be a property"),
    ):
        with pytest.raises(ODataError, match=re.escape(message)):
            read(f"$orderby={text}")
