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
import structlog
from typing_extensions import override

from connector.dataverse.client import DataverseClient
from connector.dataverse.limits.governor import GovernorOptions
from connector.dataverse.reads.row_decoding import choose_decoder
from connector.dataverse.sign_in.options import SignInOptions
from connector.dataverse.wire.odata import FORMATTED, LOOKUP_TABLE
from connector.dataverse.wire.payloads import decode_collection
from connector.dataverse.wiring import ClientDependencies, ClientOptions, build_client
from connector.dataverse.writes.batch import decode_batch
from connector.ports import TableQuery

ROWS = 5_000
PARTS = 1_000
ROUNDS = 15
QUERY = TableQuery(
    table="lead",
    columns=(
        "_ownerid_value",
        "address1_city",
        "address1_country",
        "companyname",
        "createdon",
        "estimatedamount",
        "leadid",
        "modifiedon",
        "statecode",
        "statuscode",
        "subject",
    ),
    labelled=("_ownerid_value", "statecode", "statuscode"),
)
"""A table as the rules have it read: some columns, and the labels that conditions may compare."""


def run() -> None:
    """Print each ratio beside its target."""
    structlog.configure(logger_factory=structlog.ReturnLoggerFactory())
    compare_codecs()
    compare_page()
    from tests.benchmarks import pacing

    pacing.run()
    for part in ("baseline", "latency"):
        subprocess.run([sys.executable, "-m", f"tests.benchmarks.{part}"], check=True)


def compare_codecs() -> None:
    """Decoding of a batch response and of a page, processor time."""
    body, kind = build_batch_response()
    head = f"Content-Type: {kind}\r\n\r\n".encode()
    parts, parser = measure(
        lambda: decode_batch(body, kind),
        lambda: BytesParser().parsebytes(head + body).get_payload(),
    )
    report(f"$batch of {PARTS:,} decoded, ours / email.parser", parser / parts, 8)
    page, decoder = build_page(), choose_decoder(QUERY, "leadid")
    typed, plain, standard = measure(
        lambda: decode_collection(page, decoder),
        lambda: decode_collection(page),
        lambda: json.loads(page),
    )
    report(f"page of {ROWS:,} rows decoded for its query / json.loads", standard / typed, 3)
    say(f"{'  without a query':<60} {standard / plain:>8.2f}")


def compare_page() -> None:
    """A page over HTTP: processor time of the reading thread, the client beside bare requests."""
    page = build_page()
    with serve(page) as url, build_static_client(url) as client, requests.Session() as session:
        decoder = choose_decoder(QUERY, "leadid")

        def bare() -> None:
            answer = session.get(f"{url}/api/data/v9.2/leads", timeout=30)
            decode_collection(answer.content, decoder)

        def whole() -> None:
            assert len(client.fetch_first_page(QUERY).rows) == ROWS

        whole()
        ours, theirs = measure(whole, bare, clock=thread_time)
    report("page read, client / bare requests and decoding", ours / theirs, 1.5, at_most=True)


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
    """A page of leads as Dataverse answers `QUERY`.

    Every value people see otherwise comes with its formatted value, a lookup with its table, and an
    amount with its currency, asked for or not.
    """
    label, table = f"@{FORMATTED}", f"@{LOOKUP_TABLE}"
    rows = [
        {
            "@odata.etag": f'W/"{1_000_000 + number}"',
            f"_ownerid_value{label}": "Ana Souza",
            f"_ownerid_value{table}": "systemuser",
            "_ownerid_value": f"{number % 50:08x}-1111-0000-0000-000000000000",
            "address1_city": "London",
            "address1_country": None,
            "companyname": f"Contoso {number}",
            f"createdon{label}": "3/31/2026 2:05 PM",
            "createdon": "2026-03-31T12:05:09Z",
            f"estimatedamount{label}": "£20,000.00",
            "estimatedamount": 20000.0,
            "leadid": f"{number:08x}-0000-0000-0000-000000000000",
            f"modifiedon{label}": "3/31/2026 2:05 PM",
            "modifiedon": "2026-03-31T12:05:09Z",
            f"statecode{label}": "Open",
            "statecode": 0,
            f"statuscode{label}": "Contacted",
            "statuscode": 2,
            "subject": f"Fleet renewal {number}",
            f"_transactioncurrencyid_value{label}": "Pound Sterling",
            f"_transactioncurrencyid_value{table}": "transactioncurrency",
            "_transactioncurrencyid_value": "bb8bff71-d51b-55e3-9fbb-0570a7724158",
        }
        for number in range(ROWS)
    ]
    text = json.dumps(
        {"@odata.context": "leads", "value": rows, "@odata.deltaLink": "DELTA"}, ensure_ascii=False
    )
    return text.encode()


@contextmanager
def serve(page: bytes) -> Iterator[str]:
    """The page, and the definition of its table, over plain HTTP."""
    definition = json.dumps(
        {
            "LogicalName": "lead",
            "EntitySetName": "leads",
            "PrimaryIdAttribute": "leadid",
            "ChangeTrackingEnabled": True,
        }
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
        ClientDependencies(
            clock=Still(),
            sleep=lambda _: None,
            random=lambda: 0.5,
            new_id=lambda: str(next(numbers)),
        ),
    )


def measure(
    *contenders: Callable[[], object], clock: Callable[[], float] = process_time
) -> list[float]:
    """The shortest round of each contender, by turns, in seconds of the given clock."""
    best = [float("inf")] * len(contenders)
    for _ in range(ROUNDS):
        for number, work in enumerate(contenders):
            started = clock()
            work()
            best[number] = min(best[number], clock() - started)
    return best


def report(title: str, value: float, target: float, *, at_most: bool = False) -> None:
    """One line: the figure beside its target, and whether it is met."""
    is_met = value <= target if at_most else value >= target
    say(
        f"{title:<60} {value:>8.2f}  (target {'<=' if at_most else '>='} {target:g})"
        f"  {'ok' if is_met else 'BELOW'}"
    )


def say(line: str) -> None:
    """One line on the terminal."""
    sys.stdout.write(f"{line}\n")


if __name__ == "__main__":
    run()
