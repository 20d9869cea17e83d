"""What is looked at before the first cycle, step by step; `doctor` looks at the same."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from connector.dataverse.reads.modified_on import is_position
from connector.environment.directory import DirectoryReader
from connector.environment.hierarchies import fetch_hierarchies
from connector.environment.link_expiry import note_link_life
from connector.environment.microsoft_rules import raise_if_rules_active
from connector.environment.reading import People, Reading, RulesOverPeople
from connector.environment.table_definitions import choose_tables, describe_tables, find_tables
from connector.ports import Clock
from connector.service.environment import Environment, Identity
from connector.service.options import build_write_columns
from connector.service.system import FIRST_ANSWER
from connector.state.session import StateStore
from connector.watched_tables.watched_table import WatchedTable
from engine.errors import ConfigProblem
from engine.rules.rule_set import RuleSet
from engine.schema import Schema, TableSchema
from engine.sellers import Directory
from settings.model import Settings

GOVERNOR = "governor"
METADATA = "metadata"


@dataclass(frozen=True, kw_only=True)
class StartUp:
    """What a rule set needs of an environment.

    Every part is read when it is asked for and raises ConfigProblem for what is not as it has to
    be.
    """

    settings: Settings
    rule_set: RuleSet
    source: Environment
    people: Callable[[], Directory] | None = None

    def sign_in(self) -> Identity:
        """Who we are; an address where nobody answers is told soon."""
        self.source.start_cycle(FIRST_ANSWER)
        we = self.source.who_am_i()
        self.source.start_cycle()
        return we

    def describe(self, logical_name: str) -> TableSchema:
        """A table as the engine knows tables."""
        return self.source.describe_table(logical_name).to_schema()

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The tables to watch."""
        return choose_tables(self.rule_set, self.settings.poll.tables)

    @property
    def schema(self) -> Schema:
        """All tables that the rules reach, as the environment defines them now."""
        return describe_tables(self.rule_set, self.names, self.describe)

    @property
    def tables(self) -> tuple[WatchedTable, ...]:
        """The watched tables, with what is read of each and where decisions are written."""
        found, problems = self.find_tables(self.schema)
        if problems:
            raise ConfigProblem("; ".join(problems.values()))
        return found

    def find_tables(self, schema: Schema) -> tuple[tuple[WatchedTable, ...], Mapping[str, str]]:
        """The tables that can be watched under these definitions, and what the others lack."""
        return find_tables(
            self.rule_set,
            self.names,
            schema,
            page_size=self.settings.poll.page_size,
            writes=build_write_columns(self.settings),
        )

    def build_reading(self, schema: Schema, people: Callable[[], People]) -> Reading:
        """What the rules come to under these definitions."""
        rules = RulesOverPeople(self.rule_set, schema, people)
        found, problems = self.find_tables(schema)
        return Reading(schema=schema, tables=found, rules=rules, problems=problems)

    def fetch_people(self) -> People:
        """Everybody as the environment has them now, unless `people` knows them."""
        schema = self.schema
        reader = DirectoryReader(self.source, self.describe, self.rule_set, schema=schema)
        return People(
            directory=self.people() if self.people is not None else reader.fetch_directory(),
            hierarchies=fetch_hierarchies(self.rule_set, schema, self.source),
        )

    def raise_if_rules_active(self) -> None:
        """Refuse to write next to Microsoft's own engine, unless the settings allow it."""
        if not self.settings.write.coexist:
            raise_if_rules_active(self.source, self.describe)

    def note_link_life(self, store: StateStore, now: datetime) -> None:
        """Log how long changes are kept, and which tables were left alone for longer."""
        days = self.source.fetch_token_life_days()
        note_link_life(days, self.tables, store, now, follows_by_date=is_position)


def restore_governor(store: StateStore, source: Environment) -> None:
    """Take over the limits and counters that an earlier process learned."""
    with store.begin() as session:
        saved = session.load_document(GOVERNOR, source.url)
    if saved is not None:
        source.restore_governor(saved)


def save_governor(store: StateStore, source: Environment, clock: Clock) -> None:
    """Keep the limits and counters for the next process."""
    with store.begin() as session:
        session.save_document(GOVERNOR, source.url, document=source.save_governor(), at=clock.now())


def restore_metadata(store: StateStore, source: Environment) -> None:
    """Take over the table definitions that an earlier process read."""
    with store.begin() as session:
        source.restore_metadata(session.load_document(METADATA, source.url))


def save_metadata(store: StateStore, source: Environment, clock: Clock) -> None:
    """Keep the table definitions for the next process, when there are new ones."""
    found = source.save_metadata()
    if found is not None:
        with store.begin() as session:
            session.save_document(METADATA, source.url, document=found, at=clock.now())
