"""What a query is evaluated against besides rows: the caller, the instant, the calendar; no SQL."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from connector.emulator.catalog.catalog import Catalog
from connector.emulator.catalog.table_definition import ColumnDefinition, TableDefinition

EnsureIndex = Callable[[TableDefinition, ColumnDefinition], None]


def _no_index(_table: TableDefinition, _column: ColumnDefinition) -> None:
    """For queries over few rows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryContext:
    """The caller and the organization's settings.

    `now` is aware; `time_zone` is the caller's IANA zone, for relative dates; `week_start` counts
    from Monday = 0; the fiscal year starts on the first day of `fiscal_month` and has
    `fiscal_periods` equal periods. `secret` keys the check value inside paging cookies;
    `ensure_index` is told of columns that a query compares for equality.
    """

    catalog: Catalog
    now: datetime
    user_id: str
    business_unit_id: str
    language: int = 1033
    time_zone: str = "UTC"
    week_start: int = 6
    fiscal_month: int = 1
    fiscal_periods: int = 4
    secret: bytes = b"emulator"
    ensure_index: EnsureIndex = _no_index

    @property
    def zone(self) -> ZoneInfo:
        """The caller's zone."""
        return ZoneInfo(self.time_zone)

    @property
    def local_now(self) -> datetime:
        """Now in the caller's zone, in whole seconds."""
        return self.now.replace(microsecond=0).astimezone(self.zone)


def instant_text(moment: datetime) -> str:
    """An aware instant as rows store it."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ").zfill(20)
