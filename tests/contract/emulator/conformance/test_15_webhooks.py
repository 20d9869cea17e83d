"""Webhook calls: who is called, with what, how often, and what is lost."""

import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from typing_extensions import override

from connector.emulator.organization.organization import fixed_id
from tests.contract.emulator.conftest import Api, sign_in, start


@dataclass
class Received:
    """One call as the receiver saw it."""

    path: str
    headers: dict[str, str]
    body: dict[str, Any]


@dataclass
class Receiver:
    """A web server that answers calls with the statuses it was told, then with 200."""

    url: str = ""
    statuses: list[int] = field(default_factory=list[int])
    calls: list[Received] = field(default_factory=list[Received])
    arrived: threading.Condition = field(default_factory=threading.Condition)

    def wait_for(self, count: int) -> list[Received]:
        with self.arrived:
            assert self.arrived.wait_for(lambda: len(self.calls) >= count, timeout=20)
            return list(self.calls)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    found = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            with found.arrived:
                status = found.statuses.pop(0) if found.statuses else 200
                found.calls.append(Received(self.path, headers, json.loads(body)))
                found.arrived.notify_all()
            self.send_response(status)
            self.end_headers()

        @override
        def log_message(self, format: str, *args: Any) -> None:
            del format, args

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        found.url = f"http://127.0.0.1:{server.server_port}/hook"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield found
        server.shutdown()
        thread.join()


@pytest.fixture
def hooked() -> Iterator[Api]:
    """An emulator of its own, so that calls of other tests do not arrive here."""
    with start() as server:
        client = sign_in(server)
        yield client
        client.session.close()


def register(api: Api, receiver: Receiver, **changes: Any) -> None:
    api.control("POST", "webhooks", {"url": receiver.url, **changes})


def wait_until(api: Api, reached: Callable[[list[dict[str, Any]]], bool]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for _ in range(2000):
        found = api.control("GET", "webhooks")["deliveries"]
        if reached(found):
            return found
    raise AssertionError(found)


def attributes(call: Received) -> dict[str, Any]:
    target = call.body["InputParameters"][0]["value"]
    return {each["key"]: each["value"] for each in target["Attributes"]}


def test_a_created_row_is_told_with_its_values_in_the_platforms_form(
    hooked: Api, receiver: Receiver
) -> None:
    register(hooked, receiver)
    body = {"subject": "New", "leadsourcecode": 7, "revenue": 12.5, "donotemail": True}
    lead = hooked.create("leads", body)
    call = receiver.wait_for(1)[0]
    assert (call.body["MessageName"], call.body["PrimaryEntityName"]) == ("Create", "lead")
    assert (call.body["PrimaryEntityId"], call.body["Stage"], call.body["Mode"]) == (lead, 40, 1)
    told = attributes(call)
    assert (told["subject"], told["donotemail"]) == ("New", True)
    assert told["leadsourcecode"]["Value"] == 7
    assert told["leadsourcecode"]["__type"].startswith("OptionSetValue:")
    assert told["revenue"]["Value"] == 12.5
    assert told["ownerid"]["LogicalName"] == "systemuser"
    assert call.body["OperationCreatedOn"].startswith("/Date(")


def test_a_call_carries_the_platforms_headers_and_the_receivers_secret(
    hooked: Api, receiver: Receiver
) -> None:
    register(hooked, receiver, headers={"x-secret": 'a "b" & c'})
    hooked.create("leads", {"subject": "New"})
    headers = receiver.wait_for(1)[0].headers
    assert headers["x-secret"] == 'a "b" & c'
    assert headers["x-ms-dynamics-request-name"] == "Create"
    assert headers["x-ms-dynamics-entity-name"] == "lead"
    assert {"x-request-id", "x-ms-correlation-request-id", "x-ms-dynamics-organization"} <= set(
        headers
    )


def test_an_update_is_told_with_the_columns_written_only(hooked: Api, receiver: Receiver) -> None:
    lead = hooked.create("leads", {"subject": "New"})
    register(hooked, receiver)
    hooked.patch(f"leads({lead})", {"description": "x"})
    assert set(attributes(receiver.wait_for(1)[0])) == {"description", "leadid"}


def test_filtering_attributes_keep_other_updates_quiet(hooked: Api, receiver: Receiver) -> None:
    lead = hooked.create("leads", {"subject": "New"})
    register(hooked, receiver, messages=["Update"], filtering_attributes=["subject"])
    hooked.patch(f"leads({lead})", {"description": "quiet"})
    hooked.patch(f"leads({lead})", {"subject": "loud"})
    assert [attributes(call)["subject"] for call in receiver.wait_for(1)] == ["loud"]
    assert hooked.control("GET", "webhooks")["waiting"] == 0


def test_a_new_owner_is_told_as_an_update_also_below_an_account(
    hooked: Api, receiver: Receiver
) -> None:
    account = hooked.create("accounts", {"name": "A"})
    lead = hooked.create("leads", {"customerid_account@odata.bind": f"/accounts({account})"})
    register(hooked, receiver)
    seller = fixed_id("systemuser/seller/3")
    hooked.patch(f"accounts({account})", {"ownerid@odata.bind": f"/systemusers({seller})"})
    call = receiver.wait_for(1)[0]
    assert (call.body["MessageName"], call.body["PrimaryEntityId"]) == ("Update", lead)
    assert attributes(call)["ownerid"]["Id"] == seller


def test_a_deleted_row_is_told_by_reference(hooked: Api, receiver: Receiver) -> None:
    lead = hooked.create("leads", {"subject": "New"})
    register(hooked, receiver, messages=["Delete"])
    hooked.call("DELETE", f"leads({lead})")
    target = receiver.wait_for(1)[0].body["InputParameters"][0]["value"]
    assert (target["LogicalName"], target["Id"]) == ("lead", lead)
    assert target["__type"].startswith("EntityReference:")


def test_rows_registered_by_a_client_work_with_a_key_and_images(
    hooked: Api, receiver: Receiver
) -> None:
    endpoint = hooked.create(
        "serviceendpoints",
        {"name": "h", "contract": 8, "url": receiver.url, "authtype": 4, "authvalue": "k&y"},
    )
    message = hooked.rows("sdkmessages?$filter=name eq 'Update'&$select=sdkmessageid")[0]
    step = hooked.create(
        "sdkmessageprocessingsteps",
        {
            "name": "s",
            "sdkmessageid@odata.bind": f"/sdkmessages({message['sdkmessageid']})",
            "eventhandler_serviceendpoint@odata.bind": f"/serviceendpoints({endpoint})",
        },
    )
    for kind, alias in ((0, "before"), (1, "after")):
        bind = "sdkmessageprocessingstepid@odata.bind"
        image = {"entityalias": alias, "imagetype": kind, "attributes": "subject"}
        hooked.create(
            "sdkmessageprocessingstepimages", {**image, bind: f"/sdkmessageprocessingsteps({step})"}
        )
    lead = hooked.create("leads", {"subject": "old"})
    hooked.patch(f"leads({lead})", {"subject": "new"})
    call = receiver.wait_for(1)[0]
    assert call.path == "/hook?code=k%26y"
    images = [call.body[f"{side}EntityImages"][0] for side in ("Pre", "Post")]
    told = [(each["key"], each["value"]["Attributes"][0]["value"]) for each in images]
    assert told == [("before", "old"), ("after", "new")]


def test_a_disabled_step_calls_nobody(hooked: Api, receiver: Receiver) -> None:
    register(hooked, receiver, tables=["contact"])
    for step in hooked.rows("sdkmessageprocessingsteps?$select=name"):
        path = f"sdkmessageprocessingsteps({step['sdkmessageprocessingstepid']})"
        hooked.patch(path, {"statecode": 1, "statuscode": 2})
    hooked.create("contacts", {"lastname": "C"})
    state = hooked.control("GET", "webhooks")
    assert (state["waiting"], state["deliveries"]) == (0, [])


def test_a_refused_write_calls_nobody(hooked: Api, receiver: Receiver) -> None:
    register(hooked, receiver)
    assert hooked.call("POST", "leads", json={"nosuchcolumn": 1}).status_code == 400
    assert hooked.control("GET", "webhooks")["waiting"] == 0


@pytest.mark.parametrize("status", [502, 503, 504])
def test_a_passing_failure_is_tried_once_more(hooked: Api, receiver: Receiver, status: int) -> None:
    receiver.statuses = [status]
    register(hooked, receiver)
    hooked.create("leads", {"subject": "New"})
    done = wait_until(hooked, lambda calls: bool(calls) and calls[0]["outcome"] == "delivered")
    assert done[0]["attempts"] == 2


@pytest.mark.parametrize(
    ("statuses", "attempts"), [([500], 1), ([404], 1), ([503, 503], 2)], ids=str
)
def test_a_lasting_failure_ends_as_a_failed_system_job(
    hooked: Api, receiver: Receiver, statuses: list[int], attempts: int
) -> None:
    receiver.statuses = list(statuses)
    register(hooked, receiver)
    hooked.create("leads", {"subject": "New"})
    done = wait_until(hooked, lambda calls: bool(calls) and calls[0]["outcome"] == "failed")
    assert (done[0]["attempts"], done[0]["status"]) == (attempts, statuses[-1])
    jobs = hooked.rows("asyncoperations?$filter=statuscode eq 31&$select=message")
    assert len(jobs) == 1


def test_a_body_above_256_kb_is_stripped(hooked: Api, receiver: Receiver) -> None:
    register(hooked, receiver, post_image=True)
    hooked.create("leads", {"subject": "short"})
    register(hooked, receiver, tables=["sdkmessageprocessingstep"], messages=["Create"])
    body = {"name": "long", "configuration": "x" * 300_000}
    hooked.create("sdkmessageprocessingsteps", body)
    short, _, long = receiver.wait_for(3)
    assert short.body["PostEntityImages"]
    assert "x-ms-dynamics-msg-size-exceeded" not in short.headers
    assert long.headers["x-ms-dynamics-msg-size-exceeded"] == "true"
    assert (long.body["InputParameters"], long.body["PostEntityImages"]) == ([], [])


def test_calls_can_be_dropped(hooked: Api, receiver: Receiver) -> None:
    hooked.control("POST", "deliveries", {"drop": 1})
    register(hooked, receiver)
    hooked.create("leads", {"subject": "New"})
    wait_until(hooked, lambda calls: [call["outcome"] for call in calls] == ["dropped"])
    assert receiver.calls == []


def test_calls_can_arrive_twice(hooked: Api, receiver: Receiver) -> None:
    hooked.control("POST", "deliveries", {"duplicate": 1})
    register(hooked, receiver)
    hooked.create("leads", {"subject": "New"})
    first, second = receiver.wait_for(2)
    assert first.body == second.body


def test_calls_can_arrive_in_another_order(hooked: Api, receiver: Receiver) -> None:
    hooked.control("POST", "deliveries", {"shuffle": True})
    register(hooked, receiver)
    body = {
        "Targets": [
            {"@odata.type": "Microsoft.Dynamics.CRM.lead", "subject": str(n)} for n in range(20)
        ]
    }
    answer = hooked.call("POST", "leads/Microsoft.Dynamics.CRM.CreateMultiple", json=body)
    assert answer.status_code == 200
    order = [attributes(call)["subject"] for call in receiver.wait_for(20)]
    assert sorted(order, key=int) == [str(number) for number in range(20)]
    assert order != sorted(order, key=int)


def test_a_receiver_that_does_not_answer_in_time_has_failed(hooked: Api) -> None:
    silent = ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)
    with silent:
        hooked.control("POST", "deliveries", {"timeout_seconds": 0.05})
        url = f"http://127.0.0.1:{silent.server_port}/"
        hooked.control("POST", "webhooks", {"url": url})
        hooked.create("leads", {"subject": "New"})
        done = wait_until(hooked, lambda calls: bool(calls) and calls[0]["outcome"] == "failed")
    assert (done[0]["attempts"], done[0]["status"]) == (1, None)


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("webhooks", {}),
        ("webhooks", {"url": "ftp://x"}),
        ("webhooks", {"url": "http://x", "table": "lead"}),
        ("webhooks", {"url": "http://x", "tables": ["nosuch"]}),
        ("deliveries", {"loss": 1}),
        ("deliveries", {"drop": "often"}),
    ],
    ids=str,
)
def test_registrations_that_cannot_be_are_refused(
    api: Api, name: str, body: dict[str, object]
) -> None:
    url = f"{api.server.url}/_emulator/{name}"
    assert api.session.post(url, json=body, timeout=30).status_code == 400


def test_a_receiver_has_sixty_seconds(hooked: Api) -> None:
    assert hooked.control("GET", "webhooks")["settings"]["timeout_seconds"] == 60
