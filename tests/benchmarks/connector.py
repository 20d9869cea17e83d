"""How fast the connector reads and writes: codecs beside the standard library, pacing beside the limit."""

import http.server
import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from email.parser import BytesParser
from itertools import count
from time import process_time, thread_time
from typing import Any

import requests
from typing_extensions import override

from connector.dataverse.batch import decode_batch
from connector.dataverse.client import DataverseClient
from connector.dataverse.governor import GovernorOptions
from connector.dataverse.payloads import decode_collection
from connector.dataverse.wiring import ClientOptions, SignInOptions, Surroundings, build_client

ROWS = 5_000
PARTS = 1_000
ROUNDS = 15


def run() -> None:
    """Print each ratio beside its target."""
    compare_codecs()
    compare_page()
    from tests.benchmarks.pacing import run_pacing

    run_pacing()
    for part in ("baseline", "latency"):
        subprocess.run([sys.executable, "-m", f"tests.benchmarks.{part}"], check=True)


def compare_codecs() -> None:
    """Decoding of a batch response and of a page, processor time."""
    body, kind = build_batch_response()
    head = f"Content-Type: {kind}\r\n\r\n".encode()
    ours = measure(lambda: decode_batch(body, kind))
    theirs = measure(lambda: BytesParser().parsebytes(head + body).get_payload())
    report(f"$batch of {PARTS:,} decoded, ours / email.parser", theirs / ours, 8)
    page = build_page()
    ours = measure(lambda: decode_collection(page))
    theirs = measure(lambda: json.loads(page))
    report(f"page of {ROWS:,} rows decoded, ours / json.loads", theirs / ours, 3)


def compare_page() -> None:
    """A page over HTTP: processor time of the reading thread, the client beside bare requests."""
    page = build_page()
    with serve(page) as url, build_static_client(url) as client, requests.Session() as session:

        def bare() -> None:
            answer = session.get(f"{url}/api/data/v9.2/leads", timeout=30)
            decode_collection(answer.content)

        def whole() -> None:
            assert sum(1 for _ in client.read_rows("lead", ("subject",))) == ROWS

        whole()
        ratio = measure(whole, thread_time) / measure(bare, thread_time)
    report("page read, processor time of the client / bare requests", ratio, 1.5, at_most=True)


def build_batch_response() -> tuple[bytes, str]:
    """A thousand answers, one in fifty a conflict."""
    parts: list[str] = []
    for number in range(PARTS):
        refused = number % 50 == 0
        status = "412 Precondition Failed" if refused else "204 No Content"
        body = '{"error":{"code":"0x80060882","message":"The version moved."}}' if refused else ""
        parts.append(
            "--batchresponse_1\r\nContent-Type: application/http\r\n"
            f"Content-Transfer-Encoding: binary\r\n\r\nHTTP/1.1 {status}\r\n"
            "Content-Type: application/json; odata.metadata=minimal\r\nOData-Version: 4.0\r\n"
            f"OData-EntityId: https://x/api/data/v9.2/leads({number:032x})\r\n\r\n{body}\r\n"
        )
    text = "".join(parts) + "--batchresponse_1--\r\n"
    return text.encode(), "multipart/mixed; boundary=batchresponse_1"


def build_page() -> bytes:
    """A page of leads with the annotations the connector asks for."""
    label = "@OData.Community.Display.V1.FormattedValue"
    rows = [
        {
            "@odata.etag": f'W/"{1_000_000 + number}"',
            "leadid": f"{number:08x}-0000-0000-0000-000000000000",
            "subject": f"Fleet renewal {number}",
            f"statuscode{label}": "Contacted",
            "statuscode": 2,
            f"_ownerid_value{label}": "Ana Souza",
            "_ownerid_value@Microsoft.Dynamics.CRM.lookuplogicalname": "systemuser",
            "_ownerid_value": f"{number % 50:08x}-1111-0000-0000-000000000000",
            "createdon": "2026-03-31T12:05:09Z",
            "modifiedon": "2026-03-31T12:05:09Z",
            "estimatedamount": 20000.0,
            "address1_city": "London",
            "address1_country": None,
            "companyname": f"Contoso {number}",
            "statecode": 0,
        }
        for number in range(ROWS)
    ]
    return json.dumps({"@odata.context": "leads", "value": rows}).encode()


@contextmanager
def serve(page: bytes) -> Iterator[str]:
    """The page, and the definition of its table, over plain HTTP."""
    definition = json.dumps(
        {"LogicalName": "lead", "EntitySetName": "leads", "PrimaryIdAttribute": "leadid"}
    ).encode()

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            body = definition if "EntityDefinitions" in self.path else page
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        @override
        def log_message(self, *arguments: Any) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()


def build_static_client(url: str) -> DataverseClient:
    """A client without pacing; its clock stands still."""

    class Still:
        def now(self) -> datetime:
            return datetime.fromisoformat("2026-11-23T09:00:00+00:00")

    numbers = count()
    return build_client(
        ClientOptions(
            url=url,
            sign_in=SignInOptions(mode="static_token", token="x"),
            governor=GovernorOptions(is_pacing=False),
        ),
        Surroundings(
            clock=Still(),
            sleep=lambda _: None,
            random=lambda: 0.5,
            new_id=lambda: str(next(numbers)),
        ),
    )


def measure(work: Callable[[], object], clock: Callable[[], float] = process_time) -> float:
    """The shortest of several rounds, in seconds of the given clock."""
    best = float("inf")
    for _ in range(ROUNDS):
        started = clock()
        work()
        best = min(best, clock() - started)
    return best


def report(title: str, ratio: float, target: float, *, at_most: bool = False) -> None:
    """One line: the ratio beside its target."""
    say(f"{title:<60} {ratio:>8.2f}  (target {'<=' if at_most else '>='} {target})")


def say(line: str) -> None:
    """One line on the terminal."""
    sys.stdout.write(f"{line}\n")


if __name__ == "__main__":
    run()
