"""Service protection limits, scripted faults, the clock, snapshots, the request log."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
import requests

from connector.emulator.throttle import Limits
from tests.contract.emulator.conftest import Api, error_of


@pytest.fixture
def limited(api: Api) -> Iterator[Api]:
    api.server.throttle.reset(Limits(requests=3, seconds=10, concurrent=5))
    yield api
    api.server.throttle.reset(Limits())


def test_too_many_requests_wait_for_the_window(limited: Api) -> None:
    assert [limited.get("WhoAmI").status_code for _ in range(4)] == [200, 200, 200, 429]
    answer = limited.get("WhoAmI")
    assert error_of(answer) == (429, "0x80072322")
    assert answer.json()["error"]["message"] == (
        "Number of requests exceeded the limit of 3 over time window of 300 seconds."
    )
    assert int(answer.headers["Retry-After"]) >= 300
    limited.server.clock.advance(timedelta(seconds=301))
    assert limited.get("WhoAmI").status_code == 200


def test_the_wait_grows_when_it_is_ignored(limited: Api) -> None:
    for _ in range(3):
        limited.get("WhoAmI")
    waits = [int(limited.get("WhoAmI").headers["Retry-After"]) for _ in range(3)]
    assert waits[0] < waits[1] <= waits[2] <= 600


def test_execution_time_is_limited(limited: Api) -> None:
    limited.server.throttle.spend(limited.server.client_id, 11)
    answer = limited.get("WhoAmI")
    assert error_of(answer) == (429, "0x80072321")
    assert "exceeded limit of 10,000 milliseconds" in answer.json()["error"]["message"]


def test_concurrency_is_limited(api: Api) -> None:
    throttle = api.server.throttle
    throttle.reset(Limits(concurrent=1))
    running = throttle.admit(api.server.client_id, {})
    assert error_of(api.get("WhoAmI")) == (429, "0x80072326")
    throttle.release(running)
    assert api.get("WhoAmI").status_code == 200
    throttle.reset(Limits())


def test_the_cookie_pins_to_a_server_and_each_counts_alone(api: Api) -> None:
    api.server.throttle.reset(Limits(requests=2, servers=2))
    cookies = [api.get("WhoAmI").headers["Set-Cookie"].partition(";")[0]]
    api.session.cookies.clear()
    cookies.append(api.get("WhoAmI").headers["Set-Cookie"].partition(";")[0])
    assert set(cookies) == {"ARRAffinity=server-0", "ARRAffinity=server-1"}
    api.session.cookies.clear()
    pinned = {"Cookie": cookies[0]}
    assert [api.get("WhoAmI", headers=pinned).status_code for _ in range(2)] == [200, 429]
    api.server.throttle.reset(Limits())


def test_a_scripted_status_hits_the_requests_it_names(api: Api) -> None:
    script = {"kind": "status", "status": 503, "path": "leads", "count": 2, "skip": 1}
    api.control("POST", "faults", [script])
    assert [api.get("leads?$top=1").status_code for _ in range(4)] == [200, 503, 503, 200]
    assert api.control("GET", "faults") == []


def test_a_scripted_body_may_be_html(api: Api) -> None:
    body = "<html>Bad gateway</html>"
    api.control("POST", "faults", {"status": 502, "body": body, "headers": {"Retry-After": "7"}})
    answer = api.get("WhoAmI")
    assert (answer.status_code, answer.text) == (502, body)
    assert answer.headers["Content-Type"] == "text/html"
    assert answer.headers["Retry-After"] == "7"


def test_probability_follows_the_seed(api: Api) -> None:
    script = {"status": 500, "count": None, "probability": 0.5}
    api.control("POST", "faults", script)
    hits = sum(api.get("WhoAmI").status_code == 500 for _ in range(40))
    assert 8 < hits < 32


def test_a_deadlock_names_1205(api: Api) -> None:
    api.control("POST", "faults", {"kind": "deadlock"})
    answer = api.get("WhoAmI")
    assert error_of(answer) == (500, "0x80044150")
    assert "1205" in answer.json()["error"]["message"]


def test_a_reset_before_leaves_the_row_and_after_changes_it(api: Api) -> None:
    lead = api.create("leads", {"subject": "Before"})
    for kind, expected in (("reset_before", "Before"), ("reset_after", "After")):
        api.control("POST", "faults", {"kind": kind, "method": "PATCH"})
        with pytest.raises(requests.ConnectionError):
            api.patch(f"leads({lead})", {"subject": "After"})
        assert api.get(f"leads({lead})?$select=subject").json()["subject"] == expected


def test_a_truncated_answer_is_noticed(api: Api) -> None:
    api.control("POST", "faults", {"kind": "truncate"})
    with pytest.raises((requests.ConnectionError, requests.exceptions.ChunkedEncodingError)):
        api.get("leads?$top=5")
    assert api.get("leads?$top=5").status_code == 200


def test_an_expired_token_and_delta_token_can_be_scripted(api: Api) -> None:
    api.control("POST", "faults", {"kind": "expired_token"})
    assert api.get("WhoAmI").status_code == 401
    assert api.get("WhoAmI").status_code == 200
    headers = {"Prefer": "odata.track-changes"}
    link = api.get("leads?$select=subject", headers=headers).json()["@odata.deltaLink"]
    api.control("POST", "faults", {"kind": "expired_delta_token", "path": "leads"})
    assert error_of(api.get(link)) == (400, "0x80044352")


def test_a_late_commit_shows_a_lower_version_after_a_higher_one(api: Api) -> None:
    from threading import Thread

    slow = api.create("leads", {"subject": "Slow"})
    fast = api.create("leads", {"subject": "Fast"})
    headers = {"Prefer": "odata.track-changes"}
    link = api.get("leads?$select=subject", headers=headers).json()["@odata.deltaLink"]
    script = {"kind": "late_commit", "method": "PATCH", "path": slow, "seconds": 0.4}
    api.control("POST", "faults", script)
    api.server.log.clear()
    late = Thread(target=api.patch, args=(f"leads({slow})", {"subject": "Late"}))
    late.start()
    while not api.server.organization.storage.open_versions:
        pass
    requests.patch(
        f"{api.root}/leads({fast})", json={"subject": "Early"}, headers=dict(api.session.headers)
    )
    first = requests.get(link, headers=dict(api.session.headers)).json()
    late.join()
    second = api.get(first["@odata.deltaLink"]).json()
    seen = [entry["leadid"] for entry in (*first["value"], *second["value"])]
    assert set(seen) == {slow, fast}
    versions = {
        lead: api.get(f"leads({lead})?$select=versionnumber").json()["versionnumber"]
        for lead in (slow, fast)
    }
    assert versions[slow] < versions[fast]


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
