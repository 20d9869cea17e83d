"""Seeded and loaded rows, and the command that starts the emulator."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import requests

from connector.cli.emulator import parse_limits
from connector.emulator.protection.throttle import Limits
from connector.emulator.seed.loading import DataProblem
from engine.errors import ConfigProblem
from tests.contract.emulator.conftest import Api, sign_in, start

USER = "0eaf1c83-b5fd-4fd4-9650-af8be4fa8aff"
ROW = "1a16edb5-673e-4c46-ab92-771869c8ca86"
NOWHERE = "a04db0f7-a805-47df-b9eb-e0ac2b4e86f5"


def write(directory: Path, **files: object) -> Path:
    for name, rows in files.items():
        (directory / f"{name}.json").write_text(json.dumps(rows))
    return directory


def test_the_seed_is_a_sales_organization(api: Api) -> None:
    cities = {row["address1_city"] for row in api.rows("systemusers?$filter=title ne null")}
    assert len(cities) > 5
    assert len(api.rows("teams")) == 5
    assert api.rows("leads?$filter=statecode eq 0")
    assert api.rows("accounts?$filter=_parentaccountid_value ne null")
    assert api.rows("msdyn_salessuggestions?$filter=_msdyn_relatedrecord_value ne null")
    linked = api.rows("msdyn_attributevalues?$expand=msdyn_msdyn_attributevalue_systemuser")
    assert any(row["msdyn_msdyn_attributevalue_systemuser"] for row in linked)


def test_microsofts_own_rules_are_seeded_inactive(api: Api) -> None:
    rules = api.rows("msdyn_assignmentrules?$select=statecode")
    assert {row["statecode"] for row in rules} == {1}


def test_the_same_seed_makes_the_same_rows() -> None:
    shown = []
    for _ in range(2):
        with start() as server:
            client = sign_in(server)
            shown.append(client.get("leads?$top=50").text.replace(server.url, ""))
            client.session.close()
    assert shown[0] == shown[1]


def test_loaded_rows_replace_the_seed_of_their_sets(tmp_path: Path) -> None:
    notes: list[str] = []
    data = write(
        tmp_path,
        systemusers=[{"systemuserid": USER, "fullname": "Only One", "isdisabled": False}],
        opportunities=[
            {
                "opportunityid": ROW,
                "name": "Loaded",
                "statecode": 1,
                "_ownerid_value": USER,
                "_parentaccountid_value": NOWHERE,
                "estimatedvalue": 1096.0,
                "createdon": "2016-10-20T09:00:00Z",
                "nonsense": 1,
            }
        ],
        unicorns=[],
    )
    with start(data=data, note=notes.append) as server:
        client = sign_in(server)
        (row,) = client.rows("opportunities")
        assert (row["name"], row["createdon"]) == ("Loaded", "2016-10-20T09:00:00Z")
        assert (row["statuscode"], row["_parentaccountid_value"]) == (3, NOWHERE)
        lead = client.create("leads", {"subject": "L"})
        bind = {"ownerid@odata.bind": f"/systemusers({USER})"}
        assert client.patch(f"leads({lead})", bind).status_code == 204
        client.session.close()
    assert any("nonsense" in note for note in notes)
    assert any("unicorns" in note for note in notes)


@pytest.mark.parametrize(
    ("rows", "part"),
    [
        ("{", "cannot be read as JSON"),
        ("7", "an array of rows"),
        ("[7]", "row 1 is not an object"),
        ('[{"name": 5}]', "row 1: "),
    ],
)
def test_files_that_cannot_be_loaded_are_named(tmp_path: Path, rows: str, part: str) -> None:
    (tmp_path / "accounts.json").write_text(rows)
    with pytest.raises(DataProblem, match=r"accounts\.json"):
        start(data=tmp_path)
    with pytest.raises(DataProblem, match=part):
        start(data=tmp_path)


def test_a_state_file_keeps_what_was_written(tmp_path: Path) -> None:
    state = tmp_path / "state.db"
    with start(state=state) as server:
        client = sign_in(server)
        lead = client.create("leads", {"subject": "Kept"})
        client.session.close()
    with start(state=state) as server:
        client = sign_in(server)
        assert client.get(f"leads({lead})?$select=subject").json()["subject"] == "Kept"
        assert client.get("leads/$count").text == "31"
        client.session.close()


def test_any_token_is_accepted_on_request() -> None:
    with start(accept_any_token=True) as server:
        headers = {"Authorization": "Bearer whatever"}
        url = f"{server.url}/api/data/v9.2/WhoAmI"
        assert requests.get(url, headers=headers, timeout=30).status_code == 200
        assert requests.get(url, timeout=30).status_code == 401


def test_limits_are_read_from_the_command_line() -> None:
    assert parse_limits("requests=60,seconds=1.5") == Limits(requests=60, seconds=1.5)
    for wrong in ("speed=1", "requests=many", "requests=0"):
        with pytest.raises(ConfigProblem, match="--limits"):
            parse_limits(wrong)


def test_the_command_announces_itself_serves_and_stops(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "connector.cli.app", "emulator", "--leads", "3"]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env={**os.environ}, text=True
    )
    try:
        assert process.stdout is not None
        announced = json.loads(process.stdout.readline())
        assert set(announced) == {
            "url", "ca_file", "authority", "tenant_id", "client_id", "client_secret",
        }  # fmt: skip
        with requests.Session() as session:
            session.trust_env, session.verify = False, announced["ca_file"]
            answer = session.get(f"{announced['url']}/api/data/v9.2/leads", timeout=30)
            assert answer.status_code == 401
    finally:
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=30)
    assert (process.returncode, errors) == (0, "")
    assert not Path(announced["ca_file"]).exists()
