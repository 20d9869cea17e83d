"""Several application users: each has its own token and its own limits."""

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import requests
import responses

from connector.dataverse.client import DataverseClient
from connector.dataverse.limits.governor import GovernorOptions
from connector.dataverse.sign_in.more_users import read_more_users
from connector.dataverse.sign_in.options import SignInOptions
from engine.errors import ConfigProblem
from tests.wire.conftest import API, Build, Timeline, error_body

WHO = {"UserId": "u", "OrganizationId": "o", "BusinessUnitId": "b"}
FIRST = SignInOptions(mode="static_token", token="first")
SECOND = SignInOptions(mode="static_token", token="second")
Answer = tuple[int, dict[str, str], str]


def serve(wire: responses.RequestsMock, answer: Callable[[str], Answer]) -> Counter[str]:
    """Answer WhoAmI by who asks; counts the askers."""
    asked: Counter[str] = Counter()

    def reply(request: requests.PreparedRequest) -> Answer:
        user = request.headers["Authorization"].removeprefix("Bearer ")
        asked[user] += 1
        return answer(user)

    wire.add_callback(responses.GET, f"{API}/WhoAmI", reply)
    return asked


def welcome(_user: str) -> Answer:
    return 200, {}, json.dumps(WHO)


@pytest.fixture
def pair(build: Build) -> DataverseClient:
    """Two users of whom each may send ten requests in a window."""
    return build(
        sign_in=FIRST,
        more_users=(SECOND,),
        governor=GovernorOptions(requests=100, window_seconds=300),
    )


def test_two_users_get_twice_as_much_done_in_the_same_time(
    pair: DataverseClient, build: Build, wire: responses.RequestsMock, timeline: Timeline
) -> None:
    asked = serve(wire, welcome)
    for _ in range(100):
        pair.who_am_i()
    by_two = timeline.slept
    alone = build(sign_in=FIRST, governor=GovernorOptions(requests=100, window_seconds=300))
    for _ in range(100):
        alone.who_am_i()
    assert by_two < 0.6 * (timeline.slept - by_two)
    assert asked["second"] == pytest.approx(50, abs=5)


def test_while_one_user_is_throttled_the_other_works_on(
    pair: DataverseClient, wire: responses.RequestsMock, timeline: Timeline
) -> None:
    def answer(user: str) -> Answer:
        if user == "second":
            return welcome(user)
        return 429, {"Retry-After": "200"}, json.dumps(error_body("0x80072322"))

    asked = serve(wire, answer)
    for _ in range(9):
        pair.who_am_i()
    assert asked == {"first": 1, "second": 9}
    assert timeline.slept < 200


def test_when_everybody_is_throttled_the_shortest_pause_counts(
    pair: DataverseClient, wire: responses.RequestsMock, timeline: Timeline
) -> None:
    waits = {"first": "200", "second": "30"}
    met: set[str] = set()

    def answer(user: str) -> Answer:
        if user in met:
            return welcome(user)
        met.add(user)
        return 429, {"Retry-After": waits[user]}, json.dumps(error_body("0x80072322"))

    asked = serve(wire, answer)
    pair.who_am_i()
    assert asked == {"first": 1, "second": 2}
    assert 30 <= timeline.slept < 200


def test_what_each_learned_survives_a_restart(
    pair: DataverseClient, build: Build, wire: responses.RequestsMock
) -> None:
    serve(wire, welcome)
    for _ in range(6):
        pair.who_am_i()
    saved: dict[str, Any] = json.loads(json.dumps(pair.save_governor()))
    again = build(sign_in=FIRST, more_users=(SECOND,))
    again.restore_governor(saved)
    assert again.describe_governor()["used_today"] == 6
    alone = build(sign_in=FIRST)
    alone.restore_governor(saved["users"][0])
    assert alone.describe_governor()["used_today"] == 3


def test_more_users_are_read_from_a_file(tmp_path: Path) -> None:
    first = SignInOptions(mode="client_secret", client_id="a", client_secret="s", tenant_id="t")
    file = tmp_path / "users.json"
    file.write_text('[{"client_id": "b", "client_secret": "x"}]')
    (found,) = read_more_users(file, first)
    assert (found.client_id, found.client_secret, found.tenant_id) == ("b", "x", "t")
    assert read_more_users(None, first) == ()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{}", "must be a list"),
        ('[{"client_id": "b"}]', "client_secret"),
        ('[{"client_id": "a", "client_secret": "x"}]', "twice"),
    ],
)
def test_a_file_of_users_that_is_wrong_is_one_sentence(
    tmp_path: Path, text: str, words: str
) -> None:
    file = tmp_path / "users.json"
    file.write_text(text)
    with pytest.raises(ConfigProblem, match=words):
        read_more_users(file, SignInOptions(mode="client_secret", client_id="a"))
    with pytest.raises(ConfigProblem, match="cannot be read"):
        read_more_users(tmp_path / "absent", SignInOptions(mode="client_secret"))
