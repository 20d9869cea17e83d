"""Point 2: headers of requests are taken leniently, answers carry the platform's."""

import re

import pytest

from tests.contract.emulator.conftest import Api


@pytest.mark.parametrize(
    "headers",
    [{}, {"OData-Version": "4.0", "OData-MaxVersion": "4.0", "If-None-Match": "null"}],
    ids=["none", "all"],
)
def test_headers_of_odata_may_be_missing(api: Api, headers: dict[str, str]) -> None:
    assert api.get("leads?$top=1", headers=headers).status_code == 200


def test_every_answer_tells_its_odata_version(api: Api) -> None:
    lead = api.create("leads", {"subject": "L"})
    answers = [
        api.get("leads?$top=1"),
        api.get("leadz"),
        api.patch(f"leads({lead})", {"subject": "M"}),
        api.call("DELETE", f"leads({lead})"),
    ]
    assert [each.headers["OData-Version"] for each in answers] == ["4.0"] * 4
    assert answers[0].headers["Content-Type"] == "application/json; odata.metadata=minimal"


def test_applied_preferences_are_echoed(api: Api) -> None:
    prefer = 'odata.maxpagesize=3, odata.include-annotations="*", no.such.preference'
    answer = api.get("leads", headers={"Prefer": prefer})
    assert answer.headers["Preference-Applied"] == (
        'odata.maxpagesize=3, odata.include-annotations="*"'
    )
    assert "Preference-Applied" not in api.get("leads?$top=1").headers


def test_answers_carry_an_id_of_their_own(api: Api) -> None:
    answers = [api.get("WhoAmI"), api.get("leadz"), api.get("WhoAmI")]
    for name in ("REQ_ID", "x-ms-service-request-id"):
        ids = {each.headers[name] for each in answers}
        assert len(ids) == 3
        assert all(re.fullmatch(r"[0-9a-f-]{36}", each) for each in ids)


def test_answers_advise_how_many_requests_to_run_at_once(api: Api) -> None:
    assert int(api.get("WhoAmI").headers["x-ms-dop-hint"]) > 0


def test_answers_tell_what_is_left_of_the_limits(api: Api) -> None:
    first, second = (api.get("WhoAmI").headers for _ in range(2))
    name = "x-ms-ratelimit-burst-remaining-xrm-requests"
    assert int(second[name]) == int(first[name]) - 1 < 6000
    assert re.fullmatch(r"[\d,]+\.\d\d", first["x-ms-ratelimit-time-remaining-xrm-requests"])


def test_answers_pin_the_client_to_a_server_by_cookie(api: Api) -> None:
    assert api.get("WhoAmI").headers["Set-Cookie"].startswith("ARRAffinity=")
