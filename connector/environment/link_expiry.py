"""Says at the start how long Dataverse keeps the changes of tables, and who stayed away longer."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from connector.state.records import ReadMode, Watermark
from connector.state.session import StateStore
from connector.telemetry.logs import get_log
from connector.watched_tables.watched_table import WatchedTable
from engine.instants import print_instant


def note_link_life(
    days: int | None,
    tables: Sequence[WatchedTable],
    store: StateStore,
    now: datetime,
    *,
    follows_by_date: Callable[[str], bool],
) -> None:
    """Log the life of a delta link, and warn of tables whose link is older; None = not known.

    Such a table is read again in full, which takes longer and is no failure. A link of which
    `follows_by_date` holds is no delta link, and does not expire.
    https://learn.microsoft.com/power-apps/developer/data-platform/use-change-tracking-synchronize-data-external-systems
    """
    if days is None:
        return
    get_log().info("changes are kept", action="link_life", days=days)
    with store.begin() as session:
        marks = [session.load_watermark(table.name) for table in tables]
    for mark in filter(None, marks):
        if _is_outlived(mark, now - timedelta(days=days), follows_by_date):
            get_log().warning(
                "changes are no longer kept",
                action="link_outlived",
                table=mark.table,
                days=days,
                read_at=print_instant(mark.signpost) if mark.signpost else None,
                remedy="none is needed: the table is read again in full; run more often than that",
            )


def _is_outlived(mark: Watermark, oldest: datetime, follows_by_date: Callable[[str], bool]) -> bool:
    is_tracked = mark.link is not None and not follows_by_date(mark.link)
    is_old = mark.signpost is not None and mark.signpost < oldest
    return mark.mode is ReadMode.CHANGES and is_tracked and is_old
