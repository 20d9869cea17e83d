"""The emulator's page for users: it names everything there is, and its examples work."""

import json
import re
from pathlib import Path

import pytest

from connector import emulator
from connector.emulator.background.webhooks import DeliverySettings
from connector.emulator.http.control import BEHAVIOUR
from connector.emulator.protection.faults import KINDS, Fault
from connector.emulator.protection.throttle import Limits
from tests.contract.emulator.conftest import Api, sign_in, start

PAGE = (Path(emulator.__file__).parent / "README.md").read_text(encoding="utf-8")
REQUESTS = re.findall(r"^\| (GET|POST|DELETE) (\w+) \| (?:`(.*?)`)? ?\|", PAGE, re.MULTILINE)


def test_every_example_is_accepted() -> None:
    with start() as server:
        client = sign_in(server)
        for method, name, body in REQUESTS:
            client.control(method, name, json.loads(body) if body else None)
        client.session.close()


def test_every_control_request_is_on_the_page(api: Api) -> None:
    named = {(method, name) for method, name, _ in REQUESTS}
    assert named == set(api.server.web.control.handlers())


@pytest.mark.parametrize(
    "names",
    [
        KINDS,
        tuple(Fault.__dataclass_fields__.keys() - {"kind", "hits"}),
        tuple(Limits.__dataclass_fields__),
        tuple(DeliverySettings.__dataclass_fields__),
        BEHAVIOUR,
    ],
    ids=["faults", "members of a fault", "limits", "deliveries", "behaviour"],
)
def test_every_name_is_on_the_page(names: tuple[str, ...]) -> None:
    missing = [name for name in names if not re.search(rf"[`\"]{name}[`\"]", PAGE)]
    assert missing == []
