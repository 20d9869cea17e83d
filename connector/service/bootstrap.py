"""The composition root: an application from settings, the real things where no fakes are given.

What is asked of the environment on the way is in `start_up`, opening the store in `store`.
"""

import random
import threading
from collections.abc import Callable, Generator
from contextlib import ExitStack, closing, contextmanager, nullcontext
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from connector.cycle.context import Seams
from connector.dataverse.client import DataverseClient
from connector.dataverse.wiring import ClientDependencies, build_client
from connector.environment.reading import Readings, RememberedPeople
from connector.errors import RetriableError
from connector.ports import Clock
from connector.service.application import Application
from connector.service.environment import Environment
from connector.service.leases import TableLeases, UnsharedLeases
from connector.service.options import RunOptions, build_client_options, build_cycle_options
from connector.service.start_up import (
    StartUp,
    restore_governor,
    restore_metadata,
    save_governor,
    save_metadata,
)
from connector.service.store import open_leases, open_store
from connector.service.system import SYSTEM_CLOCK, new_id
from connector.state.session import StateStore
from engine.errors import ConfigProblem
from engine.instants import print_instant
from engine.rules.rule_set import RuleSet, build_rule_set
from engine.sellers import Directory
from settings.model import Settings
from settings.rules_file import RulesFile, load_rules_file
from settings.sources import require_set


@contextmanager
def bootstrap(  # noqa: PLR0913  one parameter a seam: whatever a fake can stand in for
    settings: Settings,
    run_options: RunOptions | None = None,
    *,
    rule_set: RuleSet | None = None,
    source: Environment | None = None,
    people: Callable[[], Directory] | None = None,
    store: StateStore | None = None,
    clock: Clock = SYSTEM_CLOCK,
    ids: Callable[[], str] = new_id,
) -> Generator[Application]:
    """The connector, ready for cycles; what was opened for it is closed when the block ends.

    Without `rule_set` the rules file is read, without `source` the environment of the settings is
    signed in to, without `people` they are read there. Without `store` that of the settings is
    opened and other processes are kept off it; whoever hands one in sees to that.

    Raises ConfigProblem for whatever in the settings, the rules file or the environment is not as
    it has to be, and LeaseHeld when another process works on the store.
    """
    options = run_options or RunOptions()
    chosen = rule_set or options.rules_at or load_rules(settings)
    with ExitStack() as stack:
        composition = _Composition(
            settings=settings, options=options, stack=stack, clock=clock, ids=ids
        )
        store, leases = (store, UnsharedLeases(store)) if store else composition.open_store()
        source = source or composition.open_client()
        restore_metadata(store, source)
        start = StartUp(
            settings=settings, rule_set=_find_rule_set(chosen, store), source=source, people=people
        )
        # Who is named and not known stands somewhere in the rules file; past rules have no places.
        with chosen.document.explaining() if isinstance(chosen, RulesFile) else nullcontext():
            readings = composition.remember_readings(start)
            cycle_seams = composition.build_seams(start, store, readings)
        restore_governor(store, source)
        stack.callback(save_governor, store, source, clock)
        save_metadata(store, source, clock)
        stack.callback(save_metadata, store, source, clock)
        yield Application(
            seams=cycle_seams,
            tables=start.tables,
            readings=readings,
            stop=composition.stop,
            start_cycle=source.start_cycle,
            leases=leases,
        )


def load_rules(settings: Settings) -> RulesFile:
    """The rules file of the settings; raises ConfigProblem."""
    if settings.rules.file is None:
        raise ConfigProblem("no rules file is set: set LEADROBIN_RULES__FILE to your rules file")
    return load_rules_file(settings.rules.file)


def _find_rule_set(chosen: RuleSet | RulesFile | datetime, store: StateStore) -> RuleSet:
    """The rules given, those of a file, or those that cycles ran under at an instant."""
    match chosen:
        case RuleSet():
            return chosen
        case RulesFile():
            return chosen.rule_set
        case datetime():
            return _load_past_rules(store, chosen)


def _load_past_rules(store: StateStore, at: datetime) -> RuleSet:
    with store.begin() as session:
        kept = session.find_rule_set(at=at)
    if kept is None:
        raise ConfigProblem(
            f"no cycle had run on this store by {print_instant(at)}: the "
            "rule set of then is not known; leave --at out to use the rules file"
        )
    return build_rule_set(kept.document)


def open_client(
    settings: Settings,
    *,
    stop: threading.Event,
    clock: Clock = SYSTEM_CLOCK,
    ids: Callable[[], str] = new_id,
    show_message: Callable[[str], None] | None = None,
) -> DataverseClient:
    """The client of the environment in the settings.

    It talks to nobody yet. Raises ConfigProblem.
    """
    require_set(settings, ("dataverse.url",))

    def sleep(seconds: float) -> None:
        if stop.wait(seconds):
            raise RetriableError("stopped while waiting for the environment")

    dependencies = ClientDependencies(
        clock=clock,
        sleep=sleep,
        random=random.random,
        new_id=ids,
        show_message=show_message,
        is_stopping=stop.is_set,
    )
    return build_client(build_client_options(settings), dependencies)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Composition:
    """What an application is put together with; what it opens is closed by `stack`."""

    settings: Settings
    options: RunOptions
    stack: ExitStack
    clock: Clock
    ids: Callable[[], str]
    stop: threading.Event = field(default_factory=threading.Event)

    def open_store(self) -> tuple[StateStore, TableLeases]:
        """The store of the settings; with other processes kept off where rows may be written."""
        store = self.stack.enter_context(closing(open_store(self.settings)))
        if not self.options.writes:
            return store, UnsharedLeases(store)
        leases = open_leases(self.settings, store, clock=self.clock, ids=self.ids)
        return store, self.stack.enter_context(leases)

    def open_client(self) -> DataverseClient:
        """The client of the environment."""
        client = open_client(
            self.settings,
            stop=self.stop,
            clock=self.clock,
            ids=self.ids,
            show_message=self.options.show_message,
        )
        return self.stack.enter_context(client)

    def build_seams(self, start: StartUp, store: StateStore, readings: Readings) -> Seams:
        """What cycles work with, everything about the environment having been looked at."""
        we = start.sign_in()
        if self.options.writes:
            start.raise_if_rules_active()
        start.note_link_life(store, self.clock.now())
        rules = readings().rules
        # Asked for once here, so that people whom the rules name and nobody knows stop the start.
        rules()
        return Seams(
            source=start.source,
            writer=start.source,
            connector=start.source,
            store=store,
            clock=self.clock,
            new_id=self.ids,
            rule_set=start.rule_set,
            assembled_rules=rules,
            page_lock=threading.Lock(),
            organization_id=we.organization_id,
            user_id=we.user_id.lower(),
            options=build_cycle_options(self.settings, self.options),
            is_stopping=self.stop.is_set,
            report=self.options.report,
        )

    def remember_readings(self, start: StartUp) -> Readings:
        """What the rules come to, with people who are read anew as often as the settings say."""
        life = timedelta(seconds=self.settings.poll.directory_interval_seconds)
        people = RememberedPeople(start.fetch_people, self.clock, life=life)
        return Readings(lambda: start.schema, lambda schema: start.build_reading(schema, people))
