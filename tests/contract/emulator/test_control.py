"""Control requests: faults that cannot be read, the clock, the request log, snapshots."""

import requests

from tests.contract.emulator.conftest import Api


def test_faults_that_cannot_be_read_are_named(api: Api) -> None:
    url = f"{api.server.url}/_emulator/faults"
    for script in ({"kind": "earthquake"}, {"nonsense": 1}, {"path": "["}, {"status": 7}):
        answer = requests.post(url, json=script, timeout=30)
        assert answer.status_code == 400
        assert answer.json()["error"]


def test_the_clock_is_set_advanced_and_frozen(api: Api) -> None:
    assert (
        api.control("POST", "clock", {"set": "2027-01-01T00:00:00Z"})["now"]
        == "2027-01-01T00:00:00Z"
    )
    moved = api.control("POST", "clock", {"advance_seconds": 90, "freeze": True})
    assert moved == {"now": "2027-01-01T00:01:30Z", "frozen": True}
    assert api.control("GET", "clock")["frozen"] is True


def test_requests_are_listed_without_their_tokens(api: Api) -> None:
    api.get("leads?$top=1")
    entry = api.control("GET", "requests")[-1]
    assert (entry["method"], entry["path"], entry["status"]) == ("GET", "/api/data/v9.2/leads", 200)
    assert entry["query"] == "$top=1"
    assert "authorization" not in entry["headers"]
    api.control("DELETE", "requests")
    assert api.control("GET", "requests") == []


def test_a_snapshot_is_restored(api: Api) -> None:
    api.control("POST", "snapshot", {"name": "before"})
    lead = api.create("leads", {"subject": "Temporary"})
    api.control("POST", "restore", {"name": "before"})
    assert api.get(f"leads({lead})").status_code == 404
    unknown = requests.post(
        f"{api.server.url}/_emulator/restore", json={"name": "none"}, timeout=30
    )
    assert unknown.status_code == 400
    assert requests.get(f"{api.server.url}/_emulator/none", timeout=30).status_code == 404
