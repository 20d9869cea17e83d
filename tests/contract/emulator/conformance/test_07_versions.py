"""Point 7: one version counter of the organization feeds rows, ETags and delta tokens."""

import re
from itertools import pairwise
from urllib.parse import unquote

import requests

from tests.contract.emulator.conftest import Api, track


def version_of(api: Api, path: str) -> int:
    return int(api.get(f"{path}?$select=versionnumber").json()["versionnumber"])


def test_one_counter_serves_every_table(api: Api) -> None:
    made = (("leads", "subject"), ("accounts", "name"), ("contacts", "lastname"))
    versions = [
        version_of(api, f"{entity_set}({api.create(entity_set, {column: 'V'})})")
        for entity_set, column in made
    ]
    assert versions == sorted(set(versions))


def test_the_counter_has_gaps(api: Api) -> None:
    versions = [version_of(api, f"leads({api.create('leads', {'subject': 'V'})})") for _ in "abc"]
    assert all(later > earlier + 1 for earlier, later in pairwise(versions))


def test_the_version_is_the_etag(api: Api) -> None:
    row = api.get(f"leads({api.create('leads', {'subject': 'V'})})?$select=versionnumber").json()
    assert row["@odata.etag"] == f'W/"{row["versionnumber"]}"'


def test_a_delta_token_starts_with_the_version_it_reaches(api: Api) -> None:
    version = version_of(api, f"leads({api.create('leads', {'subject': 'V'})})")
    _, link = track(api)
    token = unquote(link.rpartition("$deltatoken=")[2])
    assert re.fullmatch(r"\d+!\d\d/\d\d/\d{4} \d\d:\d\d:\d\d", token)
    assert int(token.partition("!")[0]) >= version


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
