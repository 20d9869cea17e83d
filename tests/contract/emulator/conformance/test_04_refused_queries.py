"""Point 4: what queries may not hold."""

import pytest

from tests.contract.emulator.conftest import Api, error_of


def test_skip_is_refused(api: Api) -> None:
    assert error_of(api.get("leads?$skip=1")) == (400, "0x80060888")


def test_search_is_refused(api: Api) -> None:
    assert error_of(api.get("leads?$search=x")) == (400, "0x80060888")


def test_format_is_refused(api: Api) -> None:
    assert error_of(api.get("leads?$format=json")) == (400, "0x80060888")


@pytest.mark.parametrize("option", ["$select=foo", "$filter=foo eq 1", "$orderby=foo"])
def test_an_unknown_property_is_named(api: Api, option: str) -> None:
    answer = api.get(f"leads?{option}")
    assert error_of(answer) == (400, "0x80060888")
    assert answer.json()["error"]["message"] == (
        "Could not find a property named 'foo' on type 'Microsoft.Dynamics.CRM.lead'."
    )


def test_an_unknown_set_is_a_bad_request_and_not_a_404(api: Api) -> None:
    answer = api.get("leadz")
    assert error_of(answer) == (400, "0x80060888")
    assert "Resource not found for the segment" in answer.json()["error"]["message"]
