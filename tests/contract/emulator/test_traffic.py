"""Sellers, customers and managers who change rows by themselves: `--traffic` and its control."""

from typing import Any

import pytest
from typer.testing import CliRunner

from connector.cli.app import build_app
from tests.contract.emulator.conftest import Api, sign_in, start

KINDS = {
    "create_lead",
    "create_opportunity",
    "update_watched",
    "update_unwatched",
    "close",
    "reassign",
    "delete",
}


def changes(api: Api, count: int) -> list[dict[str, Any]]:
    made: list[dict[str, Any]] = api.control("POST", "traffic", {"changes": count})["changes"]
    return made


def test_traffic_makes_every_kind_of_change(api: Api) -> None:
    assert {change["kind"] for change in changes(api, 150)} == KINDS
    assert api.control("GET", "traffic")["made"].get("refused", 0) == 0


def test_a_delta_link_shows_what_traffic_changed(api: Api) -> None:
    first = api.get("leads?$select=leadid", headers={"Prefer": "odata.track-changes"}).json()
    made = [change for change in changes(api, 60) if change["table"] == "lead"]
    entries = api.get(first["@odata.deltaLink"]).json()["value"]
    shown = {entry.get("leadid") or entry["id"] for entry in entries}
    assert shown == {change["id"] for change in made}


def test_a_lead_of_a_customer_belongs_to_nobody_in_particular(api: Api) -> None:
    lead = next(each for each in changes(api, 60) if each["kind"] == "create_lead")
    found = api.get(f"leads({lead['id']})?$expand=createdby($select=fullname)")
    if found.status_code == 200:
        assert found.json()["createdby"]["fullname"] == "SYSTEM"


def test_a_row_handed_on_by_traffic_belongs_to_an_enabled_seller(api: Api) -> None:
    handed = [each for each in changes(api, 150) if each["kind"] == "reassign"]
    sets = {"lead": "leads", "opportunity": "opportunities"}
    owners = [
        row["owninguser"]["isdisabled"]
        for change in handed
        for row in api.rows(
            f"{sets[change['table']]}?$filter={change['table']}id eq {change['id']}"
            "&$expand=owninguser($select=isdisabled)"
        )
    ]
    assert owners
    assert not any(owners)


def test_the_same_seed_makes_the_same_traffic() -> None:
    with start() as one, start() as other:
        made = [[one.traffic.step() for _ in range(40)], [other.traffic.step() for _ in range(40)]]
    assert made[0] == made[1]


def test_traffic_runs_at_its_rate_beside_clients_and_ends_with_the_server() -> None:
    with start(traffic=400) as server:
        api = sign_in(server)
        while sum(server.traffic.made.values()) < 20:
            assert api.get("WhoAmI").status_code == 200
        api.session.close()
    made = sum(server.traffic.made.values())
    assert made >= 20
    assert server.traffic.made["refused"] == 0


@pytest.mark.parametrize("body", [{"rate": -1}, {"rate": 2000}, {"changes": -1}, {"rate": "much"}])
def test_traffic_that_cannot_be_is_refused(api: Api, body: dict[str, Any]) -> None:
    answer = api.session.post(f"{api.server.url}/_emulator/traffic", json=body, timeout=30)
    assert answer.status_code == 400
    assert api.control("GET", "traffic")["rate"] == 0


def test_the_command_refuses_a_negative_rate() -> None:
    result = CliRunner().invoke(build_app(["emulator"]), ["emulator", "--traffic", "-1"])
    assert result.exit_code == 2
