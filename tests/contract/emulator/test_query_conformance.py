"""Queries over HTTP: options, encoding, pages, aggregates, FetchXML and `$batch` as clients send them."""

import re
from typing import Any
from urllib.parse import quote, unquote

import pytest

from tests.contract.emulator.conftest import Api, error_of

EVERYTHING = {"Prefer": 'odata.include-annotations="*"'}
FORMATTED = "OData.Community.Display.V1.FormattedValue"


def test_percent_plus_and_quotes_in_a_filter_are_decoded_once(api: Api) -> None:
    subject = "100% + O'Brien & #1 ünï"
    api.create("leads", {"subject": subject, "lastname": "X"})
    literal = quote(subject.replace("'", "''").replace("%", "[%]"))
    assert len(api.rows(f"leads?$filter=subject+eq+'{literal}'&$select=subject")) == 1


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("$skip=1", "Skip Clause is not supported in CRM"),
        ("$search=x", "Search Clause is not supported in CRM"),
        ("$format=json", "$format is not supported"),
        ("$Filter=true", "is not recognized"),
        ("$filter=foo eq 1", "Could not find a property named 'foo'"),
        ("$filter=subject eq", "Expression expected at position 10 in 'subject eq'."),
        ("$select=foo", "Could not find a property named 'foo'"),
        ("$orderby=foo", "Could not find a property named 'foo'"),
        ("$expand=foo", "Could not find a property named 'foo'"),
        ("$top=x", "requires a non-negative integer value"),
        ("$skiptoken=x", "Malformed XML in the Paging Cookie"),
    ],
)
def test_what_a_query_may_not_hold_is_refused_with_its_text(
    api: Api, query: str, message: str
) -> None:
    answer = api.get(f"leads?{query}")
    assert error_of(answer) == (400, "0x80060888")
    assert message in answer.json()["error"]["message"]


@pytest.mark.parametrize("query", ["$filter=statecode in (0)", "$apply=topcount(1,revenue)"])
def test_what_is_not_served_answers_501_and_names_it(api: Api, query: str) -> None:
    answer = api.get(f"leads?{query}")
    assert answer.status_code == 501
    assert len(answer.json()["error"]["message"]) > 20


def test_next_links_lead_to_the_end_when_the_page_size_is_sent_again(api: Api) -> None:
    headers = {"Prefer": "odata.maxpagesize=7"}
    whole = [row["leadid"] for row in api.rows("leads?$select=leadid&$orderby=createdon desc")]
    found: list[str] = []
    link: str | None = "leads?$select=leadid&$orderby=createdon desc"
    while link is not None:
        answer = api.get(link, headers=headers)
        assert answer.headers["Preference-Applied"] == "odata.maxpagesize=7"
        document = answer.json()
        assert len(document["value"]) <= 7
        found += [row["leadid"] for row in document["value"]]
        link = document.get("@odata.nextLink")
    assert found == whole


def test_aggregates_are_typed_and_formatted(api: Api) -> None:
    rows = api.rows(
        "leads?$apply=groupby((statecode),aggregate($count as n,revenue with sum as total))",
        headers=EVERYTHING,
    )
    assert rows[0][f"statecode@{FORMATTED}"] == "Open"
    assert rows[0][f"n@{FORMATTED}"] == str(rows[0]["n"])
    assert sum(row["n"] for row in rows) == len(api.rows("leads?$select=leadid"))
    text = api.get("leads?$apply=aggregate(revenue with sum as total)").text
    assert re.search(r'"total":\d+\.\d{4}\}', text)


FETCH = (
    '<fetch count="4"{head}><entity name="lead"><attribute name="subject"/><attribute name="ownerid"/>'
    '<link-entity name="account" from="accountid" to="parentaccountid" link-type="outer" alias="a">'
    '<attribute name="name"/></link-entity></entity></fetch>'
)


def fetch(api: Api, text: str) -> dict[str, Any]:
    answer = api.get(f"leads?fetchXml={quote(text)}", headers=EVERYTHING)
    assert answer.status_code == 200, answer.text
    document: dict[str, Any] = answer.json()
    return document


def test_fetchxml_omits_nulls_and_pages_by_its_cookie(api: Api) -> None:
    found: list[str] = []
    page, text = 1, FETCH.format(head="")
    while True:
        document = fetch(api, text)
        assert "@odata.nextLink" not in document
        assert all(value is not None for row in document["value"] for value in row.values())
        found += [row["leadid"] for row in document["value"]]
        if not document["@Microsoft.Dynamics.CRM.morerecords"]:
            break
        page += 1
        annotation = document["@Microsoft.Dynamics.CRM.fetchxmlpagingcookie"]
        cookie = re.search(r'pagingcookie="([^"]*)"', annotation)
        assert cookie is not None
        inner = unquote(unquote(cookie.group(1))).replace("<", "&lt;").replace('"', "&quot;")
        text = FETCH.format(head=f' page="{page}" paging-cookie="{inner}"')
    assert sorted(found) == sorted(row["leadid"] for row in api.rows("leads?$select=leadid"))
    assert "@Microsoft.Dynamics.CRM.fetchxmlpagingcookie" not in document


def test_fetchxml_must_fit_its_entity_set(api: Api) -> None:
    answer = api.get(f"accounts?fetchXml={quote(FETCH.format(head=''))}")
    assert error_of(answer) == (400, "0x80060888")


def test_aggregates_and_fetchxml_stay_inside_a_rows_collection(api: Api) -> None:
    account = api.create("accounts", {"name": "Owner of two"})
    for number in (1, 2):
        bind = {"parentaccountid@odata.bind": f"/accounts({account})"}
        api.create("leads", {"subject": f"inside {number}", "lastname": "X", **bind})
    collection = f"accounts({account})/lead_parent_account"
    assert api.rows(f"{collection}?$apply=aggregate($count as n)") == [{"n": 2}]
    assert len(api.rows(f"{collection}?$select=subject")) == 2
    assert api.get(f"{collection}/$count").content.removeprefix(b"\xef\xbb\xbf") == b"2"


@pytest.mark.parametrize("text", ["Kelso  ", "kelso", "KELSO "])
def test_equality_ignores_case_and_trailing_blanks(api: Api, text: str) -> None:
    api.create("leads", {"subject": "Blank", "companyname": "Kelso  "})
    fetch = (
        "<fetch><entity name='lead'><filter><condition attribute='companyname' operator='eq' "
        f"value='{text}'/></filter></entity></fetch>"
    )
    assert len(api.rows(f"leads?$filter=companyname eq '{text}'")) == 1
    assert len(api.rows(f"leads?fetchXml={quote(fetch)}")) == 1
    assert api.rows(f"leads?$filter=companyname ne '{text}' and subject eq 'Blank'") == []
    assert api.rows(f"leads?$filter=companyname eq ' {text}'") == []


def test_distinct_values_are_counted(api: Api) -> None:
    for company in ("One", "ONE ", "Two", None):
        api.create("leads", {"subject": "Distinct", "companyname": company})
    apply = "filter(subject eq 'Distinct')/aggregate(companyname with countdistinct as n)"
    assert api.rows(f"leads?$apply={apply}") == [{"n": 2}]
