"""What a rule set comes to in the environment: the tables to watch, and the rules over people."""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from connector.environment.hierarchies import Hierarchies
from connector.ports import Clock
from connector.watched_tables.segment_ids import identify_segments
from connector.watched_tables.watched_table import WatchedTable
from engine.assignment.assembly import AssembledRules
from engine.assignment.compiled_rules import CompiledRuleSet
from engine.errors import ConfigProblem
from engine.rules.rule_set import RuleSet
from engine.schema import Schema
from engine.sellers import Directory


@dataclass(frozen=True, slots=True, kw_only=True)
class People:
    """The people work can go to, and who or what is below whom; read together."""

    directory: Directory
    hierarchies: Hierarchies


class RememberedPeople:
    """The people, read anew when what is remembered is older than `life`; safe for many threads."""

    def __init__(self, fetch: Callable[[], People], clock: Clock, *, life: timedelta) -> None:
        self._fetch = fetch
        self._clock = clock
        self._life = life
        self._lock = threading.Lock()
        self._people: People | None = None
        self._read_at: datetime | None = None

    def __call__(self) -> People:
        """The people as they are now, or were a short while ago."""
        with self._lock:
            now = self._clock.now()
            # A clock that was put back must not keep old people for as long as it was ahead.
            is_fresh = (
                self._read_at is not None and timedelta(0) <= now - self._read_at <= self._life
            )
            if self._people is None or not is_fresh:
                self._people, self._read_at = self._fetch(), now
            return self._people


class RulesOverPeople:
    """The rules over the people as they are now; safe for many threads.

    They are compiled anew when a hierarchy changed, and assembled anew when anybody did. Raises
    what reading the people raises, and InvalidDocument for names that nobody has.
    """

    def __init__(self, rule_set: RuleSet, schema: Schema, people: Callable[[], People]) -> None:
        self._rule_set = identify_segments(rule_set)
        self._schema = schema
        self._people = people
        self._lock = threading.Lock()
        self._assembled: AssembledRules | None = None
        self._seen: People | None = None

    def __call__(self) -> AssembledRules:
        """The rules, to be asked for outside of transactions: people may have to be read."""
        people = self._people()
        with self._lock:
            if self._assembled is None or people is not self._seen:
                self._assembled = self._assemble(people, self._assembled)
                self._seen = people
            return self._assembled

    def _assemble(self, people: People, before: AssembledRules | None) -> AssembledRules:
        if before is None or before.compiled.hierarchies != people.hierarchies:
            compiled = CompiledRuleSet(
                self._rule_set, schema=self._schema, hierarchies=people.hierarchies
            )
            return AssembledRules(compiled, people.directory)
        if before.directory != people.directory:
            return AssembledRules(before.compiled, people.directory)
        return before


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """The tables to watch and the rules, under one reading of the table definitions.

    `problems` says of a table that cannot be watched any more what it lacks; the others go on.
    """

    schema: Schema
    tables: tuple[WatchedTable, ...]
    rules: RulesOverPeople
    problems: Mapping[str, str] = field(default_factory=dict[str, str])

    def find_table(self, name: str) -> WatchedTable:
        """A watched table by name; raises ConfigProblem when it lacks what the rules need."""
        if name in self.problems:
            raise ConfigProblem(self.problems[name])
        return next(known for known in self.tables if known.name == name)


class Readings:
    """The latest reading; `build` makes a new one where `describe` finds other definitions.

    Safe for many threads. A cycle keeps the reading that it started with.
    """

    def __init__(self, describe: Callable[[], Schema], build: Callable[[Schema], Reading]) -> None:
        self._describe = describe
        self._build = build
        self._lock = threading.Lock()
        self._reading: Reading | None = None

    def __call__(self) -> Reading:
        """The reading of now; raises ConfigProblem where the environment lacks what rules need."""
        with self._lock:
            schema = self._describe()
            if self._reading is None or self._reading.schema != schema:
                self._reading = self._build(schema)
            return self._reading
