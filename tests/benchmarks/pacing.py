"""Sustained work against the emulator's limits: ours, a loop that honours Retry-After, Microsoft's.

Time is emulated, so that an hour takes as long as its requests. Every request takes the time its
rows would take on a server, which is charged to the web server that answered. What is counted
begins after a quarter of an hour, in which a client may find out how much is allowed; the number of
web servers is not told. The emulator takes its web servers in turn; a load balancer that spreads
requests by chance is less even.

`python -m tests.benchmarks.pacing [WORDS OF A TITLE]`
"""

import os
import random
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import pairwise
from typing import Any
from unittest.mock import patch

import requests
import structlog
from requests.adapters import HTTPAdapter

from connector.emulator.protection.throttle import Limits
from connector.emulator.seed.organization import SeedSize
from connector.emulator.server import EmulatorOptions, EmulatorServer
from tests.benchmarks.contenders import CONTENDERS, Job, Kind, Work
from tests.benchmarks.emulated_time import EmulatedTime

THREADS = 16
ROWS = 100
WARM_UP = timedelta(minutes=15)
MEASURED = timedelta(minutes=10)
SIZE = SeedSize(sellers=2, leads=4 * THREADS * ROWS, opportunities=1, insights=1)
LONGEST_GAP = 60.0
REFUSED_SHARE = 0.02


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """A kind of sustained work: how long a request runs on average, and what the limits allow."""

    title: str
    kind: Kind
    mean_seconds: float
    target: float
    rows: int = 1
    scale: int = 1

    def limits(self, servers: int) -> Limits:
        """The documented limits, or a tenth of them where requests are many and short."""
        return Limits(requests=6000 // self.scale, seconds=1200 / self.scale, servers=servers)

    def ceiling(self, servers: int) -> float:
        """Requests a second that no client can exceed for long."""
        limits = self.limits(servers)
        by_time = limits.seconds / self.mean_seconds
        return servers * min(limits.requests, by_time) / limits.window_seconds


SCENARIOS = (
    Scenario(
        title="pull, 100 rows a page at 120 ms",
        kind=Kind.PULL,
        mean_seconds=0.12,
        target=0.9,
        rows=ROWS,
        scale=10,
    ),
    Scenario(
        title="write-back, one row a request at 120 ms",
        kind=Kind.SINGLE,
        mean_seconds=0.12,
        target=0.9,
        scale=10,
    ),
    Scenario(
        title="write-back, $batch of 100 rows at 60 ms",
        kind=Kind.BATCH,
        mean_seconds=6.0,
        target=0.85,
        rows=ROWS,
    ),
    Scenario(
        title="write-back, UpdateMultiple of 100 rows at 25 ms",
        kind=Kind.MULTIPLE,
        mean_seconds=2.5,
        target=0.85,
        rows=ROWS,
    ),
)


@dataclass
class Tally:
    """When answers came, and how many requests were refused."""

    time: EmulatedTime
    served: list[float] = field(default_factory=list)
    refused: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def note(self, status: int) -> None:
        with self.lock:
            if status == 429:
                self.refused += 1
            elif status < 400:
                self.served.append(self.time.seconds())

    def clear(self) -> None:
        with self.lock:
            self.served.clear()
            self.refused = 0

    @property
    def refused_share(self) -> float:
        return self.refused / max(1, self.refused + len(self.served))


def run(words: str = "") -> None:
    """Print each contender's share of the ceiling, longest gap and share of refusals."""
    structlog.configure(logger_factory=structlog.ReturnLoggerFactory())
    for scenario in SCENARIOS:
        for servers in (1, 3) if words in scenario.title else ():
            say(f"{scenario.title}, {servers} web server{'s' * (servers > 1)}, number not told:")
            for name in CONTENDERS:
                measure(scenario, servers, name)


@contextmanager
def emulate(
    scenario: Scenario, servers: int
) -> Iterator[tuple[EmulatorServer, EmulatedTime, Tally]]:
    """The emulator, with requests that take their time wherever they come from."""
    time = EmulatedTime()
    tally = Tally(time)
    dice = random.Random(1)
    options = EmulatorOptions(
        size=SIZE, limits=scenario.limits(servers), accept_any_token=True, source=time.now
    )
    send = HTTPAdapter.send
    with EmulatorServer(options) as emulator:
        emulator.throttle._timer = time.seconds

        def send_slowly(adapter: HTTPAdapter, request: Any, **more: Any) -> requests.Response:
            answer = send(adapter, request, **more)
            if "EntityDefinitions" in request.url or "sdkmessagefilters" in request.url:
                return answer
            if answer.status_code != 429:
                seconds = dice.lognormvariate(0, 0.4) / 1.083 * scenario.mean_seconds
                time.sleep(seconds)
                charge(emulator, answer, seconds)
            tally.note(answer.status_code)
            return answer

        trusted = patch.dict(os.environ, REQUESTS_CA_BUNDLE=str(emulator.ca_file))
        with trusted, patch.object(HTTPAdapter, "send", send_slowly):
            yield emulator, time, tally


def charge(emulator: EmulatorServer, answer: requests.Response, seconds: float) -> None:
    """Book the time on the web server that answered."""
    server = int(answer.headers["Set-Cookie"].partition("server-")[2].partition(";")[0])
    user = next(iter(emulator.throttle._usage), ("", 0))[0]
    emulator.throttle.spend(user, seconds, server)


def measure(scenario: Scenario, servers: int, name: str) -> None:
    """Work with many threads, warm up, and count."""
    with emulate(scenario, servers) as (emulator, time, tally):
        job = Job(
            kind=scenario.kind,
            ids=find_leads(emulator, scenario.rows),
            limits=scenario.limits(1),
            emulator=emulator,
            time=time,
        )
        work = CONTENDERS[name](job)
        until(time, WARM_UP, work)
        early = tally.refused_share
        tally.clear()
        started = time.seconds()
        until(time, MEASURED, work)
        say(f"  {name:<22} {describe(scenario, servers, tally, started, early, name)}")


def find_leads(emulator: EmulatorServer, rows: int) -> list[list[str]]:
    """Open leads for each thread."""
    found: list[str] = []
    url = f"{emulator.url}/api/data/v9.2/leads?$select=leadid&$filter=statecode eq 0"
    with requests.Session() as session:
        session.verify = str(emulator.ca_file)
        session.headers["Authorization"] = "Bearer any"
        while url and len(found) < THREADS * rows:
            page = session.get(url).json()
            found.extend(str(row["leadid"]) for row in page["value"])
            url = page.get("@odata.nextLink", "")
    return [found[start : start + rows] for start in range(0, THREADS * rows, rows)]


def describe(
    scenario: Scenario, servers: int, tally: Tally, started: float, early: float, name: str
) -> str:
    """One line of figures; ours carries its targets."""
    ended = tally.time.seconds()
    served = sorted(tally.served)
    share = len(served) / (scenario.ceiling(servers) * (ended - started))
    gap = max(b - a for a, b in pairwise([started, *served, ended]))
    figures = (
        f"{share:>5.2f} of the ceiling, longest gap {gap:>4.0f} s, "
        f"{tally.refused_share:>6.1%} refused (while learning {early:.1%})"
    )
    if name != "leadrobin":
        return figures
    is_met = share >= scenario.target and gap <= LONGEST_GAP
    is_met = is_met and tally.refused_share <= REFUSED_SHARE
    goal = f"(targets >= {scenario.target}, <= {LONGEST_GAP:g} s, <= {REFUSED_SHARE:.0%})"
    return f"{figures}  {goal}  {'ok' if is_met else 'BELOW'}"


def until(time: EmulatedTime, length: timedelta, work: Work) -> None:
    """Let every thread work for so long."""
    end = time.seconds() + length.total_seconds()

    def toil(number: int) -> None:
        try:
            while time.seconds() < end:
                work(number)
        finally:
            time.leave()

    threads = [threading.Thread(target=toil, args=(number,)) for number in range(THREADS)]
    for _ in threads:
        time.join()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    run(" ".join(sys.argv[1:]))
