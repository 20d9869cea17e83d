"""Generated requests over an OpenAPI document made from our `$metadata`: never a server error."""

import os
from collections import Counter
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis.core.result import Ok

from tests.support.in_process import ROOT, Answer, InProcessEmulator
from tests.support.openapi import build_openapi

EXAMPLES = 4_000 if os.environ.get("HYPOTHESIS_PROFILE") == "long" else 300


@pytest.fixture(scope="module")
def emulator() -> Iterator[InProcessEmulator]:
    from connector.emulator.seed.organization import SeedSize

    with InProcessEmulator(SeedSize(sellers=3, leads=6, opportunities=4, insights=2)) as running:
        yield running


@pytest.fixture(scope="module")
def document(emulator: InProcessEmulator) -> dict[str, Any]:
    return build_openapi(emulator.call("GET", "$metadata").body.decode(), ROOT)


def send(emulator: InProcessEmulator, case: Any, row_id: str | None) -> tuple[str, Answer]:
    """Send what was generated; a key that names a row reaches further than a random one."""
    if row_id is not None and "key" in case.path_parameters:
        case.path_parameters["key"] = row_id
    parts = case.as_transport_kwargs(base_url=ROOT)
    parts.pop("cookies", None)
    prepared = requests.Request(**parts).prepare()
    body = prepared.body or b""
    raw = body if isinstance(body, bytes) else body.encode("utf-8", "surrogatepass")
    headers = {name: value for name, value in prepared.headers.items() if value.isascii()}
    url = quote(str(prepared.url), safe="/:?#[]@!$&'()*+,;=%~-._")
    return f"{case.method} {url}", emulator.send(case.method, url, raw, headers)


def test_generated_requests_find_no_server_error(
    emulator: InProcessEmulator, document: dict[str, Any]
) -> None:
    schema = schemathesis.openapi.from_dict(document)
    operations = [found.ok() for found in schema.get_all_operations() if isinstance(found, Ok)]
    known = {name: ids_of(emulator, name, key) for name, key in document["x-odata-keys"].items()}
    statuses: Counter[int] = Counter()

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        phases=(Phase.generate,),
        suppress_health_check=list(HealthCheck),
    )
    @given(data=st.data())
    def run(data: st.DataObject) -> None:
        operation = data.draw(st.sampled_from(operations))
        case = data.draw(operation.as_strategy())
        ids = known[operation.path.split("/")[1].partition("(")[0]]
        row_id = data.draw(st.sampled_from([None, *ids])) if ids else None
        asked, answer = send(emulator, case, row_id)
        statuses[answer.status] += 1
        emulator.server.throttle.reset()
        if answer.status == 501:
            assert len(answer.json["error"]["message"]) > 20, asked
        else:
            assert answer.status < 500, (asked, answer.body)

    run()
    assert sum(statuses.values()) >= EXAMPLES
    assert {200, 204, 400, 404} <= statuses.keys(), statuses


def ids_of(emulator: InProcessEmulator, entity_set: str, key: str) -> list[str]:
    """Two rows to begin with; most of what is generated would miss otherwise."""
    return [row[key] for row in emulator.call("GET", f"{entity_set}?$top=2").json["value"]]


@pytest.mark.parametrize("entity_set", ["leads", "teammemberships", "systemusers"])
def test_the_document_covers_every_set(document: dict[str, Any], entity_set: str) -> None:
    paths = document["paths"]
    assert {"get", "post"} <= paths[f"/{entity_set}"].keys()
    assert document["x-odata-keys"][entity_set]
    assert {"get", "patch", "delete"} <= paths[f"/{entity_set}({{key}})"].keys()
    members = paths[f"/{entity_set}"]["post"]["requestBody"]["content"]["application/json"]
    assert members["schema"]["properties"]
