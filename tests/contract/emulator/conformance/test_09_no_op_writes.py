"""Point 9: the server does not suppress writes that change nothing."""

from tests.contract.emulator.conftest import Api


def test_identical_values_still_raise_the_version(api: Api) -> None:
    lead = api.create("leads", {"subject": "Same"})
    before = api.get(f"leads({lead})").json()
    api.control("POST", "clock", {"advance_seconds": 60})
    answer = api.patch(f"leads({lead})", {"subject": "Same"})
    after = api.get(f"leads({lead})").json()
    assert after["versionnumber"] > before["versionnumber"]
    assert after["modifiedon"] > before["modifiedon"]
    assert answer.headers["OData-EntityId"] == f"{api.root}/leads({lead})"
