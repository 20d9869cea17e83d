"""Point 5: pages, their size and the links between them."""

from typing import Any

from connector.emulator.organization.organization import fixed_id
from connector.emulator.seed.loading import insert_with_versions
from tests.contract.emulator.conftest import Api


def collect(api: Api, path: str, size: int | None) -> tuple[list[dict[str, Any]], list[int]]:
    headers = {"Prefer": f"odata.maxpagesize={size}"} if size else {}
    rows: list[dict[str, Any]] = []
    sizes: list[int] = []
    following: str | None = path
    while following:
        document = api.get(following, headers=headers).json()
        rows += document["value"]
        sizes.append(len(document["value"]))
        following = document.get("@odata.nextLink")
    return rows, sizes


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


def test_pages_cover_the_table_once(api: Api) -> None:
    rows, sizes = collect(api, "leads?$select=subject", 12)
    assert sizes == [12, 12, 6]
    assert len({row["leadid"] for row in rows}) == 30


def test_a_table_of_exactly_two_pages_has_no_third(api: Api) -> None:
    assert collect(api, "leads?$select=subject", 15)[1] == [15, 15]


def test_the_page_size_must_be_sent_again(api: Api) -> None:
    first = api.get("leads?$select=subject", headers={"Prefer": "odata.maxpagesize=10"}).json()
    second = api.get(first["@odata.nextLink"]).json()
    assert len(second["value"]) == 20


def test_top_is_ignored_beside_a_page_size(api: Api) -> None:
    answer = api.get("leads?$select=subject&$top=3", headers={"Prefer": "odata.maxpagesize=10"})
    assert len(answer.json()["value"]) == 10
    plain = api.get("leads?$select=subject&$top=3").json()
    assert len(plain["value"]) == 3
    assert "@odata.nextLink" not in plain


def test_an_altered_skiptoken_is_refused(api: Api) -> None:
    first = api.get("leads?$select=subject", headers={"Prefer": "odata.maxpagesize=10"}).json()
    link = first["@odata.nextLink"]
    assert "$skiptoken=" in link
    assert api.get(link.replace("pagenumber", "pagenumbe")).status_code == 400


def test_links_are_opaque_and_lead_on_verbatim(api: Api) -> None:
    headers = {"Prefer": "odata.maxpagesize=10"}
    link = api.get("leads?$select=subject", headers=headers).json()["@odata.nextLink"]
    assert link.startswith(f"{api.root}/leads?$select=subject&$skiptoken=%3Ccookie%20")
    assert "pagenumber=%222%22" in link
    assert "istracking=%22False%22" in link
    assert len(api.get(link, headers=headers).json()["value"]) == 10


def test_pages_go_on_from_the_last_row_over_live_data(api: Api) -> None:
    headers = {"Prefer": "odata.maxpagesize=10"}
    first = api.get("leads?$select=subject", headers=headers).json()
    gone, last = (first["value"][index]["leadid"] for index in (0, 9))
    api.call("DELETE", f"leads({gone})")
    following = api.get(first["@odata.nextLink"], headers=headers).json()["value"]
    assert len(following) == 10
    assert all(row["leadid"] > last for row in following)
