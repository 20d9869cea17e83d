"""The service: one job for each table, run again and again until it is told to stop."""

from collections.abc import Callable
from contextlib import ExitStack
from datetime import datetime, timedelta
from functools import partial
from typing import Protocol, cast

from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler

from connector.errors import FatalError, LeaseHeld
from connector.hints.early_cycles import EarlyCycles
from connector.hints.service_bus import BusListener, BusOptions
from connector.hints.webhooks import HintOptions, HintServer
from connector.ports import Clock
from connector.service.application import Application
from connector.telemetry.logs import get_log
from connector.watched_tables.watched_table import WatchedTable
from engine.errors import LeadrobinError, UnsafePlan

STOPPING = (FatalError, UnsafePlan)
"""What the service cannot mend by trying again."""


def run_service(
    application: Application,
    clock: Clock,
    *,
    interval: timedelta,
    hints: HintOptions | None = None,
    bus: BusOptions | None = None,
) -> None:
    """Run cycles until `application.stop` is set; raises the error that stopped the service.

    Cycles of one table never overlap, and missed ones are made up for by one. Tables that another
    worker on the same store has are left to it. Requests in flight are finished and saved before
    this returns. With `hints` webhooks bring cycles forward, with `bus` messages of a queue.
    """
    runs = _Runs(application)
    application.leases.join(len(application.tables))
    scheduler = _Scheduler(threads=max(1, len(application.tables)))
    early = EarlyCycles(
        lambda table, within: scheduler.hurry(table, clock.now() + within),
        [table.name for table in application.tables],
        debounce=max((way.debounce for way in (hints, bus) if way), default=timedelta(0)),
    )
    for table in application.tables:
        scheduler.repeat(
            partial(runs.run, table, early),
            name=table.name,
            every=interval,
            first=clock.now(),
        )
    scheduler.start()
    try:
        with ExitStack() as listening:
            if hints is not None:
                listening.enter_context(HintServer(hints, early.hint))
            if bus is not None:
                listening.enter_context(BusListener(bus, early.hint))
            # A wait without end would keep signals from being handled on some platforms.
            while not application.stop.wait(1):
                pass
    finally:
        scheduler.finish()
    if runs.failure is not None:
        raise runs.failure


class _Runs:
    """Runs cycles, and keeps the error that ends the service."""

    def __init__(self, application: Application) -> None:
        self._application = application
        self._repeats = _Repeats()
        self.failure: LeadrobinError | None = None

    def run(self, table: WatchedTable, early: EarlyCycles) -> None:
        """One cycle of a table; what goes wrong is noted, not raised."""
        early.started(table.name)
        try:
            self._application.run_table(table)
            self._repeats.note_success(table.name)
        except STOPPING as error:
            self.failure = self.failure or error
            self._application.stop.set()
        except LeaseHeld as error:
            self._repeats.note_held(table.name, str(error))
        except LeadrobinError:
            self._repeats.note_failure(table.name)
        finally:
            early.finished(table.name)


class _Library(Protocol):
    """What we use of the library, which has no types."""

    def add_job(self, func: Callable[[], None], trigger: str, **options: object) -> object: ...

    def modify_job(self, job_id: str, *, next_run_time: datetime) -> object: ...

    def start(self) -> None: ...

    def shutdown(self) -> None: ...


class _Scheduler:
    """Jobs by name, each run again and again in a thread."""

    def __init__(self, *, threads: int) -> None:
        pool = ThreadPoolExecutor(threads)
        library = BackgroundScheduler(executors={"default": pool}, timezone="UTC")
        self._library = cast("_Library", library)

    def repeat(
        self, job: Callable[[], None], *, name: str, every: timedelta, first: datetime
    ) -> None:
        """Run a job again and again, never twice at once; runs that were missed count as one."""
        self._library.add_job(
            job,
            "interval",
            id=name,
            seconds=every.total_seconds(),
            max_instances=1,
            coalesce=True,
            misfire_grace_time=None,
            next_run_time=first,
        )

    def hurry(self, name: str, at: datetime) -> None:
        """Run a job at an instant, and from then on as often as before."""
        self._library.modify_job(name, next_run_time=at)

    def start(self) -> None:
        """Begin; jobs run in threads of their own."""
        self._library.start()

    def finish(self) -> None:
        """Wait for the jobs under way and end."""
        self._library.shutdown()


class _Repeats:
    """Tells a recovery from an ordinary success, and says what goes on for long only once."""

    def __init__(self) -> None:
        self._failing: set[str] = set()
        self._held: set[str] = set()

    def note_held(self, table: str, reason: str) -> None:
        if table not in self._held:
            self._held.add(table)
            get_log().info("left to another", action="table_held", table=table, reason=reason)

    def note_failure(self, table: str) -> None:
        self._failing.add(table)

    def note_success(self, table: str) -> None:
        self._held.discard(table)
        if table in self._failing:
            self._failing.discard(table)
            get_log().info("cycles work again", action="cycle_recovered", table=table)
