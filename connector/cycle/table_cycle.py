"""One cycle of one table from beginning to end; the steps themselves are in the sibling modules."""

from dataclasses import replace
from datetime import timedelta

from connector.cycle.context import Cycle, Seams
from connector.cycle.cycle_records import finish_cycle, start_cycle
from connector.cycle.organization import begin_anew, forget_other, is_foreign, raise_if_foreign
from connector.cycle.passes.backlog import retry_due
from connector.cycle.passes.page import process_page, record_baseline
from connector.cycle.passes.reconciliation import SWEEP_ROWS, raise_if_too_many, reconcile_if_due
from connector.cycle.passes.recovery import settle_open_plans
from connector.cycle.passes.scheduled_runs import run_scheduled
from connector.cycle.passes.take_backs import take_back_due
from connector.cycle.rows.wake_ups import wake_for_room, wake_for_rules
from connector.errors import ResyncRequired, RetriableError
from connector.ports import RowPage, RowSource, TableQuery
from connector.state.records import CycleRecord, PlanOrigin, ReadMode, Watermark
from connector.watched_tables.watched_table import WatchedTable

MAX_RESTARTS = 2
"""How often one cycle starts a full read anew before it gives up."""

KEEPS_IDLE = timedelta(days=1)
"""How long cycles are remembered that found nothing to do."""


def run_cycle(seams: Seams, table: WatchedTable) -> CycleRecord:
    """Settle open plans, process every page of changes, retry what waits; the record is saved.

    Raises what ended it early; the record then says so. A stop is no error: what was begun is saved
    and the next cycle goes on there.
    """
    cycle = start_cycle(seams, table, PlanOrigin.CYCLE)
    with cycle.store.begin() as session:
        rule_set = cycle.rule_set
        session.note_rule_set(rule_set.checksum, cycle.started_at, rule_set.to_document)
    return finish_cycle(cycle, lambda: _pass(cycle))


def _pass(cycle: Cycle) -> bool:
    forget_other(cycle)
    if not settle_open_plans(cycle):
        return False
    wake_for_rules(cycle)
    mark = load_mark(cycle)
    if not _follow(cycle, mark):
        return False
    if not cycle.sees_deletions and not reconcile_if_due(cycle):
        return False
    wake_for_room(cycle)
    _forget_history(cycle)
    return run_scheduled(cycle) and retry_due(cycle) and take_back_due(cycle)


def _forget_history(cycle: Cycle) -> None:
    now, kept = cycle.now(), cycle.options.keeps_history
    with cycle.store.begin() as session:
        session.prune_idle(cycle.table.name, now - KEEPS_IDLE)
        if kept is not None:
            for prune in (session.prune_decisions, session.prune_cycles, session.prune_plans):
                cycle.counts["forgotten"] += prune(cycle.table.name, now - kept)


def load_mark(cycle: Cycle) -> Watermark:
    """The watermark to go on from.

    Another set of columns needs a new read of the table, another organization a new baseline.
    Raises UnsafePlan for an organization that nobody agreed to.
    """
    table = cycle.table
    with cycle.store.begin() as session:
        mark = session.load_watermark(table.name)
    if mark is None:
        return Watermark(
            table=table.name,
            mode=ReadMode.BASELINE,
            watched_set=table.watched_set,
            columns_hash=table.columns_hash,
            organization_id=cycle.seams.organization_id,
        )
    raise_if_foreign(cycle)
    if is_foreign(mark, cycle.seams.organization_id):
        mark = replace(begin_anew(mark), organization_id=cycle.seams.organization_id)
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


def _follow(cycle: Cycle, mark: Watermark) -> bool:
    """Process pages up to the last one; False when stopped."""
    restarts = 0
    while True:
        cycle.generation = mark.generation
        if cycle.seams.is_stopping():
            return False
        try:
            page = fetch_marked(cycle.source, cycle.table.query, mark)
        except ResyncRequired as error:
            restarts += 1
            if restarts > MAX_RESTARTS:
                raise RetriableError(
                    f"the change feed of {cycle.table.name} broke off {restarts} times: {error}"
                ) from error
            cycle.counts["resyncs"] += 1
            mark = start_over(mark)
            continue
        cycle.sees_deletions = page.sees_deletions
        after = _advance(cycle, mark, page)
        if not _process(cycle, page, mark=mark, after=after):
            return False
        if page.next_link is None:
            return True
        mark = after


def fetch_marked(source: RowSource, query: TableQuery, mark: Watermark) -> RowPage:
    """The page that a watermark stands before."""
    if mark.link is None:
        return source.fetch_first_page(query)
    return source.fetch_page(query, mark.link)


def _advance(cycle: Cycle, mark: Watermark, page: RowPage) -> Watermark:
    """The watermark behind a page; without a new delta link the old one stays good."""
    after = replace(
        mark,
        link=page.next_link or page.delta_link or mark.link,
        pages=mark.pages + 1,
        rows_seen=mark.rows_seen + len(page.rows),
        signpost=cycle.started_at,
    )
    if page.next_link is not None:
        return after
    return replace(
        after,
        mode=ReadMode.RESYNC if _needs_sweep(mark) else ReadMode.CHANGES,
        baseline_done_at=mark.baseline_done_at or cycle.now(),
    )


def _needs_sweep(mark: Watermark) -> bool:
    """A repeated full read may have rows of the one before it to forget.

    Until then it is not over.
    """
    return mark.mode is not ReadMode.CHANGES and mark.generation > 1


def _process(cycle: Cycle, page: RowPage, *, mark: Watermark, after: Watermark) -> bool:
    cycle.counts["pages"] += 1
    cycle.counts["rows_read"] += len(page.rows)
    cycle.seams.report("read", len(page.rows))
    sweeps = page.next_link is None and _needs_sweep(mark)
    if sweeps:
        _raise_if_vanished(cycle, page, mark)
    if mark.mode is ReadMode.BASELINE:
        record_baseline(cycle, page, after=after)
    elif not process_page(cycle, page, after=after):
        return False
    if sweeps:
        _sweep(cycle, after)
    return True


def _raise_if_vanished(cycle: Cycle, page: RowPage, mark: Watermark) -> None:
    """Refuse to forget a large part of a table because one full read did not show it."""
    table = cycle.table
    with cycle.store.begin() as session:
        total = session.count_rows(table.name)
        missing = session.count_rows(table.name, before_generation=mark.generation)
        here = [str(row.get(table.primary_id, "")).lower() for row in page.rows]
        known = session.load_rows(table.name, here).values()
    missing -= sum(1 for row in known if row.generation < mark.generation)
    if mark.mode is ReadMode.RESYNC:
        raise_if_too_many(cycle.options, table.name, missing=missing, total=total)


def _sweep(cycle: Cycle, mark: Watermark) -> None:
    """Forget rows that a full read did not show; then the read is over."""
    while True:
        with cycle.store.begin() as session:
            gone = session.find_unmarked(cycle.table.name, mark.generation, SWEEP_ROWS)
            cycle.counts["deleted"] += session.delete_rows(cycle.table.name, gone)
            if not gone:
                session.save_watermark(replace(mark, mode=ReadMode.CHANGES))
                return
