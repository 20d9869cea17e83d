"""Peak memory of the first read of a large table, by the whole cycle into a store on disk.

The emulator that serves it is a process of its own, and this has to be one too, so that nothing
else counts: `python -m tests.benchmarks.baseline [LEADS]`.
"""

import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter

import structlog

import connector.demo
from connector.service.application import Application
from connector.service.bootstrap import bootstrap
from connector.service.options import RunOptions
from settings.model import Settings
from settings.sources import load_settings
from tests.acceptance.soak import build_environment, emulator_process
from tests.benchmarks.connector import ROWS, report, say
from tests.benchmarks.emulator import LEADS, write_leads

RULES = Path(connector.demo.__file__).with_name("rules.yaml")
LIMIT_MEGABYTES = 150
FLAT_MEGABYTES = 5
"""How much of the peak may come after the first three tenths of the rows.

Before that it grows with the file, until SQLite has the 64 MB of it in memory that the store allows.
"""


def run(leads: int = LEADS) -> None:
    """Print the speed, the peak above the start, and how much of it came late."""
    structlog.configure(logger_factory=structlog.ReturnLoggerFactory())
    peaks: list[float] = []

    def note(what: str, _count: int) -> None:
        if what == "read":
            peaks.append(read_memory("VmHWM"))

    with serve_leads(leads) as settings:
        start = read_memory("VmRSS")
        with bootstrap(settings, RunOptions(report=note)) as application:
            rows, seconds = read_table(application)
        peaks.append(read_memory("VmHWM"))
    if rows != leads:
        raise RuntimeError(f"{rows:,} rows are in the baseline, of {leads:,}")
    say(f"baseline of {rows:,} rows from the emulator into SQLite: {rows / seconds:,.0f} rows/s")
    report("  peak memory above the start, MB", peaks[-1] - start, LIMIT_MEGABYTES, at_most=True)
    marks = (leads // 10, leads * 3 // 10, leads)
    above = [peaks[-(-mark // ROWS)] - start for mark in marks]
    for mark, peak in zip(marks, above, strict=True):
        say(f"    after {mark:>9,} rows, MB {peak:>34.2f}")
    report("  of it after three tenths, MB", above[2] - above[1], FLAT_MEGABYTES, at_most=True)


def read_table(application: Application) -> tuple[int, float]:
    """How many leads the first cycle took down, and the seconds it needed."""
    began = perf_counter()
    record = application.run_table(application.find_table("lead"))
    return record.counts["baseline"], perf_counter() - began


@contextmanager
def serve_leads(leads: int) -> Iterator[Settings]:
    """An emulator with so many leads and its documented limits; the settings to reach it."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        data = folder / "data"
        data.mkdir()
        write_leads(data / "leads.json", leads)
        with emulator_process("--data", str(data), "--leads", "0") as emulator:
            yield load_settings(None, build_environment(emulator, folder, RULES))


def read_memory(field: str) -> float:
    """A figure of this process in megabytes."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(field):
            return int(line.split()[1]) / 1024
    raise LookupError(field)


if __name__ == "__main__":
    run(int(sys.argv[1]) if len(sys.argv) > 1 else LEADS)
