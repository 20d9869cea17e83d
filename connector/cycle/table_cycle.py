"""One cycle of one table from beginning to end; the steps themselves are in the sibling modules."""

from dataclasses import replace
from datetime import timedelta

from connector.cycle.context import CycleParts, CycleRun
from connector.cycle.cycle_records import finish_run, start_run
from connector.cycle.organisation import begin_anew, forget_other, is_foreign, raise_if_foreign
from connector.cycle.passes.backlog import retry_due
from connector.cycle.passes.page import process_page, record_baseline
from connector.cycle.passes.reconciliation import SWEEP_ROWS, raise_if_too_many, reconcile_if_due
from connector.cycle.passes.recovery import settle_open_plans
from connector.cycle.passes.scheduled_runs import run_scheduled
from connector.cycle.passes.take_backs import take_back_due
from connector.cycle.rows.wake_ups import wake_for_room, wake_for_rules
from connector.errors import ResyncRequired, RetriableError
from connector.ports import RowPage
from connector.state.records import CycleRecord, PlanOrigin, ReadMode, Watermark
from connector.watched_tables.watched_table import WatchedTable

MAX_RESTARTS = 2
"""How often one cycle starts a full read anew before it gives up."""

KEEPS_IDLE = timedelta(days=1)
"""How long cycles are remembered that found nothing to do."""


def run_cycle(parts: CycleParts, table: WatchedTable) -> CycleRecord:
    """Settle open plans, process every page of changes, retry what waits; the record is saved.

    Raises what ended it early; the record then says so. A stop is no error: what was begun is saved
    and the next cycle goes on there.
    """
    run = start_run(parts, table, PlanOrigin.CYCLE)
    with parts.store.begin() as session:
        rule_set = parts.rule_set
        session.note_rule_set(rule_set.checksum, run.started_at, rule_set.to_document)
    return finish_run(parts, run, lambda: _pass(parts, run))


def _pass(parts: CycleParts, run: CycleRun) -> bool:
    forget_other(parts, run)
    if not settle_open_plans(parts, run):
        return False
    wake_for_rules(parts, run)
    mark = load_mark(parts, run)
    if not _follow(parts, run, mark):
        return False
    if not run.sees_deletions and not reconcile_if_due(parts, run):
        return False
    wake_for_room(parts, run)
    _forget_history(parts, run)
    return run_scheduled(parts, run) and retry_due(parts, run) and take_back_due(parts, run)


def _forget_history(parts: CycleParts, run: CycleRun) -> None:
    now, kept = parts.clock.now(), parts.options.keeps_history
    with parts.store.begin() as session:
        session.prune_idle(run.table.name, now - KEEPS_IDLE)
        if kept is not None:
            for prune in (session.prune_decisions, session.prune_cycles, session.prune_plans):
                run.counts["forgotten"] += prune(run.table.name, now - kept)


def load_mark(parts: CycleParts, run: CycleRun) -> Watermark:
    """The watermark to go on from.

    Another set of columns needs a new read of the table, another organisation a new baseline.
    Raises UnsafePlan for an organisation that nobody agreed to.
    """
    table = run.table
    with parts.store.begin() as session:
        mark = session.load_watermark(table.name)
    if mark is None:
        return Watermark(
            table=table.name,
            mode=ReadMode.BASELINE,
            watched_set=table.watched_set,
            columns_hash=table.columns_hash,
            organization_id=parts.organization_id,
        )
    raise_if_foreign(parts, run)
    if is_foreign(parts, mark):
        mark = replace(begin_anew(mark), organization_id=parts.organization_id)
    elif mark.columns_hash != table.columns_hash:
        mark = start_over(mark)
    return replace(mark, watched_set=table.watched_set, columns_hash=table.columns_hash)


def start_over(mark: Watermark) -> Watermark:
    """A new full read: the first one again, or one that finds out what happened meanwhile."""
    is_first = mark.baseline_done_at is None
    return replace(
        mark,
        mode=ReadMode.BASELINE if is_first else ReadMode.RESYNC,
        link=None,
        generation=mark.generation + 1,
    )


def _follow(parts: CycleParts, run: CycleRun, mark: Watermark) -> bool:
    """Process pages up to the last one; False when stopped."""
    restarts = 0
    while True:
        run.generation = mark.generation
        if parts.is_stopping():
            return False
        try:
            page = fetch_marked(parts, run, mark)
        except ResyncRequired as error:
            restarts += 1
            if restarts > MAX_RESTARTS:
                raise RetriableError(
                    f"the change feed of {run.table.name} broke off {restarts} times: {error}"
                ) from error
            run.counts["resyncs"] += 1
            mark = start_over(mark)
            continue
        run.sees_deletions = page.sees_deletions
        after = _advance(parts, run, mark, page)
        if not _process(parts, run, page, mark=mark, after=after):
            return False
        if page.next_link is None:
            return True
        mark = after


def fetch_marked(parts: CycleParts, run: CycleRun, mark: Watermark) -> RowPage:
    if mark.link is None:
        return parts.source.fetch_first_page(run.table.query)
    return parts.source.fetch_page(run.table.query, mark.link)


def _advance(parts: CycleParts, run: CycleRun, mark: Watermark, page: RowPage) -> Watermark:
    """The watermark behind a page; without a new delta link the old one stays good."""
    after = replace(
        mark,
        link=page.next_link or page.delta_link or mark.link,
        pages=mark.pages + 1,
        rows_seen=mark.rows_seen + len(page.rows),
        signpost=run.started_at,
    )
    if page.next_link is not None:
        return after
    return replace(
        after,
        mode=ReadMode.RESYNC if _needs_sweep(mark) else ReadMode.CHANGES,
        baseline_done_at=mark.baseline_done_at or parts.clock.now(),
    )


def _needs_sweep(mark: Watermark) -> bool:
    """A repeated full read may have rows of the one before it to forget.

    Until then it is not over.
    """
    return mark.mode is not ReadMode.CHANGES and mark.generation > 1


def _process(
    parts: CycleParts, run: CycleRun, page: RowPage, *, mark: Watermark, after: Watermark
) -> bool:
    run.counts["pages"] += 1
    run.counts["rows_read"] += len(page.rows)
    parts.report("read", len(page.rows))
    sweeps = page.next_link is None and _needs_sweep(mark)
    if sweeps:
        _raise_if_vanished(parts, run, page, mark)
    if mark.mode is ReadMode.BASELINE:
        record_baseline(parts, run, page, after=after)
    elif not process_page(parts, run, page, after=after):
        return False
    if sweeps:
        _sweep(parts, run, after)
    return True


def _raise_if_vanished(parts: CycleParts, run: CycleRun, page: RowPage, mark: Watermark) -> None:
    """Refuse to forget a large part of a table because one full read did not show it."""
    table = run.table
    with parts.store.begin() as session:
        total = session.count_rows(table.name)
        missing = session.count_rows(table.name, before_generation=mark.generation)
        here = [str(row.get(table.primary_id, "")).lower() for row in page.rows]
        known = session.load_rows(table.name, here).values()
    missing -= sum(1 for row in known if row.generation < mark.generation)
    if mark.mode is ReadMode.RESYNC:
        raise_if_too_many(parts, run, missing=missing, total=total)


def _sweep(parts: CycleParts, run: CycleRun, mark: Watermark) -> None:
    """Forget rows that a full read did not show; then the read is over."""
    while True:
        with parts.store.begin() as session:
            gone = session.find_unmarked(run.table.name, mark.generation, SWEEP_ROWS)
            run.counts["deleted"] += session.delete_rows(run.table.name, gone)
            if not gone:
                session.save_watermark(replace(mark, mode=ReadMode.CHANGES))
                return
