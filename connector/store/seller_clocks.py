"""The clocks of sellers in SQL: when each was last given a row."""

from collections.abc import Iterable, Mapping

import msgspec
from sqlalchemy import select

from connector.store.statements import Statements, build_values, upsert_rows
from connector.store.tables import seller_clocks
from engine.sellers import SellerClock

CLOCK_LOCK = 7_305_115
"""The key of the advisory lock that decisions are taken under; any number no one else uses."""


class SellerClockSession(Statements):
    """Sellers' clocks within one transaction."""

    def lock_clocks(self) -> None:
        """Keep every other session from deciding until this one ends.

        SQLite transactions exclude each other already.
        """
        if self._connection.dialect.name == "postgresql":
            self._connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({CLOCK_LOCK})")

    def load_clocks(self) -> Mapping[str, SellerClock]:
        """Every seller's clock, by seller id."""
        return {clock.seller_id: clock for clock in self._read(select(seller_clocks), SellerClock)}

    def save_clocks(self, clocks: Iterable[SellerClock]) -> None:
        """Insert or replace clocks."""
        values = [
            {**build_values(clock), "by_rule": msgspec.to_builtins(clock.by_rule)}
            for clock in clocks
        ]
        upsert_rows(self._connection, seller_clocks, values)
