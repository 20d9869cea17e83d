"""What the running program asks of the environment; the client implements it, and so do fakes."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Protocol

from connector.ports import RowSource, RowWriter, SequenceConnector, TableReader
from engine.schema import TableSchema


class Identity(Protocol):
    """Who we are in the environment."""

    @property
    def user_id(self) -> str:
        """The user whose changes are our own."""
        ...

    @property
    def organization_id(self) -> str:
        """The organization that the rows belong to."""
        ...


class Definition(Protocol):
    """A table as the environment defines it."""

    @property
    def change_tracking(self) -> bool:
        """Whether changes can be tracked."""
        ...

    def to_schema(self) -> TableSchema:
        """The table as the engine knows tables."""
        ...


class Remembering(Protocol):
    """What is learned about the environment, as plain data to keep over a restart."""

    def save_governor(self) -> dict[str, object]:
        """The learned limits and counters."""
        ...

    def restore_governor(self, data: Mapping[str, object]) -> None:
        """Take over what an earlier process saved."""
        ...

    def save_metadata(self) -> dict[str, object] | None:
        """The table definitions read so far; None when there is nothing new."""
        ...

    def restore_metadata(self, data: Mapping[str, object] | None) -> None:
        """Take over what an earlier process saved, None = nothing."""
        ...


class Environment(RowSource, RowWriter, SequenceConnector, TableReader, Remembering, Protocol):
    """One environment: its rows, its tables, and who we are there."""

    @property
    def url(self) -> str:
        """Scheme and host."""
        ...

    def start_cycle(self, limit: timedelta | None = None) -> None:
        """Begin a new time budget for waits and repeats."""
        ...

    def who_am_i(self) -> Identity:
        """Sign in; raises ConfigProblem for a wrong address or credential."""
        ...

    def describe_table(self, logical_name: str) -> Definition:
        """The definition of a table; raises ConfigProblem when there is none."""
        ...

    def fetch_token_life_days(self) -> int | None:
        """How many days a delta link lives; None when it is not known."""
        ...

    def close(self) -> None:
        """Close all connections."""
        ...
