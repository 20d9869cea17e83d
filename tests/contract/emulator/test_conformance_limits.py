"""Limits of the protocol over HTTP: pages, URLs, batches, and that a batch counts as one request."""

import pytest

from connector.emulator.loading import insert_with_versions
from connector.emulator.organization import fixed_id
from connector.emulator.throttle import Limits
from tests.contract.emulator.conftest import Api, error_of

ENVELOPE = {"Content-Type": "multipart/mixed; boundary=b"}


def part(request: str, *headers: str) -> str:
    head = ["Content-Type: application/http", "Content-Transfer-Encoding: binary", *headers]
    return "\r\n".join(["--b", *head, "", f"{request} HTTP/1.1", "", "", ""])


def batch(api: Api, *parts: str) -> tuple[int, str]:
    answer = api.call("POST", "$batch", data="".join(parts) + "--b--\r\n", headers=ENVELOPE)
    return answer.status_code, answer.text


def test_a_page_holds_at_most_five_thousand_rows(api: Api) -> None:
    organization = api.server.organization
    table = organization.catalog.tables["campaign"]
    with organization.lock:
        rows = [{"campaignid": fixed_id(f"c/{n}"), "name": f"C {n}"} for n in range(5_001)]
        insert_with_versions(organization, table, [dict(row) for row in rows])
    total = int(api.get("campaigns?$apply=aggregate($count as n)").json()["value"][0]["n"])
    for prefer in ({}, {"Prefer": "odata.maxpagesize=9999"}):
        first = api.get("campaigns?$select=name", headers=prefer).json()
        assert len(first["value"]) == 5_000
        rest = api.get(first["@odata.nextLink"], headers=prefer).json()
        assert len(rest["value"]) == total - 5_000
        assert "@odata.nextLink" not in rest
    assert api.get("campaigns/$count").text == "5000"


def test_headers_of_odata_may_be_missing(api: Api) -> None:
    for headers in (
        {},
        {"OData-Version": "4.0", "OData-MaxVersion": "4.0", "If-None-Match": "null"},
    ):
        answer = api.get("leads?$top=1", headers=headers)
        assert (answer.status_code, answer.headers["OData-Version"]) == (200, "4.0")


def test_a_long_url_is_refused_alone_and_served_in_a_batch(api: Api) -> None:
    query = "leads?$top=1&$filter=" + "%20or%20".join(
        ["subject%20eq%20%27" + "x" * 60 + "%27"] * 400
    )
    assert 32_768 < len(query) < 65_536
    assert api.get(query).status_code == 414
    status, text = batch(api, part(f"GET /api/data/v9.2/{query}"))
    assert (status, "HTTP/1.1 200" in text) == (200, True)


def test_a_thousand_and_one_requests_are_too_many(api: Api) -> None:
    status, text = batch(api, part("GET /api/data/v9.2/WhoAmI") * 1_001)
    assert (status, "1000" in text) == (400, True)


def test_a_batch_within_a_batch_is_refused(api: Api) -> None:
    assert batch(api, part("POST /api/data/v9.2/$batch"))[0] == 400


@pytest.mark.parametrize(
    "member",
    [
        "GET /api/data/v9.2/WhoAmI",
        "DELETE /api/data/v9.2/leads(00000000-0000-0000-0000-000000000001)",
    ],
)
def test_a_change_set_takes_no_reads_and_needs_content_ids(api: Api, member: str) -> None:
    numbered = "Content-ID: 1\r\n" if member.startswith("GET") else ""
    body = (
        "--b\r\nContent-Type: multipart/mixed; boundary=c\r\n\r\n--c\r\n"
        "Content-Type: application/http\r\nContent-Transfer-Encoding: binary\r\n"
        f"{numbered}\r\n{member} HTTP/1.1\r\n\r\n\r\n--c--\r\n"
    )
    status, text = batch(api, body)
    wording = "only support the HTTP methods" if numbered else "Content-ID"
    assert (status, wording in text) == (400, True)


def test_a_batch_counts_once_and_is_refused_as_a_whole(api: Api) -> None:
    api.server.throttle.reset(Limits(requests=2, seconds=1200, concurrent=52))
    try:
        assert batch(api, part("GET /api/data/v9.2/WhoAmI") * 5)[0] == 200
        assert api.get("WhoAmI").status_code == 200
        answer = api.call("POST", "$batch", data="", headers=ENVELOPE)
        assert error_of(answer) == (429, "0x80072322")
        assert int(answer.headers["Retry-After"]) > 0
    finally:
        api.server.throttle.reset(Limits())


def test_the_version_is_the_etag_and_lies_below_the_token(api: Api) -> None:
    lead = api.create("leads", {"subject": "Versioned"})
    row = api.get(f"leads({lead})?$select=versionnumber").json()
    assert row["@odata.etag"] == f'W/"{row["versionnumber"]}"'
    page = api.get("leads?$select=subject", headers={"Prefer": "odata.track-changes"}).json()
    token = page["@odata.deltaLink"].partition("$deltatoken=")[2]
    assert int(token.partition("%21")[0]) >= row["versionnumber"]
