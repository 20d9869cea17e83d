"""Kills the service with SIGKILL again and again over an emulator under traffic, and counts.

By hand: `python -m tests.acceptance.kill_nine --kills 300`; the suite runs a few.
"""

import argparse
import os
import random
import subprocess
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path
from time import monotonic
from typing import Any, Self

from connector.demo.visitor import Visitor
from connector.emulator.http.control import LoggedRequest
from connector.emulator.protection.throttle import Limits
from connector.emulator.seed.organization import SeedSize
from connector.emulator.server import EmulatorOptions, EmulatorServer
from connector.state.records import DecisionRecord
from connector.store.opening import open_store
from tests.support.builders import guid
from tests.support.installed import TRADE_SHOWS, environment_of

OTHERS = "leads?$select=leadid&$filter=statecode eq 0&$top=20"
SELLERS = 7
ARRIVED = {"applied", "already_so"}
LONGEST = 60.0
UNDISTURBED = 10
PEOPLE = "msdyn_assignmentmaps?$select=_msdyn_systemuserid_value"
TEAMS = "teams?$select=name&$filter=teamtype eq 0 and isdefault eq false"


@dataclass(kw_only=True)
class Report:
    """What was done and what came of it; `problems` is empty when nothing was lost or doubled."""

    kills: int
    at_writes: int
    seconds: float = 0.0
    eligible: int = 0
    standing: int = 0
    by_hand: int = 0
    sent: int = 0
    patches: int = 0
    conflicts: int = 0
    settled_plans: int = 0
    overruled: int = 0
    turns: int = 0
    problems: list[str] = field(default_factory=list)

    def lines(self) -> list[str]:
        """A table for people."""
        rows = {
            "kill -9": self.kills,
            "… right after a write had begun": self.at_writes,
            "seconds": round(self.seconds),
            "eligible rows created under traffic": self.eligible,
            "decisions of ours that were carried out": self.standing,
            "choices by hand, made while the service worked": self.by_hand,
            "PATCHes that the environment saw": self.sent,
            "… that were taken": self.patches,
            "… refused as conflicts": self.conflicts,
            "… taken, and given away by hand before a killed process could note it": self.overruled,
            "plans a kill left open, settled by the next process": self.settled_plans,
            "turns replayed in round robin": self.turns,
            "problems": len(self.problems),
        }
        width = max(map(len, rows))
        return [f"{name:<{width}}  {value:>7}" for name, value in rows.items()] + self.problems


@dataclass(frozen=True, kw_only=True)
class Choice:
    """Somebody gave a row to somebody, and the version that left the row in."""

    row_id: str
    owner: str
    at: datetime
    version: int


def read_version(etag: str) -> int:
    """The number in `W/"123"`."""
    return int(etag.strip('W/"'))


class Traffic:
    """Another client that creates eligible leads and others, edits and assigns, without a pause.

    It meddles with a row at most once: with those the service may be about to write, and with those
    it has written.
    """

    def __init__(self, server: EmulatorServer, seed: int, pause: float, killer: "Killer") -> None:
        self.eligible: list[str] = []
        self.choices: list[Choice] = []
        self._killer = killer
        self._meddled: set[str] = set()
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
            others = [str(row["leadid"]) for row in visitor.find(OTHERS)]
            self._sellers = sorted(
                str(row["_msdyn_systemuserid_value"]) for row in visitor.find(PEOPLE)
            )
            self._team = str(visitor.find(TEAMS)[0]["teamid"])
            for number in range(1_000_000):
                if self._is_stopped(visitor, self._pause * self._random.random()):
                    return
                self._act(visitor, number, others)

    def _is_stopped(self, visitor: Visitor, pause: float) -> bool:
        """Wait; but when the service begins to write, meddle with a row it has not come to yet."""
        ends, sent = monotonic() + pause, len(self._killer.sent())
        while monotonic() < ends:
            if self._stop.wait(0.002):
                return True
            if len(self._killer.sent()) > sent:
                self._meddle(visitor, is_early=True)
                sent = len(self._killer.sent())
        return False

    def _act(self, visitor: Visitor, number: int, others: list[str]) -> None:
        row_id = guid(number)
        chance = self._random.random()
        if chance < 0.6:
            # Noted first: a row must not be decided before it is known to be eligible.
            self.eligible.append(row_id)
            visitor.create("leads", {"leadid": row_id, "subject": "show", "leadsourcecode": 7})
        elif chance < 0.67:
            visitor.create("leads", {"leadid": row_id, "subject": "other", "leadsourcecode": 1})
        elif chance < 0.74:
            visitor.change("leads", self._random.choice(others), {"description": f"note {number}"})
        else:
            self._meddle(visitor, is_early=chance < 0.8)

    def _meddle(self, visitor: Visitor, *, is_early: bool) -> None:
        """Touch a row the service has not written yet, or give one it has to another seller."""
        written = set(self._killer.writes(range(200, 300)))
        recent = [row for row in self.eligible[-60:] if row not in self._meddled]
        free = [row for row in recent if (row in written) is not is_early]
        if not free:
            return
        row_id = free[-1] if is_early else self._random.choice(free)
        self._meddled.add(row_id)
        if is_early and self._random.random() < 0.6:
            visitor.change("leads", row_id, {"description": "note"})
        elif is_early:
            self._assign(visitor, row_id, f"/teams({self._team})", self._team)
        else:
            seller = self._random.choice(self._sellers)
            self._assign(visitor, row_id, f"/systemusers({seller})", seller)

    def _assign(self, visitor: Visitor, row_id: str, target: str, owner: str) -> None:
        if visitor.read("leads", row_id)["_ownerid_value"] == owner:
            return
        changed = visitor.change("leads", row_id, {"ownerid@odata.bind": target})
        at = datetime.fromisoformat(str(changed["modifiedon"]))
        version = read_version(str(changed["@odata.etag"]))
        self.choices.append(Choice(row_id=row_id, owner=owner, at=at, version=version))


class Killer:
    """Starts the service and kills it at random moments."""

    def __init__(self, server: EmulatorServer, folder: Path, seed: int) -> None:
        self._server = server
        self._random = random.Random(seed)
        self._waits = threading.Event()
        self._log = folder / "service.log"
        self._kept: list[LoggedRequest] = []
        rules = folder / "rules.yaml"
        rules.write_text(TRADE_SHOWS)
        self.store_url = f"sqlite:///{folder / 'store.db'}"
        self._environment = {
            **{name: value for name, value in os.environ.items() if "LEADROBIN_" not in name},
            **environment_of(server, rules, store_url=self.store_url, log_level="info"),
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
            while len(self.sent()) < wanted and monotonic() < ends:
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
            for entry in [*self._kept, *self.sent()]
            if status is None or entry.status in status
        ]

    def find_overruled(self, choices: Iterable[Choice]) -> set[str]:
        """The leads that somebody gave away after our write to them had been taken.

        Told by versions, which no race can mix up: ours replaced one from before the choice.
        """
        replaced = {
            entry.path.split("(")[1][:36]: read_version(entry.headers["if-match"])
            for entry in [*self._kept, *self.sent()]
            if entry.status in range(200, 300)
        }
        return {
            choice.row_id
            for choice in choices
            if choice.row_id in replaced and replaced[choice.row_id] < choice.version
        }

    def sent(self) -> list[LoggedRequest]:
        """The writes of eligible leads in the server's log, which is emptied after each kill."""
        return [
            entry
            for entry in self._server.log.entries.copy()
            if entry.method == "PATCH"
            and "/leads(00000000-0000-4000-8000-" in entry.path
            and entry.headers.get("if-match") != "*"
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
        self._kept += self.sent()
        self._server.log.clear()


def run(kills: int, *, seed: int = 7, pause: float = 0.4) -> Report:
    """Kill the service so many times; half of them in the midst of writing."""
    began = monotonic()
    size = SeedSize(sellers=SELLERS, leads=40, opportunities=2, insights=2)
    # The visitor shares the service's user, and on a fast machine they would meet its limits.
    limits = Limits(requests=1_000_000)
    server = EmulatorServer(EmulatorOptions(size=size, limits=limits)).start()
    report = Report(kills=kills, at_writes=kills // 2)
    try:
        with tempfile.TemporaryDirectory() as folder:
            killer = Killer(server, Path(folder), seed)
            killer.finish()
            with Traffic(server, seed, pause, killer) as traffic:
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
            _judge(report, killer, traffic, _read_owners(server))
    finally:
        server.stop()
    report.seconds = monotonic() - began
    return report


def _read_owners(server: EmulatorServer) -> dict[str, str]:
    """Who owns each lead in the environment."""
    with server.organization.lock:
        found = server.organization.storage.query("SELECT leadid, ownerid FROM lead")
    return {str(row[0]): str(row[1]) for row in found}


def _judge(report: Report, killer: Killer, traffic: Traffic, owners: dict[str, str]) -> None:
    store = open_store(killer.store_url)
    try:
        with store.begin() as session:
            decisions = list(session.list_decisions(limit=1_000_000))[::-1]
            cycles = session.list_cycles(1_000_000)
            left_open = len(session.list_open_plans("lead"))
            waiting = session.list_backlog()
    finally:
        store.close()
    report.settled_plans = sum(cycle.counts.get("settled_plans", 0) for cycle in cycles)
    report.eligible, report.by_hand = len(traffic.eligible), len(traffic.choices)
    if left_open:
        report.problems.append(f"{left_open} plans are still open")
    report.problems += [f"{entry.row_id} still waits: {entry.reason}" for entry in waiting]
    _judge_requests(report, killer)
    _judge_rows(report, killer, traffic, decisions, owners)
    _judge_turns(report, decisions, {choice.row_id: choice for choice in traffic.choices})


def _judge_requests(report: Report, killer: Killer) -> None:
    """Every PATCH was taken or refused as a conflict, and no row was written twice."""
    taken = Counter(killer.writes(range(200, 300)))
    report.sent = len(killer.writes())
    report.patches = taken.total()
    report.conflicts = len(killer.writes(range(412, 413)))
    report.problems += [f"{row}: written {n} times" for row, n in taken.items() if n != 1]
    if report.sent != report.patches + report.conflicts:
        report.problems.append("there are PATCHes that were neither taken nor conflicts")


def _judge_rows(
    report: Report,
    killer: Killer,
    traffic: Traffic,
    decisions: list[DecisionRecord],
    owners: dict[str, str],
) -> None:
    """Each eligible row has one decision that stands, and the environment agrees with it."""
    ours = Counter(d.row_id for d in decisions if is_ours(d))
    report.standing = ours.total()
    taken = Counter(killer.writes(range(200, 300)))
    killed = {d.row_id for d in decisions if d.outcome == "conflict"}
    late = killer.find_overruled(traffic.choices)
    overruled = late & killed
    last = {d.row_id: d for d in decisions if is_ours(d) or d.outcome == "manual"}
    for row_id in ours.keys() | taken.keys():
        if (ours[row_id], taken[row_id]) == (0, 1) and row_id in overruled:
            # Between our write and the next process nothing was left to tell that it had arrived.
            report.overruled += 1
        elif ours[row_id] != taken[row_id]:
            report.problems.append(f"{row_id}: {ours[row_id]} decided, {taken[row_id]} written")
    for row_id in traffic.eligible:
        if row_id not in last:
            report.problems.append(f"{row_id}: no decision stands")
        elif owners[row_id] != _owner(last[row_id]):
            report.problems.append(f"{row_id}: its owner is not the one of the last decision")
    strangers = last.keys() - set(traffic.eligible)
    report.problems += [f"{row} is not eligible and was assigned" for row in strangers]
    report.problems += [
        f"{choice.row_id}: a choice by hand was overwritten"
        for choice in traffic.choices
        if owners[choice.row_id] != choice.owner
        and (choice.row_id in late or not is_ours(last[choice.row_id]))
    ]


def is_ours(decision: DecisionRecord) -> bool:
    """A decision to give a row to somebody that was carried out."""
    return decision.routing_status == 2 and decision.outcome in ARRIVED


class Turns:
    """Round robin as the rules describe it, told by nothing but decisions and choices by hand."""

    def __init__(self, sellers: Iterable[str]) -> None:
        self._last: dict[str, tuple[datetime, int]] = {
            seller: (datetime.min.replace(tzinfo=UTC), 0) for seller in sellers
        }
        self._count = 0

    def is_next(self, seller: str) -> bool:
        """Whether nobody's last turn is longer ago."""
        return seller == min(self._last, key=lambda one: (self._last[one], one))

    def take(self, seller: str, at: datetime) -> None:
        """A seller was given work."""
        self._count += 1
        if seller in self._last:
            self._last[seller] = (max(at, self._last[seller][0]), self._count)

    def replay(self, plan: Sequence[DecisionRecord]) -> str | None:
        """Go through the decisions of one plan; the first that was out of turn.

        A seller none of whose rows got there has the old turn again.
        """
        before = dict(self._last)
        for decision in plan:
            seller = _owner(decision)
            if not self.is_next(seller):
                return f"{decision.row_id} went to {seller} out of turn"
            self.take(seller, decision.decided_at)
        arrived = {_owner(decision) for decision in plan if decision.outcome in ARRIVED}
        for seller in {_owner(decision) for decision in plan} - arrived:
            self._last[seller] = before[seller]
        return None


def _judge_turns(
    report: Report, decisions: list[DecisionRecord], choices: Mapping[str, Choice]
) -> None:
    """The order of what was done equals the undisturbed order of the same decisions."""
    routed = [d for d in decisions if d.routing_status == 2 or d.outcome == "manual"]
    turns = Turns({_owner(d) for d in routed if d.routing_status == 2})
    for (kind, _), plan in groupby(routed, key=lambda d: (d.outcome == "manual", d.plan_checksum)):
        found = list(plan)
        report.turns += len(found)
        if kind:
            for decision in found:
                turns.take(_owner(decision), choices[decision.row_id].at)
        elif (problem := turns.replay(found)) is not None:
            report.problems.append(problem)
            return


def _owner(decision: DecisionRecord) -> str:
    after: Any = decision.after
    return str((after.get("assigned_to") or after["owner"])["id"])


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
