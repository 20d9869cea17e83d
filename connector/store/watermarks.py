"""Watermarks in SQL: how far each table is processed."""

from collections.abc import Sequence

from sqlalchemy import select

from connector.state.records import Watermark
from connector.store.statements import Statements, build_values, upsert_rows
from connector.store.tables import watermarks


class WatermarkSession(Statements):
    """Watermarks within one transaction."""

    def load_watermark(self, table: str) -> Watermark | None:
        """How far a table is processed; None before first contact."""
        return self._find(select(watermarks).where(watermarks.c.table == table), Watermark)

    def list_watermarks(self) -> Sequence[Watermark]:
        """All watermarks, by table."""
        return self._read(select(watermarks).order_by(watermarks.c.table), Watermark)

    def save_watermark(self, watermark: Watermark) -> None:
        """Insert or replace a watermark."""
        upsert_rows(self._connection, watermarks, [build_values(watermark)])
