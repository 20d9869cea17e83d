"""What the server does later or tells late: cascading assignments and total record counts."""

from collections.abc import Iterator

import pytest

from connector.emulator.organization.organization import COUNT_AGE_SECONDS, fixed_id
from tests.contract.emulator.conftest import Api

SELLER = fixed_id("systemuser/seller/3")
OTHER = fixed_id("systemuser/seller/4")


@pytest.fixture
def slow(api: Api) -> Iterator[Api]:
    """An organization whose assignments take ten seconds to reach the rows below."""
    api.control("POST", "behaviour", {"cascade_delay_seconds": 10})
    yield api
    api.control(
        "POST", "behaviour", {"cascade_delay_seconds": 0, "count_age_seconds": COUNT_AGE_SECONDS}
    )


def customer_with_lead(api: Api, entity_set: str, body: dict[str, str]) -> tuple[str, str]:
    customer = api.create(entity_set, body)
    bind = {f"customerid_{entity_set[:-1]}@odata.bind": f"/{entity_set}({customer})"}
    return customer, api.create("leads", {"subject": "L", **bind})


def assign(api: Api, path: str, owner: str) -> None:
    body = {"ownerid@odata.bind": f"/systemusers({owner})"}
    assert api.patch(path, body, **{"If-Match": "*"}).status_code == 204


def owner_of(api: Api, path: str) -> str:
    return str(api.get(f"{path}?$select=_ownerid_value").json()["_ownerid_value"])


def wait(api: Api, seconds: float) -> None:
    api.control("POST", "clock", {"advance_seconds": seconds})


@pytest.mark.parametrize(
    ("entity_set", "body"),
    [("accounts", {"name": "A"}), ("contacts", {"lastname": "C"})],
    ids=["account", "contact"],
)
def test_an_assignment_reaches_the_rows_below_after_the_delay(
    slow: Api, entity_set: str, body: dict[str, str]
) -> None:
    customer, lead = customer_with_lead(slow, entity_set, body)
    before = owner_of(slow, f"leads({lead})")
    assign(slow, f"{entity_set}({customer})", SELLER)
    wait(slow, 9)
    assert owner_of(slow, f"leads({lead})") == before
    wait(slow, 1)
    assert owner_of(slow, f"leads({lead})") == SELLER


def test_a_delayed_assignment_shows_in_the_next_delta_and_not_before(slow: Api) -> None:
    account, lead = customer_with_lead(slow, "accounts", {"name": "A"})
    tracked = {"Prefer": "odata.track-changes"}
    link = slow.get("leads?$select=subject", headers=tracked).json()["@odata.deltaLink"]
    assign(slow, f"accounts({account})", SELLER)
    early = slow.get(link).json()
    assert early["value"] == []
    wait(slow, 10)
    late = slow.get(early["@odata.deltaLink"]).json()["value"]
    assert [row["leadid"] for row in late] == [lead]


def test_two_delayed_assignments_end_with_the_last_owner(slow: Api) -> None:
    account, lead = customer_with_lead(slow, "accounts", {"name": "A"})
    assign(slow, f"accounts({account})", SELLER)
    wait(slow, 5)
    assign(slow, f"accounts({account})", OTHER)
    wait(slow, 20)
    assert owner_of(slow, f"leads({lead})") == OTHER


def test_a_delayed_assignment_of_a_refused_change_set_never_happens(slow: Api) -> None:
    account, lead = customer_with_lead(slow, "accounts", {"name": "A"})
    before = owner_of(slow, f"leads({lead})")
    parts = (
        (
            "1",
            f"PATCH {slow.root}/accounts({account})",
            f'{{"ownerid@odata.bind":"/systemusers({SELLER})"}}',
        ),
        ("2", f"PATCH {slow.root}/leads({lead})", '{"nosuchcolumn":1}'),
    )
    inner = "".join(
        "--c\r\nContent-Type: application/http\r\nContent-Transfer-Encoding: binary\r\n"
        f"Content-ID: {number}\r\n\r\n{line} HTTP/1.1\r\nContent-Type: application/json\r\n\r\n{body}\r\n"
        for number, line, body in parts
    )
    text = f"--b\r\nContent-Type: multipart/mixed; boundary=c\r\n\r\n{inner}--c--\r\n\r\n--b--\r\n"
    kind = {"Content-Type": "multipart/mixed; boundary=b"}
    assert slow.call("POST", "$batch", data=text, headers=kind).status_code == 400
    wait(slow, 20)
    assert owner_of(slow, f"leads({lead})") == before


@pytest.mark.parametrize(
    "body", [{"cascade_delay_seconds": -1}, {"speed": 1}, {"count_age_seconds": "x"}]
)
def test_behaviour_that_cannot_be_is_refused(api: Api, body: dict[str, object]) -> None:
    url = f"{api.server.url}/_emulator/behaviour"
    assert api.session.post(url, json=body, timeout=30).status_code == 400
    assert api.control("GET", "behaviour")["cascade_delay_seconds"] == 0
