"""A watched table as a value: what is read of it, and where its columns stand."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from connector.ports import TableQuery
from connector.state.fingerprints import name_watched_set
from engine.errors import ConfigProblem
from engine.nearest import ask_nearest
from engine.records import Row


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteColumns:
    """The lookups that decisions are written to; None where the table has none or it is off.

    `by_action` = sequences are connected by the platform's action instead.
    """

    segment: str | None = None
    sequence: str | None = None
    by_action: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchedTable:
    """A table as a cycle sees it.

    `watched` are the wire names whose change makes a row be decided again, `segment_ids` and
    `sequence_ids` the tenant's rows behind the names of the rule set. `engine_segment_ids` has an
    id for every segment, `clears` those whose rows lose their segment when they match none.
    """

    name: str
    primary_id: str
    query: TableQuery
    watched: tuple[str, ...]
    writes: WriteColumns
    segment_ids: Mapping[str, str]
    sequence_ids: Mapping[str, str]
    engine_segment_ids: Mapping[str, str]
    clears: frozenset[str]

    @property
    def watched_set(self) -> str:
        """The name of the watched columns."""
        return name_watched_set(self.watched)

    @property
    def columns_hash(self) -> str:
        """The name of everything asked for: another one needs a new read of the table."""
        return hashlib.sha256("\n".join(self.query.columns).encode()).hexdigest()

    @property
    def connects_sequences(self) -> bool:
        """Sequences are connected, through a column or through the platform's action."""
        return self.writes.sequence is not None or self.writes.by_action

    @property
    def needs_related_rows(self) -> bool:
        """Rows have to be read once more, with their related rows, before they can be decided."""
        return bool(self.query.expand)

    def has_segment_row(self, segment: str) -> bool:
        """Rows carry this segment in a column of their own."""
        return self.writes.segment is not None and segment in self.segment_ids

    def lookup_of(self, row: Row, column: str | None) -> str | None:
        """The id that a lookup column of a row holds."""
        value = None if column is None else row.get(f"_{column}_value")
        return value.lower() if isinstance(value, str) and value else None


def choose_segment_tables(tables: Sequence[WatchedTable], segment: str) -> list[WatchedTable]:
    """Those of the tables that have a segment of this name; raises ConfigProblem when none has."""
    chosen = [table for table in tables if segment in table.engine_segment_ids]
    if not chosen:
        asked = ", ".join(table.name for table in tables)
        known = [name for table in tables for name in table.engine_segment_ids]
        hint = ask_nearest(segment, known, folds=True)
        raise ConfigProblem(f'the rules file has no segment "{segment}" for {asked}{hint}')
    return chosen
