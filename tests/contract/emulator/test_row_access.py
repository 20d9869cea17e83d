"""Privileges that reach only some rows: the caller's own, or those of the business unit."""

from collections.abc import Iterator
from copy import deepcopy

import pytest

from connector.emulator.organization.organization import (
    MANAGER_ROLE_ID,
    SALESPERSON_ROLE_ID,
    fixed_id,
)
from tests.contract.emulator.conftest import Api, error_of

SELLER = fixed_id("systemuser/seller/3")
DENIED = (403, "0x80048306")
AS_SELLER = {"MSCRMCallerID": SELLER}


@pytest.fixture
def limited(api: Api, depth: int) -> Iterator[Api]:
    """Sellers read, write, delete and assign leads only as far as `depth` says."""
    roles = api.server.privileges.roles
    before = deepcopy(roles.grants)
    for verb in ("Read", "Write", "Delete", "Assign"):
        for role in (SALESPERSON_ROLE_ID, MANAGER_ROLE_ID):
            roles.grant(role, verb, "lead", depth)
    yield api
    roles.restore(before)


def lead_of(api: Api, seller: str) -> str:
    owner = {"ownerid@odata.bind": f"/systemusers({seller})"}
    return api.create("leads", {"subject": "L", **owner})


def other_seller(api: Api, *, same_unit: bool) -> str:
    unit = api.get(f"systemusers({SELLER})?$select=_businessunitid_value").json()
    comparison = "eq" if same_unit else "ne"
    rows = api.rows(
        f"systemusers?$filter=_businessunitid_value {comparison} {unit['_businessunitid_value']}"
        f" and systemuserid ne {SELLER} and isdisabled eq false and accessmode eq 0"
        "&$select=systemuserid"
    )
    return str(rows[0]["systemuserid"])


def visible(api: Api, path: str) -> bool:
    answer = api.get(path, headers=AS_SELLER)
    assert answer.status_code == 200 or error_of(answer) == DENIED, answer.text
    return answer.status_code == 200


@pytest.mark.parametrize("depth", [1, 2], ids=["own", "unit"])
def test_a_row_alone_is_seen_exactly_when_the_collection_shows_it(limited: Api) -> None:
    owners = [
        SELLER,
        other_seller(limited, same_unit=True),
        other_seller(limited, same_unit=False),
    ]
    leads = [lead_of(limited, owner) for owner in owners]
    wanted = " or ".join(f"leadid eq {lead}" for lead in leads)
    shown = limited.get(f"leads?$select=leadid&$filter={wanted}", headers=AS_SELLER).json()["value"]
    listed = {row["leadid"] for row in shown}
    assert leads[0] in listed
    assert leads[2] not in listed
    for lead in leads:
        for path in (
            f"leads({lead})",
            f"leads({lead})/subject",
            f"leads({lead})?$expand=owninguser",
        ):
            assert visible(limited, path) == (lead in listed), path


@pytest.mark.parametrize("depth", [1], ids=["own"])
def test_a_row_out_of_reach_is_neither_changed_nor_assigned_nor_deleted(limited: Api) -> None:
    lead = lead_of(limited, other_seller(limited, same_unit=True))
    owner = {"ownerid@odata.bind": f"/systemusers({SELLER})"}
    for body in ({"subject": "mine"}, owner):
        answer = limited.patch(f"leads({lead})", body, **AS_SELLER)
        assert error_of(answer) == DENIED
    answer = limited.call("DELETE", f"leads({lead})", headers=AS_SELLER)
    assert error_of(answer) == DENIED
    assert limited.get(f"leads({lead})?$select=subject").json()["subject"] == "L"


@pytest.mark.parametrize("depth", [1], ids=["own"])
def test_ones_own_row_is_changed_and_handed_on(limited: Api) -> None:
    lead = lead_of(limited, SELLER)
    other = other_seller(limited, same_unit=True)
    assert limited.patch(f"leads({lead})", {"subject": "mine"}, **AS_SELLER).status_code == 204
    owner = {"ownerid@odata.bind": f"/systemusers({other})"}
    assert limited.patch(f"leads({lead})", owner, **AS_SELLER).status_code == 204
    assert not visible(limited, f"leads({lead})")


@pytest.mark.parametrize("depth", [1], ids=["own"])
def test_a_row_of_ones_team_is_ones_own(limited: Api) -> None:
    team = limited.rows("teams?$filter=teamtype eq 0&$select=teamid")[0]["teamid"]
    member = f"{limited.root}/systemusers({SELLER})"
    path = f"teams({team})/teammembership_association/$ref"
    assert limited.call("POST", path, json={"@odata.id": member}).status_code == 204
    roles = f"{limited.root}/roles({SALESPERSON_ROLE_ID})"
    limited.call("POST", f"teams({team})/teamroles_association/$ref", json={"@odata.id": roles})
    lead = limited.create("leads", {"subject": "L", "ownerid@odata.bind": f"/teams({team})"})
    assert visible(limited, f"leads({lead})")
