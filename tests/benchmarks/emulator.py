"""The emulator as its own process: ready, loaded with a million leads, single rows and whole pages.

Run alone: `python -m tests.benchmarks.emulator [LEADS]`.
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from statistics import median
from time import perf_counter
from urllib.parse import quote, urlsplit
from uuid import UUID

LEADS = 1_000_000
SELECT = "subject,fullname,companyname,revenue,statecode,statuscode,_ownerid_value,modifiedon"
COMMAND = "from connector.cli.app import main; main()"
CITIES = ("London", "Paris", "Seattle", "Berlin", "Madrid")


def run(leads: int = LEADS) -> None:
    """Print each figure beside its target."""
    started = [time_to_first_line() for _ in range(3)]
    report("ready, process start to first line", min(started), 1.0, "s")
    with tempfile.TemporaryDirectory() as directory:
        write_leads(Path(directory) / "leads.json", leads)
        with running("--data", directory, "--leads", "0") as (url, seconds):
            report(f"{leads:,} leads loaded and ready", seconds, 60.0, "s")
            measure_reads(url, leads)


def measure_reads(url: str, leads: int) -> None:
    """Latency over one kept connection, everything sent and read included."""
    connection = HTTPConnection(urlsplit(url).netloc, timeout=60)
    some = [f"leads({lead_id(n * 7919 % leads)})?$select={SELECT}" for n in range(1_000)]
    singles = sorted(ask(connection, path) for path in some)
    report("GET of one row, median", median(singles) * 1000, 2.0, "ms")
    report("GET of one row, 99 of 100", singles[990] * 1000, 10.0, "ms")
    all_columns = [ask(connection, path.partition("?")[0]) for path in some[:200]]
    report("GET of one row, every column, median", median(all_columns) * 1000, 2.0, "ms")
    for title, query in queries().items():
        taken = median(ask(connection, f"leads?{query}") for _ in range(9))
        report(title, taken * 1000, 100.0, "ms")
    connection.close()


def queries() -> dict[str, str]:
    """Reads of whole pages."""
    recent = quote("modifiedon ge 2026-11-01T00:00:00Z", safe="")
    named = quote("companyname eq 'Company 4711'", safe="")
    return {
        "page of 5,000 rows, 8 columns": f"$select={SELECT}",
        "page of 5,000 rows, filtered": f"$select={SELECT}&$filter=statecode eq 0".replace(
            " ", "%20"
        ),
        "page of 5,000 rows, by a date": f"$select={SELECT}&$filter={recent}&$orderby=leadid",
        "rows of one company": f"$select={SELECT}&$filter={named}",
    }


def ask(connection: HTTPConnection, path: str) -> float:
    """Seconds until the answer is read."""
    started = perf_counter()
    headers = {"Authorization": "Bearer any"}
    connection.request("GET", f"/api/data/v9.2/{path}", headers=headers)
    answer = connection.getresponse()
    body = answer.read()
    if answer.status != 200:
        raise RuntimeError(f"{path}: {answer.status} {body[:300]!r}")
    return perf_counter() - started


@contextmanager
def running(*arguments: str) -> Iterator[tuple[str, float]]:
    """The command as users start it; its URL, and the seconds to its first line."""
    command = [sys.executable, "-c", COMMAND, "emulator", "--http", "--accept-any-token"]
    limits = ("--limits", "requests=1000000,seconds=100000,concurrent=52")
    started = perf_counter()
    with subprocess.Popen([*command, *limits, *arguments], stdout=subprocess.PIPE) as process:
        if process.stdout is None:
            raise RuntimeError("The emulator has no output to read.")
        line = process.stdout.readline()
        seconds = perf_counter() - started
        try:
            yield str(json.loads(line)["url"]), seconds
        finally:
            process.terminate()
            process.wait(20)


def time_to_first_line() -> float:
    """Seconds from the start of the process, with its usual seed."""
    with running() as (_, seconds):
        return seconds


def lead_id(number: int) -> str:
    """The id of the n-th lead."""
    return str(UUID(int=(number * 2654435761 % 2**32) << 64 | number))


def write_leads(path: Path, count: int) -> None:
    """Rows as the Web API returns them."""
    with path.open("w", encoding="utf-8") as file:
        file.write("[\n")
        for number in range(count):
            row = {
                "leadid": lead_id(number),
                "subject": f"Lead {number}",
                "firstname": f"First {number % 1000}",
                "lastname": f"Last {number % 5000}",
                "companyname": f"Company {number % 50_000}",
                "address1_city": CITIES[number % 5],
                "emailaddress1": f"someone{number}@example.com",
                "revenue": number % 1000 * 100.0,
                "leadsourcecode": number % 10 + 1,
                "statecode": 0,
                "statuscode": 1,
                "createdon": "2026-10-01T08:00:00Z",
                "modifiedon": f"2026-11-{number % 28 + 1:02}T08:00:00Z",
            }
            file.write(json.dumps(row) + (",\n" if number < count - 1 else "\n"))
        file.write("]\n")


def report(title: str, value: float, target: float, unit: str) -> None:
    """One line: the figure, its target, and whether it is met."""
    verdict = "met" if value < target else "MISSED"
    sys.stdout.write(
        f"  {title:<42} {value:>9.2f} {unit:<2} (target < {target:g} {unit}) {verdict}\n"
    )
    sys.stdout.flush()


if __name__ == "__main__":
    run(int(sys.argv[1]) if len(sys.argv) > 1 else LEADS)
