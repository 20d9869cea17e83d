"""How far tables are processed: seen, and moved back to the beginning."""

from collections.abc import Sequence
from dataclasses import replace

from connector.service.store import lock_store, read_store
from connector.state.records import ReadMode, Watermark
from engine.errors import LeadrobinError
from settings.model import Settings


def list_watermarks(settings: Settings) -> Sequence[Watermark]:
    """The watermarks of all tables that were read."""
    with read_store(settings) as session:
        return session.list_watermarks()


def restart_table(settings: Settings, table: str, *, with_baseline: bool) -> None:
    """Make the next cycle read a table from its beginning.

    With a baseline nothing that is there then is decided; without one what changed meanwhile is.
    Raises LeadrobinError for a table that was not read yet, and LeaseHeld.
    """
    with lock_store(settings, table) as store, store.begin() as session:
        mark = session.load_watermark(table)
        if mark is None:
            raise LeadrobinError(f"{table} was not read yet: there is nothing to move")
        session.save_watermark(_restart(mark, with_baseline=with_baseline))


def _restart(mark: Watermark, *, with_baseline: bool) -> Watermark:
    is_baseline = with_baseline or mark.baseline_done_at is None
    return replace(
        mark,
        mode=ReadMode.BASELINE if is_baseline else ReadMode.RESYNC,
        link=None,
        generation=mark.generation + 1,
        baseline_done_at=None if is_baseline else mark.baseline_done_at,
    )
