"""The client of one environment, as the cycle sees it; how it is put together is in `wiring`."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Self

from connector.dataverse.channel import Channel
from connector.dataverse.definitions.model import TableDefinition
from connector.dataverse.definitions.reader import MetadataReader
from connector.dataverse.definitions.source import DefinitionSource
from connector.dataverse.reads.feed import TableFeed
from connector.dataverse.reads.rows import RowReader
from connector.dataverse.wire.errors import (
    DataverseError,
    LostReply,
    NotSent,
    RowFault,
    SignInAgain,
    SignInBusy,
    SignInProblem,
    SignInUnreachable,
    UnusableRequest,
)
from connector.dataverse.wire.payloads import WHO_AM_I
from connector.dataverse.wire.retrying import TimeBudget
from connector.dataverse.wire.transport import Request
from connector.dataverse.writes.actions import DataverseActions
from connector.dataverse.writes.sender import RowSender, WriteOptions
from connector.ports import (
    Comparison,
    RowPage,
    RowWrite,
    TableQuery,
    VersionPage,
    WriteResult,
)
from engine.records import EntityReference, Row


@dataclass(frozen=True, slots=True, kw_only=True)
class WhoAmI:
    """Who we are in the environment; the user id serves to recognise our own changes."""

    user_id: str
    organization_id: str
    business_unit_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What a client is made of."""

    channel: Channel
    budget: TimeBudget
    definitions: DefinitionSource
    metadata: MetadataReader
    reader: RowReader
    feed: TableFeed
    sender: RowSender
    actions: DataverseActions
    write_options: WriteOptions
    is_stopping: Callable[[], bool]


class DataverseClient:
    """Reads rows and changes, writes rows, and knows the tables of one environment.

    Implements the RowSource and RowWriter ports. Safe for many threads.
    """

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    @property
    def url(self) -> str:
        """Scheme and host of the environment."""
        return self._parts.channel.root

    def start_cycle(self, limit: timedelta | None = None) -> None:
        """Begin a new time budget for waits and repeats."""
        self._parts.budget.start(limit)

    def who_am_i(self) -> WhoAmI:
        """The connection check: signs in and asks who we are.

        Raises ConfigProblem for a wrong URL or sign-in, RetriableError for a service that is busy.
        """
        url = f"{self._parts.channel.api}WhoAmI"
        try:
            reply = self._parts.channel.call(Request(method="GET", url=url, operation="who_am_i"))
            found = WHO_AM_I.decode(reply.body)
        except SignInBusy:
            raise
        except SignInUnreachable as error:
            raise SignInProblem(
                f"{error}: check LEADROBIN_AUTH__AUTHORITY where it is set, and the network"
            ) from error
        except SignInAgain as error:
            raise SignInProblem(
                f"{self.url} does not accept the token: check that the credential belongs to its "
                f"tenant and, with static_token, LEADROBIN_AUTH__STATIC_TOKEN ({error})"
            ) from error
        except (NotSent, LostReply) as error:
            raise UnusableRequest(
                f"the environment {self.url} cannot be reached: check LEADROBIN_DATAVERSE__URL "
                f"and the network ({error})"
            ) from error
        except (RowFault, ValueError) as error:
            raise UnusableRequest(
                f"{self.url} does not answer like a Dataverse Web API: check "
                f"LEADROBIN_DATAVERSE__URL ({error})"
            ) from error
        return WhoAmI(
            user_id=found.user_id,
            organization_id=found.organization_id,
            business_unit_id=found.business_unit_id,
        )

    def describe_table(self, logical_name: str) -> TableDefinition:
        """The definition of a table, remembered; raises ConfigProblem when there is none."""
        return self._parts.metadata.describe(logical_name)

    def fetch_first_page(self, query: TableQuery) -> RowPage:
        """Start with all rows of a table, its changes tracked where that is possible."""
        return self._parts.feed.fetch_first_page(query)

    def fetch_page(self, query: TableQuery, link: str) -> RowPage:
        """Follow a next or delta link; raises ResyncRequired when it is no longer honoured."""
        return self._parts.feed.fetch_page(query, link)

    def fetch_rows(self, query: TableQuery, ids: Sequence[str]) -> Sequence[Row]:
        """Rows by id with related rows; an id that is gone is absent."""
        return self._parts.reader.fetch_rows(query, ids)

    def fetch_versions(self, query: TableQuery, link: str | None = None) -> VersionPage:
        """Ids and versions of all rows of a table, page by page."""
        return self._parts.feed.fetch_versions(query, link)

    def read_rows(
        self,
        table: str,
        columns: Sequence[str],
        *,
        expand: Mapping[str, Sequence[str]] | None = None,
        where: Sequence[Comparison] = (),
    ) -> Iterator[Row]:
        """Every row of a table that satisfies all comparisons, page by page."""
        return self._parts.reader.read_rows(table, columns, expand=expand, where=where)

    def write_rows(self, writes: Sequence[RowWrite]) -> Iterator[WriteResult]:
        """One result for each write that was begun before a stop, as they finish.

        Never raises for a single row.
        """
        return self._parts.sender.write_rows(
            writes, self._parts.write_options, is_stopping=self._parts.is_stopping
        )

    def connect_sequence(
        self, row: EntityReference, sequence_id: str, *, segment_id: str | None = None
    ) -> WriteResult:
        """Connect a sequence to a row through the tenant's own action, unless it is connected."""
        return self._parts.actions.connect_sequence(row, sequence_id, segment_id=segment_id)

    def fetch_token_life_days(self) -> int | None:
        """How many days a delta link lives (`expirechangetrackingindays`); None when it cannot be
        read.
        """
        try:
            rows = list(self.read_rows("organization", ("expirechangetrackingindays",)))
        except DataverseError:
            return None
        days = rows[0].get("expirechangetrackingindays") if rows else None
        return days if isinstance(days, int) else None

    def save_governor(self) -> dict[str, object]:
        """The learned limits and counters, as plain data to keep over a restart."""
        return self._parts.channel.users.to_plain()

    def restore_governor(self, data: Mapping[str, object]) -> None:
        """Take over what `save_governor` gave an earlier process."""
        self._parts.channel.users.restore(data)

    def save_metadata(self) -> dict[str, object] | None:
        """The table definitions read so far, as plain data to keep over a restart."""
        return self._parts.definitions.to_plain()

    def restore_metadata(self, data: Mapping[str, object] | None) -> None:
        """Take over what `save_metadata` gave an earlier process, if its version still stands."""
        self._parts.definitions.restore(data)

    def describe_governor(self) -> Mapping[str, float]:
        """Rates, slots and counters of this moment."""
        return self._parts.channel.users.describe()

    def close(self) -> None:
        """Close all connections."""
        self._parts.channel.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
