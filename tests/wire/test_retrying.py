"""What is sent again, when, and when not."""

from datetime import timedelta
from typing import Any

import pytest
import requests
import responses

from connector.dataverse.client import DataverseClient
from connector.dataverse.wire.retrying import RetryPolicy
from connector.dataverse.wire.transport import parse_retry_after
from connector.errors import FatalError, RetriableError
from engine.errors import ConfigProblem
from tests.wire.conftest import API, START, Build, Timeline, add_tables, error_body

WHO = {"UserId": "u", "OrganizationId": "o", "BusinessUnitId": "b"}


def refuse(wire: responses.RequestsMock, times: int, status: int, **options: Any) -> None:
    for _ in range(times):
        wire.get(f"{API}/WhoAmI", status=status, **options)


def test_a_throttled_request_waits_as_long_as_the_server_says(
    client: DataverseClient, wire: responses.RequestsMock, timeline: Timeline
) -> None:
    refuse(wire, 1, 429, json=error_body("0x80072322"), headers={"Retry-After": "120"})
    wire.get(f"{API}/WhoAmI", json=WHO)
    assert client.who_am_i().user_id == "u"
    assert 120 <= timeline.slept <= 122


def test_retry_after_may_be_a_date(
    client: DataverseClient, wire: responses.RequestsMock, timeline: Timeline
) -> None:
    date = {"Retry-After": "Mon, 23 Nov 2026 09:01:30 GMT"}
    refuse(wire, 1, 503, headers=date)
    wire.get(f"{API}/WhoAmI", json=WHO)
    client.who_am_i()
    assert timeline.now() >= START + timedelta(seconds=90)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [("6", 6), ("0", 0), ("1.5", 1.5), ("-3", 0), ("Mon, 23 Nov 2026 08:00:00 GMT", 0)],
)
def test_retry_after_counts_seconds_and_never_goes_back(header: str, seconds: float) -> None:
    assert parse_retry_after(header, START) == timedelta(seconds=seconds)


@pytest.mark.parametrize("header", [None, "", "soon"])
def test_an_unreadable_retry_after_is_none(header: str | None) -> None:
    assert parse_retry_after(header, START) is None


def test_a_wait_beyond_the_time_budget_ends_the_cycle_and_is_not_shortened(
    build: Build, wire: responses.RequestsMock, timeline: Timeline
) -> None:
    refuse(wire, 1, 429, json=error_body("0x80072321"), headers={"Retry-After": "400"})
    client = build(retry=RetryPolicy(budget=timedelta(seconds=300)))
    client.start_cycle()
    with pytest.raises(RetriableError) as caught:
        client.who_am_i()
    assert caught.value.retry_after == timedelta(seconds=400)
    assert timeline.slept == 0
    assert len(wire.calls) == 1


def test_the_time_budget_is_shared_by_the_requests_of_a_cycle(
    build: Build, wire: responses.RequestsMock, timeline: Timeline
) -> None:
    client = build(retry=RetryPolicy(budget=timedelta(seconds=100)))
    client.start_cycle()
    refuse(wire, 1, 503, headers={"Retry-After": "60"})
    wire.get(f"{API}/WhoAmI", json=WHO)
    client.who_am_i()
    wire.replace(responses.GET, f"{API}/WhoAmI", status=503, headers={"Retry-After": "60"})
    with pytest.raises(RetriableError):
        client.who_am_i()
    client.start_cycle()
    assert timeline.slept < 100


@pytest.mark.parametrize("status", [408, 429, 502, 503, 504])
def test_gateways_are_asked_again_until_they_answer(
    client: DataverseClient, wire: responses.RequestsMock, status: int
) -> None:
    refuse(wire, 3, status, body="<html><title>Bad gateway</title></html>")
    wire.get(f"{API}/WhoAmI", json=WHO)
    assert client.who_am_i().user_id == "u"


@pytest.mark.parametrize(
    ("status", "code", "message"),
    [
        (500, "0x80044150", "Transaction was deadlocked, error 1205"),
        (500, "0x80044151", "SQL timeout"),
        (500, "0x80044339", "lock"),
        (400, "0x80071154", "concurrent operation"),
        (429, "0x80072324", "Too many concurrent requests"),
        (500, "-2147204783", "SQL timeout in decimal"),
    ],
)
def test_transient_codes_are_repeated_whatever_their_status(
    client: DataverseClient, wire: responses.RequestsMock, status: int, code: str, message: str
) -> None:
    refuse(wire, 4, status, json=error_body(code, message))
    wire.get(f"{API}/WhoAmI", json=WHO)
    assert client.who_am_i().user_id == "u"


def test_waits_grow_and_stay_below_the_longest(
    build: Build, wire: responses.RequestsMock, timeline: Timeline
) -> None:
    refuse(wire, 1, 502)
    client = build(random=lambda: 0.999999, retry=RetryPolicy(longest_wait=timedelta(seconds=8)))
    with pytest.raises(RetriableError):
        client.who_am_i()
    assert [round(nap) for nap in timeline.naps] == [1, 2, 4, 8, 8, 8, 8]


def test_jitter_comes_from_the_random_that_was_passed_in(
    build: Build, wire: responses.RequestsMock, timeline: Timeline
) -> None:
    refuse(wire, 1, 502)
    wire.get(f"{API}/WhoAmI", json=WHO)
    build(random=lambda: 0.5).who_am_i()
    assert timeline.naps == [0.75]


@pytest.mark.parametrize(
    ("status", "code"), [(400, "0x80040203"), (403, "0x80040220"), (404, "0x80040217"), (412, "")]
)
def test_what_is_not_on_the_list_is_not_repeated(
    client: DataverseClient, wire: responses.RequestsMock, status: int, code: str
) -> None:
    refuse(wire, 1, status, json=error_body(code))
    with pytest.raises(ConfigProblem):
        client.who_am_i()
    assert len(wire.calls) == 1


def test_a_plug_in_crash_is_repeated_a_few_times_only(
    client: DataverseClient, wire: responses.RequestsMock
) -> None:
    refuse(wire, 1, 500, json=error_body("0x8004418d", "sandbox worker not available"))
    with pytest.raises(RetriableError):
        client.who_am_i()
    assert len(wire.calls) == 3


def test_a_bare_server_error_is_repeated_for_reads(
    client: DataverseClient, wire: responses.RequestsMock
) -> None:
    refuse(wire, 2, 500, body="")
    wire.get(f"{API}/WhoAmI", json=WHO)
    assert client.who_am_i().user_id == "u"


def test_a_sleep_that_raises_cancels_the_wait_and_frees_its_slot(
    build: Build, wire: responses.RequestsMock
) -> None:
    class CancelledError(Exception):
        pass

    def stop(seconds: float) -> None:
        raise CancelledError

    refuse(wire, 1, 429, headers={"Retry-After": "30"})
    client = build(sleep=stop)
    with pytest.raises(CancelledError):
        client.who_am_i()
    assert client.describe_governor()["in_flight"] == 0


def test_an_application_user_that_is_missing_is_explained(
    client: DataverseClient, wire: responses.RequestsMock
) -> None:
    message = "The user is not a member of the organization."
    refuse(wire, 1, 403, json=error_body("0x80072560", message))
    with pytest.raises(FatalError, match="application user is missing"):
        client.who_am_i()
    assert len(wire.calls) == 1


def test_a_user_without_roles_is_explained(
    client: DataverseClient, wire: responses.RequestsMock
) -> None:
    refuse(wire, 1, 403, json=error_body("0x80042F09", "User has no roles"))
    with pytest.raises(FatalError, match="no security role"):
        client.who_am_i()


def test_the_request_id_of_the_server_is_in_the_error(
    client: DataverseClient, wire: responses.RequestsMock
) -> None:
    add_tables(wire)
    headers = {"x-ms-service-request-id": "abc-123"}
    refuse(wire, 1, 403, json=error_body("0x80042F09"), headers=headers)
    with pytest.raises(FatalError, match="abc-123"):
        client.who_am_i()


def test_a_reset_connection_is_tried_again(
    client: DataverseClient, wire: responses.RequestsMock
) -> None:
    wire.get(f"{API}/WhoAmI", body=requests.exceptions.ConnectionError("reset by peer"))
    wire.get(f"{API}/WhoAmI", json=WHO)
    assert client.who_am_i().user_id == "u"


def test_a_token_refused_after_gateway_errors_is_still_replaced_once(
    client: DataverseClient, wire: responses.RequestsMock
) -> None:
    wire.get(f"{API}/WhoAmI", status=503)
    wire.get(f"{API}/WhoAmI", status=503)
    wire.get(f"{API}/WhoAmI", status=401)
    wire.get(f"{API}/WhoAmI", json=WHO)
    assert client.who_am_i().user_id == WHO["UserId"]


def test_a_plug_in_crash_after_gateway_errors_still_has_its_own_tries(
    client: DataverseClient, wire: responses.RequestsMock
) -> None:
    for _ in range(3):
        wire.get(f"{API}/WhoAmI", status=503)
    wire.get(f"{API}/WhoAmI", status=500)
    wire.get(f"{API}/WhoAmI", json=WHO)
    assert client.who_am_i().user_id == WHO["UserId"]


def test_attempts_are_counted_over_all_kinds_of_failure_as_well(
    build: Build, wire: responses.RequestsMock
) -> None:
    for status in (500, 503, 500):
        wire.get(f"{API}/WhoAmI", status=status, body="")
    wire.get(f"{API}/WhoAmI", json=WHO)
    client = build(retry=RetryPolicy(max_attempts=3, bounded_attempts=3))
    with pytest.raises(RetriableError):
        client.who_am_i()
    assert len(wire.calls) == 3
