"""Sustained work against the emulator's limits: ours, a loop that honours Retry-After, Microsoft's.

Time is emulated: it stands still while requests are served and jumps when every thread waits, so
that an hour takes as long as its requests. Every request takes the time its work would take. What
is counted begins after a quarter of an hour, in which a client may find out how much is allowed.
The emulator takes its web servers in turn; a load balancer that spreads requests by chance is less
even.
"""

import os
import random
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.cookiejar import DefaultCookiePolicy
from itertools import count, pairwise
from typing import Any
from unittest.mock import patch

import requests
from azure.core.credentials import AccessToken
from PowerPlatform.Dataverse.client import DataverseClient as MicrosoftClient
from PowerPlatform.Dataverse.core.errors import HttpError
from requests.adapters import HTTPAdapter
from typing_extensions import override

from connector.dataverse.client import DataverseClient
from connector.dataverse.governor import GovernorOptions
from connector.dataverse.retrying import RetryPolicy
from connector.dataverse.transport import TransportOptions
from connector.dataverse.wiring import ClientOptions, SignInOptions, Surroundings, build_client
from connector.dataverse.writing import WriteOptions
from connector.emulator.seed import SeedSize
from connector.emulator.server import EmulatorOptions, EmulatorServer
from connector.emulator.throttle import Limits
from connector.ports import RowWrite, TableQuery
from engine.errors import RetriableError

START = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
THREADS = 12
WARM_UP = timedelta(minutes=15)
MEASURED = timedelta(minutes=15)
SIZE = SeedSize(sellers=2, leads=4 * THREADS, opportunities=1, insights=1)


class EmulatedTime:
    """A clock for several threads that moves to the next wake-up once all of them wait."""

    def __init__(self) -> None:
        self._seconds = 0.0
        self._changed = threading.Condition()
        self._running = 0
        self._alarms: dict[int, float] = {}
        self._numbers = count()

    def now(self) -> datetime:
        return START + timedelta(seconds=self._seconds)

    def seconds(self) -> float:
        return self._seconds

    def join(self) -> None:
        """One more thread that time has to wait for."""
        with self._changed:
            self._running += 1

    def leave(self) -> None:
        with self._changed:
            self._running -= 1
            self._ring()

    def sleep(self, seconds: float) -> None:
        with self._changed:
            number = next(self._numbers)
            until = self._seconds + max(0.0, seconds)
            self._alarms[number] = until
            self._ring()
            while self._seconds < until:
                self._changed.wait()
            self._alarms.pop(number, None)

    def _ring(self) -> None:
        """Move on when nobody works: threads whose alarm rang count as working again."""
        waiting = [until for until in self._alarms.values() if until > self._seconds]
        ringing = len(self._alarms) - len(waiting)
        if waiting and not ringing and len(waiting) >= self._running:
            self._seconds = min(waiting)
            self._changed.notify_all()


class EmulatedCondition(threading.Condition):
    """Waits in emulated time, and looks again now and then."""

    time: EmulatedTime

    @override
    def wait(self, timeout: float | None = None) -> bool:
        self.release()
        try:
            self.time.sleep(0.05)
        finally:
            self.acquire()
        return True


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """A kind of sustained work: how long a request runs, and what the limits then allow."""

    title: str
    mean_seconds: float
    target: float
    writes: bool
    scale: int = 1

    def limits(self, servers: int) -> Limits:
        """The documented limits, or a tenth of them where requests are many and short."""
        return Limits(requests=6000 // self.scale, seconds=1200 / self.scale, servers=servers)

    def ceiling(self, servers: int) -> float:
        """Requests a second that no client can exceed for long."""
        limits = self.limits(servers)
        by_time = limits.seconds / self.mean_seconds
        return servers * min(limits.requests, by_time) / limits.window_seconds


QUERY = TableQuery(table="lead", columns=("subject",))
NO_COOKIES = DefaultCookiePolicy(allowed_domains=[])
SCENARIOS = (
    Scenario(title="pull, small pages", mean_seconds=0.12, target=0.9, writes=False, scale=10),
    Scenario(
        title="write-back, one row a request", mean_seconds=0.12, target=0.9, writes=True, scale=10
    ),
    Scenario(
        title="write-back, as long as 100 rows a request",
        mean_seconds=4.0,
        target=0.85,
        writes=True,
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


def run_pacing() -> None:
    """Print each contender's share of the ceiling, longest gap and share of refusals."""
    for scenario in SCENARIOS:
        for servers in (1, 3):
            say(f"{scenario.title}, {servers} web server{'s' * (servers > 1)}, number not told:")
            for name, contender in CONTENDERS.items():
                measure(scenario, servers, name, contender)


@contextmanager
def emulate(
    scenario: Scenario, servers: int
) -> Iterator[tuple[EmulatorServer, EmulatedTime, Tally]]:
    """The emulator, with requests that take their time wherever they come from."""
    time = EmulatedTime()
    tally = Tally(time)
    dice = random.Random(1)
    options = EmulatorOptions(
        size=SIZE,
        limits=scenario.limits(servers),
        accept_any_token=True,
        source=time.now,
    )
    send = HTTPAdapter.send
    with EmulatorServer(options) as emulator:
        emulator.throttle._timer = time.seconds

        def send_slowly(adapter: HTTPAdapter, request: Any, **more: Any) -> requests.Response:
            answer = send(adapter, request, **more)
            if answer.status_code != 429 and "EntityDefinitions" not in request.url:
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


Contender = Callable[[Scenario, EmulatorServer, EmulatedTime], Callable[[int], None]]


def measure(scenario: Scenario, servers: int, name: str, contender: Contender) -> None:
    """Work with many threads, warm up, and count."""
    with emulate(scenario, servers) as (emulator, time, tally):
        work = contender(scenario, emulator, time)
        until(time, WARM_UP, work)
        early = tally.refused / max(1, tally.refused + len(tally.served))
        tally.clear()
        started = time.seconds()
        until(time, MEASURED, work)
        seconds = time.seconds() - started
        served = sorted(tally.served)
        total = len(served) + tally.refused
        share = len(served) / (scenario.ceiling(servers) * seconds)
        edges = [started, *served, time.seconds()]
        gap = max(b - a for a, b in pairwise(edges))
        goal = f"targets >= {scenario.target}, <= 60 s, <= 2 %" if name == "leadrobin" else ""
        say(
            f"  {name:<22} {share:>5.2f} of the ceiling, longest gap {gap:>4.0f} s, "
            f"{tally.refused / max(1, total):>6.1%} refused (while learning {early:.1%})  {goal}"
        )


def until(time: EmulatedTime, length: timedelta, work: Callable[[int], None]) -> None:
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


def work_with_ours(
    scenario: Scenario, emulator: EmulatorServer, time: EmulatedTime
) -> Callable[[int], None]:
    """The client of this project, one for all threads."""
    client = build_ours(scenario, emulator, time)
    ids = [
        str(row["leadid"])
        for row in client.read_rows("lead", ("subject",), filter="statecode eq 0")
    ]

    def work(number: int) -> None:
        try:
            if scenario.writes:
                write = RowWrite(table="lead", id=ids[number], etag=None, columns={"subject": "x"})
                client._parts.sender.write_one(write)
            else:
                client.fetch_rows(QUERY, ids[:1])
        except RetriableError:
            time.sleep(1)

    return work


def build_ours(scenario: Scenario, emulator: EmulatorServer, time: EmulatedTime) -> DataverseClient:
    numbers = count()
    limits = scenario.limits(1)
    client = build_client(
        ClientOptions(
            url=emulator.url,
            sign_in=SignInOptions(mode="static_token", token="any"),
            transport=TransportOptions(connections=THREADS, ca_file=str(emulator.ca_file)),
            retry=RetryPolicy(budget=timedelta(hours=9)),
            governor=GovernorOptions(
                requests=limits.requests, execution_seconds=limits.seconds, max_concurrency=THREADS
            ),
            writes=WriteOptions(concurrency=1),
        ),
        Surroundings(
            clock=time,
            sleep=time.sleep,
            random=random.Random(1).random,
            new_id=lambda: str(next(numbers)),
        ),
    )
    condition = EmulatedCondition()
    condition.time = time
    client._parts.channel.users._users[0].governor._free = condition
    return client


def work_with_loop(
    scenario: Scenario, emulator: EmulatorServer, time: EmulatedTime
) -> Callable[[int], None]:
    """What one writes in an afternoon: each thread waits as long as its 429 says."""
    session = requests.Session()
    session.trust_env, session.verify = False, str(emulator.ca_file)
    session.cookies.set_policy(NO_COOKIES)
    session.headers["Authorization"] = "Bearer any"
    api = f"{emulator.url}/api/data/v9.2"
    ids = [
        row["leadid"]
        for row in session.get(f"{api}/leads?$select=leadid&$filter=statecode eq 0").json()["value"]
    ]

    def work(number: int) -> None:
        url = f"{api}/leads({ids[number]})"
        answer = (
            session.patch(url, json={"subject": "x"}, headers={"If-Match": "*"})
            if scenario.writes
            else session.get(f"{url}?$select=subject")
        )
        if answer.status_code == 429:
            time.sleep(float(answer.headers["Retry-After"]))

    return work


class AnyToken:
    """The emulator takes any token here."""

    def get_token(self, *scopes: str, **_: Any) -> AccessToken:
        return AccessToken("any", 4_000_000_000)


def work_with_microsofts(
    scenario: Scenario, emulator: EmulatorServer, time: EmulatedTime
) -> Callable[[int], None]:
    """Microsoft's client for Python, its exception for 429 answered by the wait it carries."""
    clients = [MicrosoftClient(emulator.url, AnyToken()) for _ in range(THREADS)]
    ids = [
        row["leadid"]
        for row in clients[0].records.list("lead", select=["leadid"], filter="statecode eq 0")
    ]

    def work(number: int) -> None:
        try:
            if scenario.writes:
                clients[number].records.update("lead", ids[number], {"subject": "x"})
            else:
                clients[number].records.retrieve("lead", ids[number], select=["subject"])
        except HttpError as error:
            time.sleep(float(error.details.get("retry_after") or 1))

    return work


CONTENDERS: dict[str, Contender] = {
    "leadrobin": work_with_ours,
    "honours Retry-After": work_with_loop,
    "Microsoft's SDK": work_with_microsofts,
}


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()
