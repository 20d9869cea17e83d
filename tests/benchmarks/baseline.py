"""Peak memory of the first read of a large table, by the whole cycle into a store on disk.

Run as a process of its own, so that nothing else counts: `python -m tests.benchmarks.baseline`.
"""

import http.server
import json
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from time import perf_counter
from typing import Any

import structlog
from typing_extensions import override

from connector.cycle.parts import CycleParts
from connector.cycle.table_cycle import run_cycle
from tests.benchmarks.connector import ROWS, build_page, build_static_client, report, say
from tests.support.worlds import World

PAGES = 200
MARKS = (20, 60, 200)
"""Pages after which the peak is told: a hundred, three hundred thousand rows, a million."""
LIMIT_MEGABYTES = 150


def run() -> None:
    """Print the peak above the start, and how much of it came after the first tenth."""
    structlog.configure(logger_factory=structlog.ReturnLoggerFactory())
    peaks: list[float] = []

    def note(_what: str, _count: int) -> None:
        peaks.append(read_memory("VmHWM"))

    with tempfile.TemporaryDirectory() as folder, serve_pages() as url:
        world = World(folder=Path(folder))
        with build_static_client(url) as client:
            parts: CycleParts = replace(world.parts(), source=client, report=note)
            client.describe_governor()
            start = read_memory("VmRSS")
            began = perf_counter()
            record = run_cycle(parts, world.table())
            seconds = perf_counter() - began
        world.store.close()
    rows = record.counts["baseline"]
    say(f"baseline of {rows:,} rows into SQLite: {rows / seconds:,.0f} rows/s")
    report("  peak memory above the start, MB", peaks[-1] - start, LIMIT_MEGABYTES, at_most=True)
    for mark in (mark for mark in MARKS if mark <= len(peaks)):
        say(f"    after {mark * ROWS:>9,} rows, MB {peaks[mark - 1] - start:>34.2f}")
    report("  of it after the first tenth, MB", peaks[-1] - peaks[MARKS[0]], 15, at_most=True)


def read_memory(field: str) -> float:
    """A figure of this process in megabytes."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(field):
            return int(line.split()[1]) / 1024
    raise LookupError(field)


@contextmanager
def serve_pages() -> Iterator[str]:
    """A table of a million rows: one page, its ids changed for each number of a page."""
    page = build_page()
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
            body = definition if "EntityDefinitions" in self.path else self._build_page()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def _build_page(self) -> bytes:
            number = int(self.path.partition("skiptoken=")[2] or 0)
            root = f"http://{self.headers['Host']}/api/data/v9.2/leads?$"
            link = (
                f'"@odata.nextLink": "{root}skiptoken={number + 1}"'
                if number + 1 < PAGES
                else f'"@odata.deltaLink": "{root}deltatoken=1"'
            )
            body = page.replace(b"-0000-0000-0000-000000000000", b"-0000-0000-0000-%012d" % number)
            return body.replace(b'"@odata.deltaLink": "DELTA"', link.encode(), 1)

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


if __name__ == "__main__":
    PAGES = int(sys.argv[1]) if len(sys.argv) > 1 else PAGES
    run()
