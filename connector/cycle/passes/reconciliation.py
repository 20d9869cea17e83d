"""Finds what a feed without deletions missed: compares ids and versions with the ledger.

Tracked tables need none of this; their full reads are swept in `table_cycle`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from connector.cycle.context import CycleParts, CycleRun
from connector.cycle.passes.page import process_page
from connector.cycle.rows.reading import fetch_complete
from connector.errors import ResyncRequired, RetriableError
from connector.ports import RowPage, VersionPage
from connector.state.records import Watermark
from connector.state.session import StateSession
from engine.errors import UnsafePlan
from engine.instants import print_instant

SWEEP_ROWS = 500
_KIND = "reconcile"


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a comparison is; `finished_at` is None while one is under way."""

    generation: int
    link: str | None = None
    finished_at: datetime | None = None


def reconcile_if_due(parts: CycleParts, run: CycleRun) -> bool:
    """Compare the whole table when the last time is long enough ago; False when stopped.

    What was compared is saved page by page. Raises UnsafePlan when too much seems to be gone.
    """
    with parts.store.begin() as session:
        progress = _load(session, run)
        mark = session.load_watermark(run.table.name)
    if mark is None:
        return True
    if progress is None:
        # First contact has just read the whole table.
        _save(parts, run, Progress(generation=mark.generation, finished_at=parts.clock.now()))
        return True
    is_open = progress.finished_at is None and progress.generation == mark.generation
    if not is_open:
        done_at = progress.finished_at
        if done_at and parts.clock.now() < done_at + parts.options.reconcile_interval:
            return True
        progress, mark = _begin(parts, run, mark)
    run.generation = progress.generation
    return _compare(parts, run, progress, mark) and _sweep(parts, run, mark)


def raise_if_too_many(parts: CycleParts, run: CycleRun, *, missing: int, total: int) -> None:
    """Refuse to forget a large part of a table because one reading did not show it."""
    options = parts.options
    is_many = missing > options.min_vanished_rows and missing > total * options.max_vanished_share
    if is_many and not options.is_forced:
        raise UnsafePlan(
            f"{missing} of {total} rows of {run.table.name} are missing from the environment; if "
            "they were really deleted, repeat with --force"
        )


def _begin(parts: CycleParts, run: CycleRun, mark: Watermark) -> tuple[Progress, Watermark]:
    """A new generation: rows seen from now on belong to it, whoever sees them."""
    mark = replace(mark, generation=mark.generation + 1)
    progress = Progress(generation=mark.generation)
    with parts.store.begin() as session:
        session.save_watermark(mark)
        _put(session, parts, run, progress)
    return progress, mark


def _compare(parts: CycleParts, run: CycleRun, progress: Progress, mark: Watermark) -> bool:
    while True:
        if parts.is_stopping():
            return False
        try:
            page = parts.source.fetch_versions(run.table.query, progress.link)
        except ResyncRequired as error:
            _save(parts, run, replace(progress, link=None))
            raise RetriableError(f"comparing {run.table.name} broke off: {error}") from error
        if not _take_in(parts, run, page, mark):
            return False
        run.counts["compared"] += len(page.versions)
        progress = replace(progress, link=page.next_link)
        if page.next_link is None:
            return True
        _save(parts, run, progress)


def _take_in(parts: CycleParts, run: CycleRun, page: VersionPage, mark: Watermark) -> bool:
    """Mark rows whose version is known; read and process the others."""
    table = run.table.name
    with parts.store.begin() as session:
        known = session.load_rows(table, list(page.versions))
        same = [row.id for row in known.values() if row.etag == page.versions[row.id]]
        session.mark_rows(table, same, run.generation)
    moved = sorted(page.versions.keys() - set(same))
    return _process(parts, run, moved, mark)


def _sweep(parts: CycleParts, run: CycleRun, mark: Watermark) -> bool:
    """Forget rows that were not met and are not there when they are asked for by id."""
    table = run.table.name
    with parts.store.begin() as session:
        missing = session.count_rows(table, before_generation=run.generation)
        total = session.count_rows(table)
    raise_if_too_many(parts, run, missing=missing, total=total)
    while True:
        with parts.store.begin() as session:
            unmet = session.find_unmarked(table, run.generation, SWEEP_ROWS)
        if not unmet:
            break
        if parts.is_stopping() or not _process(parts, run, unmet, mark):
            return False
        with parts.store.begin() as session:
            session.mark_rows(table, unmet, run.generation)
    now = parts.clock.now()
    _save(parts, run, Progress(generation=run.generation, finished_at=now))
    return True


def _process(parts: CycleParts, run: CycleRun, ids: Sequence[str], mark: Watermark) -> bool:
    """Read rows by id; those that are there are news, the others are gone."""
    for start in range(0, len(ids), SWEEP_ROWS):
        chunk = ids[start : start + SWEEP_ROWS]
        rows = fetch_complete(parts, run, chunk)
        present = {str(row.get(run.table.primary_id, "")).lower() for row in rows}
        gone = [row_id for row_id in chunk if row_id not in present]
        page = RowPage(table=run.table.name, rows=rows, deleted=gone)
        if not process_page(parts, run, page, after=mark):
            return False
    return True


def _load(session: StateSession, run: CycleRun) -> Progress | None:
    saved = session.load_document(_KIND, run.table.name)
    if saved is None:
        return None
    finished, link = saved["finished_at"], saved["link"]
    return Progress(
        generation=int(str(saved["generation"])),
        link=None if link is None else str(link),
        finished_at=None if finished is None else datetime.fromisoformat(str(finished)),
    )


def _save(parts: CycleParts, run: CycleRun, progress: Progress) -> None:
    with parts.store.begin() as session:
        _put(session, parts, run, progress)


def _put(session: StateSession, parts: CycleParts, run: CycleRun, progress: Progress) -> None:
    finished = progress.finished_at
    session.save_document(
        _KIND,
        run.table.name,
        document={
            "generation": progress.generation,
            "link": progress.link,
            "finished_at": print_instant(finished) if finished else None,
        },
        at=parts.clock.now(),
    )
