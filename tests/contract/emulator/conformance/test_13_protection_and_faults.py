"""Point 13: service protection limits and scripted failures."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
import requests

from connector.emulator.protection.throttle import Limits
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


ENVELOPE = {"Content-Type": "multipart/mixed; boundary=b"}


def test_a_batch_counts_once_and_is_refused_as_a_whole(api: Api) -> None:
    api.server.throttle.reset(Limits(requests=2, seconds=1200, concurrent=52))
    try:
        head = "--b\r\nContent-Type: application/http\r\n\r\n"
        five = f"{head}GET WhoAmI HTTP/1.1\r\n\r\n\r\n" * 5 + "--b--\r\n"
        assert api.call("POST", "$batch", data=five, headers=ENVELOPE).status_code == 200
        assert api.get("WhoAmI").status_code == 200
        answer = api.call("POST", "$batch", data="", headers=ENVELOPE)
        assert error_of(answer) == (429, "0x80072322")
        assert int(answer.headers["Retry-After"]) > 0
    finally:
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


def test_a_connection_reset_before_the_request_leaves_the_row(api: Api) -> None:
    assert reset(api, "reset_before") == "Before"


def test_a_connection_reset_after_the_commit_loses_the_answer_alone(api: Api) -> None:
    assert reset(api, "reset_after") == "After"


def reset(api: Api, kind: str) -> str:
    """The subject of a lead after a write whose connection broke."""
    lead = api.create("leads", {"subject": "Before"})
    api.control("POST", "faults", {"kind": kind, "method": "PATCH"})
    with pytest.raises(requests.ConnectionError):
        api.patch(f"leads({lead})", {"subject": "After"})
    return str(api.get(f"leads({lead})?$select=subject").json()["subject"])


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


def test_the_limits_are_numbers_to_set(api: Api) -> None:
    told = api.control("POST", "limits", {"requests": 2, "window_seconds": 20})
    try:
        assert (told["requests"], told["seconds"], told["concurrent"]) == (2, 1200, 52)
        assert [api.get("WhoAmI").status_code for _ in range(3)] == [200, 200, 429]
        api.control("POST", "clock", {"advance_seconds": 21})
        assert api.get("WhoAmI").status_code == 200
    finally:
        api.control("POST", "limits", {"requests": 6000, "window_seconds": 300})


@pytest.mark.parametrize("status", [502, 503, 504])
def test_gateway_failures_can_be_scripted_at_random(api: Api, status: int) -> None:
    script = {"status": status, "count": None, "probability": 0.5}
    api.control("POST", "faults", script)
    seen = [api.get("WhoAmI").status_code for _ in range(30)]
    assert set(seen) == {200, status}
