"""From a change in the environment to the owner written, at fifty changes a second.

The emulator and those who change its rows are processes of their own; all runs in real time. The
service polls, with and without hints. `python -m tests.benchmarks.latency [CHANGES_A_SECOND]`.
"""

import http.client
import logging
import multiprocessing
import queue
import statistics
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from time import perf_counter, sleep
from typing import Any, cast
from unittest.mock import patch
from uuid import uuid4

import structlog

from connector.dataverse.client import DataverseClient
from connector.demo.visitor import Visitor
from connector.hints.webhooks import HintOptions
from connector.ports import RowWrite, WriteResult
from connector.service.application import Application
from connector.service.bootstrap import bootstrap
from connector.service.options import RunOptions
from connector.service.scheduler import run_service
from connector.service.system import SystemClock
from settings.sources import load_settings
from tests.acceptance.soak import RULES, build_environment, emulator_process
from tests.benchmarks.connector import report, say

SECONDS = 30
INTERVAL = 5
PORT = 18_734
PATIENCE = 120


def run(rate: int = 50) -> None:
    """Print the 95th percentile beside its target, by polling alone and with hints."""
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR),
        cache_logger_on_first_use=False,
    )
    say(f"change to owner written, {rate} changes a second for {SECONDS} s:")
    for hints, target in ((None, INTERVAL + 1.0), (HintOptions(secret="s", port=PORT), 1.5)):
        found = measure(rate, hints)
        way = "hints" if hints else f"polling every {INTERVAL} s"
        report(f"  {way}, p95 of {len(found):,} rows, s", percentile(found), target, at_most=True)


def percentile(values: Sequence[float]) -> float:
    """The 95th."""
    return statistics.quantiles(values, n=20)[-1]


def measure(rate: int, hints: HintOptions | None) -> list[float]:
    """Seconds from each creation to the answer of the write that assigned the row."""
    written: dict[str, float] = {}
    send = DataverseClient.write_rows

    def note(client: DataverseClient, writes: Sequence[RowWrite]) -> Iterator[WriteResult]:
        for result in send(client, writes):
            written[result.id] = perf_counter()
            yield result

    with (
        emulator_process() as emulator,
        tempfile.TemporaryDirectory() as folder,
        patch.object(DataverseClient, "write_rows", note),
    ):
        rules = Path(folder) / "rules.yaml"
        rules.write_text(RULES)
        settings = load_settings(None, build_environment(emulator, Path(folder), rules))
        with bootstrap(settings, RunOptions()) as application:
            application.run_once()
            created = serve(application, emulator, rate, hints, written)
    return [written[row_id] - at for row_id, at in created.items() if row_id in written]


def serve(
    application: Application,
    emulator: Any,
    rate: int,
    hints: HintOptions | None,
    written: dict[str, float],
) -> dict[str, float]:
    """Run the service while rows come in, until all of them are written; when each came."""
    service = threading.Thread(
        target=run_service,
        args=(application, SystemClock()),
        kwargs={"interval": timedelta(seconds=INTERVAL), "hints": hints},
    )
    service.start()
    sleep(1)
    try:
        created = create_elsewhere(emulator, rate, is_hinting=hints is not None)
        patience = perf_counter() + PATIENCE
        while len(written) < len(created) and perf_counter() < patience:
            sleep(0.1)
    finally:
        application.stop.set()
        service.join()
    return created


def create_elsewhere(emulator: Any, rate: int, *, is_hinting: bool) -> dict[str, float]:
    """When each row came, by the clock that all processes of the machine share."""
    context = multiprocessing.get_context("spawn")
    with context.Pool(1) as pool:
        return pool.apply(create, (emulator, rate, is_hinting))


def create(emulator: Any, rate: int, is_hinting: bool) -> dict[str, float]:
    """Rows at an even pace by two clients; each tells of its rows when `is_hinting`."""
    created: dict[str, float] = {}
    tickets: queue.Queue[float | None] = queue.Queue()

    def work() -> None:
        with Visitor(cast("Any", emulator)) as visitor:
            while (due := tickets.get()) is not None:
                sleep(max(0.0, due - perf_counter()))
                row_id = str(uuid4())
                visitor.create("leads", {"leadid": row_id, "subject": "x", "leadsourcecode": 7})
                created[row_id] = perf_counter()
                if is_hinting:
                    hint()

    start = perf_counter() + 0.5
    for number in range(rate * SECONDS):
        tickets.put(start + number / rate)
    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        tickets.put(None)
        thread.start()
    for thread in threads:
        thread.join()
    return created


def hint() -> None:
    """What the environment's webhook posts."""
    connection = http.client.HTTPConnection("127.0.0.1", PORT, timeout=5)
    headers = {"x-leadrobin-secret": "s", "x-ms-dynamics-entity-name": "lead"}
    connection.request("POST", "/", b"", headers)
    connection.getresponse().read()
    connection.close()


if __name__ == "__main__":
    run(int(sys.argv[1]) if len(sys.argv) > 1 else 50)
