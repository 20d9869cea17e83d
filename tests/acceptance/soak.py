"""A day of service in a few minutes: the emulator's clock moves on between the cycles.

Run it as `python -m tests.acceptance.soak [HOURS]`. Tokens live an hour of that clock. The emulator
is a process of its own, so that what grows here is ours.
"""

import json
import os
import subprocess
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import requests
import structlog

from connector.demo.visitor import Visitor, made_id
from connector.service.bootstrap import bootstrap
from settings.sources import load_settings
from tests.support.installed import environment_of

START = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
RULES = """
version: 1
segments:
  - {name: Trade shows, table: lead, priority: 1, when: {column: leadsourcecode, operator: eq, value: 7}}
rules:
  - {name: To all, table: lead, segment: Trade shows, assign_to: {any_seller: true}}
"""


@dataclass
class SoakClock:
    """The connector's clock; the emulator's is set to it."""

    at: datetime = START

    def now(self) -> datetime:
        return self.at


@dataclass(frozen=True, kw_only=True)
class Footprint:
    """What a process holds: megabytes of memory, open files, sockets among them, threads."""

    megabytes: float
    files: int
    sockets: int
    threads: int


@dataclass(kw_only=True)
class Soak:
    """What came of it."""

    before: Footprint
    after: Footprint | None = None
    samples: list[Footprint] = field(default_factory=list)
    events: Counter[str] = field(default_factory=Counter)
    counts: Counter[str] = field(default_factory=Counter)
    created: int = 0


def measure() -> Footprint:
    """This process now."""
    status = Path("/proc/self/status").read_text().splitlines()
    resident = next(line for line in status if line.startswith("VmRSS"))
    targets: list[str] = []
    for entry in os.scandir("/proc/self/fd"):
        try:
            targets.append(str(Path(entry.path).readlink()))
        except FileNotFoundError:
            continue
    return Footprint(
        megabytes=int(resident.split()[1]) / 1024,
        files=len(targets),
        sockets=sum(target.startswith("socket:") for target in targets),
        threads=threading.active_count(),
    )


@contextmanager
def emulator_process(*arguments: str) -> Iterator[Any]:
    """The emulator as its users start it, small unless told otherwise; what its first line says."""
    command = [sys.executable, "-m", "connector.cli.app", "emulator"]
    sizes = ["--sellers", "5", "--leads", "50", "--opportunities", "5", "--insights", "2"]
    whole = [*command, *sizes, *arguments]
    with subprocess.Popen(whole, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield SimpleNamespace(**json.loads(process.stdout.readline()))
        finally:
            process.terminate()


def soak(hours: int, *, step: timedelta = timedelta(minutes=1)) -> Soak:
    """Serve so many emulated hours, new leads coming in all the time."""
    result = Soak(before=measure())

    def note(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> Any:
        result.events[str(event.get("action"))] += 1
        raise structlog.DropEvent

    clock = SoakClock()
    before = structlog.get_config()
    structlog.configure(processors=[note], cache_logger_on_first_use=False)
    try:
        with (
            emulator_process() as emulator,
            tempfile.TemporaryDirectory() as folder,
        ):
            _serve(result, emulator, Path(folder), clock, hours=hours, step=step)
    finally:
        structlog.configure(**before)
    result.after = measure()
    return result


def _serve(
    result: Soak,
    emulator: Any,
    folder: Path,
    clock: SoakClock,
    *,
    hours: int,
    step: timedelta,
) -> None:
    _set_clock(emulator, clock)
    rules = folder / "rules.yaml"
    rules.write_text(RULES)
    settings = load_settings(None, build_environment(emulator, folder, rules))
    end = clock.now() + timedelta(hours=hours)
    with bootstrap(settings, clock=clock) as application:
        application.run_once()
        while clock.now() < end:
            with Visitor(cast("Any", emulator)) as visitor:
                hour = clock.now() + timedelta(minutes=50)
                while clock.now() < min(hour, end):
                    result.created += 1
                    name = f"soak {result.created}"
                    lead = {"leadid": made_id(name), "subject": name, "leadsourcecode": 7}
                    visitor.create("leads", lead)
                    for record in application.run_once():
                        result.counts.update(record.counts)
                    clock.at += step
                    _set_clock(emulator, clock)
            result.samples.append(measure())


def _set_clock(emulator: Any, clock: SoakClock) -> None:
    answer = requests.post(
        f"{emulator.url}/_emulator/clock",
        json={"freeze": True, "set": clock.now().isoformat()},
        verify=emulator.ca_file,
        timeout=30,
    )
    answer.raise_for_status()


def build_environment(emulator: Any, folder: Path, rules: Path) -> dict[str, str]:
    """The variables of a connector to this emulator, with its store in a folder."""
    store_url = f"sqlite:///{folder / 'store.db'}"
    return environment_of(emulator, rules, store_url=store_url, log_level="info")


def main() -> None:
    """Print what a day leaves behind."""
    hours = int(sys.argv[1]) if len(sys.argv) > 1 else 24
    result = soak(hours)
    early, late = result.samples[len(result.samples) // 4], result.samples[-1]
    lines = [
        (
            f"{hours} h: {result.created} leads came, {result.counts['assigned']} were assigned, "
            f"{result.events['sign_in']} sign-ins, {result.events['cycle_failed']} failed cycles"
        ),
        f"after a quarter: {early}",
        f"at the end:      {late}",
        f"closed:          {result.after}",
    ]
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
