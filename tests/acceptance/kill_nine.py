"""Kills the service with SIGKILL again and again over an emulator under traffic, and counts.

By hand: `python -m tests.acceptance.kill_nine --kills 300`; the suite runs a few.
"""

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from typing import Self

from connector.demo.visitor import Visitor
from connector.emulator.control import LoggedRequest
from connector.emulator.seed import SeedSize
from connector.emulator.server import EmulatorOptions, EmulatorServer
from connector.store.opening import open_store

RULES = """
version: 1
segments:
  - name: Trade shows
    table: lead
    priority: 1
    when: {column: leadsourcecode, operator: eq, value: 7}
rules:
  - {name: To all, table: lead, segment: Trade shows, assign_to: {any_seller: true}}
"""
OTHERS = "leads?$select=leadid&$filter=statecode eq 0&$top=20"
SELLERS = 7
ARRIVED = {"applied", "already_so"}
LONGEST = 60.0
UNDISTURBED = 10


@dataclass(kw_only=True)
class Report:
    """What was done and what came of it; `problems` is empty when nothing was lost or doubled."""

    kills: int
    at_writes: int
    seconds: float = 0.0
    eligible: int = 0
    standing: int = 0
    patches: int = 0
    conflicts: int = 0
    settled_plans: int = 0
    problems: list[str] = field(default_factory=list)

    def lines(self) -> list[str]:
        """A table for people."""
        rows = {
            "kill -9": self.kills,
            "… right after a write had begun": self.at_writes,
            "seconds": round(self.seconds),
            "eligible rows created under traffic": self.eligible,
            "decisions that stand": self.standing,
            "PATCHes that were taken": self.patches,
            "PATCHes refused as conflicts": self.conflicts,
            "plans a kill left open, settled by the next process": self.settled_plans,
            "problems": len(self.problems),
        }
        width = max(map(len, rows))
        return [f"{name:<{width}}  {value:>7}" for name, value in rows.items()] + self.problems


class Traffic:
    """Another client that creates eligible leads, others, and edits older ones, without a pause."""

    def __init__(self, server: EmulatorServer, seed: int, pause: float) -> None:
        self.eligible: list[str] = []
        self._server = server
        self._random = random.Random(seed)
        self._pause = pause
        self._stop = threading.Event()
        self._pool = ThreadPoolExecutor(1)
        self._running: Future[None] | None = None

    def __enter__(self) -> Self:
        self._running = self._pool.submit(self._run)
        return self

    def __exit__(self, *_error: object) -> None:
        self._stop.set()
        if self._running is not None:
            self._running.result()
        self._pool.shutdown()

    def _run(self) -> None:
        with Visitor(self._server) as visitor:
            others = [row["leadid"] for row in visitor.find(OTHERS)]
            for number in range(1_000_000):
                if self._stop.wait(self._pause * self._random.random()):
                    return
                self._act(visitor, number, others)

    def _act(self, visitor: Visitor, number: int, others: list[str]) -> None:
        row_id = f"00000000-0000-4000-8000-{number:012d}"
        chance = self._random.random()
        if chance < 0.8:
            # Noted first: a row must not be decided before it is known to be eligible.
            self.eligible.append(row_id)
            visitor.create("leads", {"leadid": row_id, "subject": "show", "leadsourcecode": 7})
        elif chance < 0.9:
            visitor.create("leads", {"leadid": row_id, "subject": "other", "leadsourcecode": 1})
        else:
            visitor.change("leads", self._random.choice(others), {"description": f"note {number}"})


class Killer:
    """Starts the service and kills it at random moments."""

    def __init__(self, server: EmulatorServer, folder: Path, seed: int) -> None:
        self._server = server
        self._random = random.Random(seed)
        self._waits = threading.Event()
        self._log = folder / "service.log"
        self._kept: list[LoggedRequest] = []
        rules = folder / "rules.yaml"
        rules.write_text(RULES)
        self.store_url = f"sqlite:///{folder / 'store.db'}"
        self._environment = {
            **{name: value for name, value in os.environ.items() if "LEADROBIN_" not in name},
            "LEADROBIN_DATAVERSE__URL": server.url,
            "LEADROBIN_DATAVERSE__CA_FILE": str(server.ca_file),
            "LEADROBIN_AUTH__AUTHORITY": server.authority,
            "LEADROBIN_AUTH__TENANT_ID": server.tenant_id,
            "LEADROBIN_AUTH__CLIENT_ID": server.client_id,
            "LEADROBIN_AUTH__CLIENT_SECRET": server.client_secret,
            "LEADROBIN_RULES__FILE": str(rules),
            "LEADROBIN_STORE__URL": self.store_url,
            "LEADROBIN_POLL__INTERVAL_SECONDS": "1",
            "LEADROBIN_SAFETY__MIN_ROWS": "1000000",
            "LEADROBIN_STORE__KEEP_TRACES": "false",
        }

    def kill_in_time(self, span: float) -> None:
        """Kill it after a random part of a span."""
        with self._service():
            self._waits.wait(span * self._random.random())

    def kill_at_write(self) -> None:
        """Kill it a moment after one of its next writes has begun."""
        wanted = self._random.randint(1, 6)
        ends = monotonic() + LONGEST
        with self._service() as process:
            while len(self._sent()) < wanted and monotonic() < ends:
                if process.poll() is not None:
                    raise AssertionError(f"it ended by itself:\n{self._log.read_text()[-2000:]}")
                self._waits.wait(0.001)
            self._waits.wait(0.02 * self._random.random())

    def finish(self) -> None:
        """One cycle undisturbed, to its end."""
        done = subprocess.run(
            [sys.executable, "-m", "connector.cli.app", "run", "--once"],
            env=self._environment,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise AssertionError(done.stderr)

    def writes(self, status: range | None = None) -> list[str]:
        """The leads that were written so far; with `status` those whose write ended so."""
        return [
            entry.path.split("(")[1][:36]
            for entry in [*self._kept, *self._sent()]
            if status is None or entry.status in status
        ]

    def _sent(self) -> list[LoggedRequest]:
        """The writes of eligible leads in the server's log, which is emptied after each kill."""
        return [
            entry
            for entry in self._server.log.entries.copy()
            if entry.method == "PATCH" and "/leads(00000000-0000-4000-8000-" in entry.path
        ]

    @contextmanager
    def _service(self) -> Iterator[subprocess.Popen[bytes]]:
        with self._log.open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "connector.cli.app", "run"],
                env=self._environment,
                stderr=log,
            )
            try:
                yield process
            finally:
                process.kill()
                process.wait()
        # A request under way is still answered: its entry has the status by the time we count.
        self._kept += self._sent()
        self._server.log.clear()


def run(kills: int, *, seed: int = 7, pause: float = 0.4) -> Report:
    """Kill the service so many times; half of them in the midst of writing."""
    began = monotonic()
    size = SeedSize(sellers=SELLERS, leads=40, opportunities=2, insights=2)
    server = EmulatorServer(EmulatorOptions(size=size)).start()
    report = Report(kills=kills, at_writes=kills // 2)
    try:
        with tempfile.TemporaryDirectory() as folder:
            killer = Killer(server, Path(folder), seed)
            killer.finish()
            with Traffic(server, seed, pause) as traffic:
                for number in range(kills):
                    if number % 2:
                        killer.kill_at_write()
                    else:
                        killer.kill_in_time(3.0)
                    if number % UNDISTURBED == UNDISTURBED - 1:
                        # Work arrives faster than a service that never lives long can do it.
                        killer.finish()
            killer.finish()
            killer.finish()
            _count(report, killer, traffic.eligible)
    finally:
        server.stop()
    report.seconds = monotonic() - began
    return report


def _count(report: Report, killer: Killer, eligible: list[str]) -> None:
    store = open_store(killer.store_url)
    try:
        with store.begin() as session:
            decisions = list(session.list_decisions(limit=1_000_000))[::-1]
            cycles = session.list_cycles(1_000_000)
            left_open = len(session.list_intents("lead"))
    finally:
        store.close()
    standing = [d for d in decisions if d.routing_status == 2 and d.outcome in ARRIVED]
    by_row = Counter(decision.row_id for decision in standing)
    taken = Counter(killer.writes(range(200, 300)))
    report.eligible = len(eligible)
    report.standing = len(standing)
    report.patches = taken.total()
    report.conflicts = len(killer.writes(range(412, 413)))
    report.settled_plans = sum(cycle.counts.get("settled_plans", 0) for cycle in cycles)
    recorded = sum(1 for decision in decisions if decision.outcome == "conflict")
    wrong = [row for row in eligible if by_row[row] != 1]
    report.problems += [f"{row}: {by_row[row]} decisions stand" for row in wrong]
    strangers = by_row.keys() - set(eligible)
    report.problems += [f"{row} is not eligible and was assigned" for row in strangers]
    report.problems += [f"{row}: written {n} times" for row, n in taken.items() if n != 1]
    report.problems += [f"{row}: decided, not written" for row in by_row.keys() - taken.keys()]
    if left_open:
        report.problems.append(f"{left_open} plans are still open")
    if len(killer.writes()) != len(standing) + max(report.conflicts, recorded):
        report.problems.append(f"{len(killer.writes())} PATCHes do not add up")
    _check_order(report, [_owner(decision.after) for decision in standing])


def _check_order(report: Report, owners: list[str]) -> None:
    """Undisturbed, nobody gets a second row before everybody had the first."""
    turn = owners[:SELLERS]
    if sorted(set(turn)) != sorted(turn):
        report.problems.append("the first round is not one row for each seller")
    for number, owner in enumerate(owners):
        if owner != turn[number % SELLERS]:
            report.problems.append(f"decision {number} went to {owner} out of turn")
            return


def _owner(after: object) -> str:
    owner: str = json.loads(json.dumps(after))["assigned_to"]["id"]
    return owner


def main() -> int:
    """Run by hand; 0 when nothing was lost or doubled."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=300)
    parser.add_argument("--seed", type=int, default=7)
    options = parser.parse_args()
    report = run(options.kills, seed=options.seed)
    sys.stdout.write("\n".join(report.lines()) + "\n")
    return 1 if report.problems else 0


if __name__ == "__main__":
    sys.exit(main())
