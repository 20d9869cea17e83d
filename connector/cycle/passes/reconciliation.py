"""Finds what a feed without deletions missed: compares ids and versions with the ledger.

Tracked tables need none of this; their full reads are swept in `table_cycle`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import msgspec

from connector.cycle.context import Cycle, CycleOptions
from connector.cycle.passes.page import process_page
from connector.cycle.rows.reading import fetch_complete
from connector.errors import ResyncRequired, RetriableError
from connector.ports import RowPage, VersionPage
from connector.state.records import Watermark
from connector.state.session import DocumentState
from engine.errors import UnsafePlan

SWEEP_ROWS = 500
_KIND = "reconcile"


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a comparison is; `finished_at` is None while one is under way."""

    generation: int
    link: str | None = None
    finished_at: datetime | None = None


def reconcile_if_due(cycle: Cycle) -> bool:
    """Compare the whole table when the last time is long enough ago; False when stopped.

    What was compared is saved page by page. Raises UnsafePlan when too much seems to be gone.
    """
    with cycle.store.begin() as session:
        progress = _load(session, cycle.table.name)
        mark = session.load_watermark(cycle.table.name)
    if mark is None:
        return True
    if progress is None:
        # First contact has just read the whole table.
        _save(cycle, Progress(generation=mark.generation, finished_at=cycle.now()))
        return True
    is_open = progress.finished_at is None and progress.generation == mark.generation
    if not is_open:
        done_at = progress.finished_at
        if done_at and cycle.now() < done_at + cycle.options.reconcile_interval:
            return True
        progress, mark = _begin(cycle, mark)
    cycle.generation = progress.generation
    return _compare(cycle, progress, mark) and _sweep(cycle, mark)


def raise_if_too_many(options: CycleOptions, table: str, *, missing: int, total: int) -> None:
    """Refuse to forget a large part of a table because one reading did not show it."""
    is_many = missing > options.min_vanished_rows and missing > total * options.max_vanished_share
    if is_many and not options.is_forced:
        raise UnsafePlan(
            f"{missing} of {total} rows of {table} are missing from the environment; if "
            "they were really deleted, repeat with --force"
        )


def _begin(cycle: Cycle, mark: Watermark) -> tuple[Progress, Watermark]:
    """A new generation: rows seen from now on belong to it, whoever sees them."""
    mark = replace(mark, generation=mark.generation + 1)
    progress = Progress(generation=mark.generation)
    with cycle.store.begin() as session:
        session.save_watermark(mark)
        _put(session, cycle.table.name, progress, at=cycle.now())
    return progress, mark


def _compare(cycle: Cycle, progress: Progress, mark: Watermark) -> bool:
    while True:
        if cycle.seams.is_stopping():
            return False
        try:
            page = cycle.source.fetch_versions(cycle.table.query, progress.link)
        except ResyncRequired as error:
            _save(cycle, replace(progress, link=None))
            raise RetriableError(f"comparing {cycle.table.name} broke off: {error}") from error
        if not _take_in(cycle, page, mark):
            return False
        cycle.counts["compared"] += len(page.versions)
        progress = replace(progress, link=page.next_link)
        if page.next_link is None:
            return True
        _save(cycle, progress)


def _take_in(cycle: Cycle, page: VersionPage, mark: Watermark) -> bool:
    """Mark rows whose version is known; read and process the others."""
    table = cycle.table.name
    with cycle.store.begin() as session:
        known = session.load_rows(table, list(page.versions))
        same = [row.id for row in known.values() if row.etag == page.versions[row.id]]
        session.mark_rows(table, same, cycle.generation)
    moved = sorted(page.versions.keys() - set(same))
    return _process(cycle, moved, mark)


def _sweep(cycle: Cycle, mark: Watermark) -> bool:
    """Forget rows that were not met and are not there when they are asked for by id."""
    table = cycle.table.name
    with cycle.store.begin() as session:
        missing = session.count_rows(table, before_generation=cycle.generation)
        total = session.count_rows(table)
    raise_if_too_many(cycle.options, table, missing=missing, total=total)
    while True:
        with cycle.store.begin() as session:
            unmet = session.find_unmarked(table, cycle.generation, SWEEP_ROWS)
        if not unmet:
            break
        if cycle.seams.is_stopping() or not _process(cycle, unmet, mark):
            return False
        with cycle.store.begin() as session:
            session.mark_rows(table, unmet, cycle.generation)
    now = cycle.now()
    _save(cycle, Progress(generation=cycle.generation, finished_at=now))
    return True


def _process(cycle: Cycle, ids: Sequence[str], mark: Watermark) -> bool:
    """Read rows by id; those that are there are news, the others are gone."""
    for start in range(0, len(ids), SWEEP_ROWS):
        chunk = ids[start : start + SWEEP_ROWS]
        rows = fetch_complete(cycle, chunk)
        present = {str(row.get(cycle.table.primary_id, "")).lower() for row in rows}
        gone = [row_id for row_id in chunk if row_id not in present]
        page = RowPage(table=cycle.table.name, rows=rows, deleted=gone)
        if not process_page(cycle, page, after=mark):
            return False
    return True


def _load(session: DocumentState, table: str) -> Progress | None:
    return msgspec.convert(session.load_document(_KIND, table), Progress | None)


def _save(cycle: Cycle, progress: Progress) -> None:
    with cycle.store.begin() as session:
        _put(session, cycle.table.name, progress, at=cycle.now())


def _put(session: DocumentState, table: str, progress: Progress, *, at: datetime) -> None:
    session.save_document(_KIND, table, document=msgspec.to_builtins(progress), at=at)
