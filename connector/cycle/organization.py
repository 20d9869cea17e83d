"""Keeps a store to its organization: the same id means another row in another one."""

from dataclasses import replace

from connector.cycle.context import Cycle
from connector.state.records import PlanOrigin, ReadMode, Watermark
from engine.errors import UnsafePlan

ROWS_AT_ONCE = 5000
"""Rows that are forgotten in one transaction."""


def raise_if_foreign(cycle: Cycle) -> None:
    """Refuse to work on a table of another organization than the store's; raises UnsafePlan.

    A forced cycle may: it begins anew with a baseline.
    """
    with cycle.store.begin() as session:
        mark = session.load_watermark(cycle.table.name)
    here = cycle.seams.organization_id
    may_begin_anew = cycle.options.is_forced and cycle.origin is PlanOrigin.CYCLE
    if mark is None or may_begin_anew or not is_foreign(mark, here):
        return
    raise UnsafePlan(
        f"the store knows {cycle.table.name} of organization {mark.organization_id}, "
        f"the environment is organization {here}; use another LEADROBIN_STORE__URL for another "
        "environment or, if this one was replaced, forget what is known and take a new baseline "
        "with `leadrobin run --once --force`"
    )


def forget_other(cycle: Cycle) -> None:
    """Forget what the store knows of the cycle's table if that is another organization's.

    To be called once that was agreed to, and before anything of it is settled or tried again: a
    copied environment has the same ids, and its rows would be written. The history stays. Whoever
    turns back half-way gets a new baseline, too: going on from a link with rows unknown would take
    what changes for new.
    """
    with cycle.store.begin() as session:
        mark = session.load_watermark(cycle.table.name)
        if mark is None or not is_foreign(mark, cycle.seams.organization_id):
            return
        for open_plan in session.list_open_plans(cycle.table.name):
            session.close_open_plan(open_plan.id, cycle.now())
        session.save_watermark(begin_anew(mark))
    while True:
        with cycle.store.begin() as session:
            known = session.find_unmarked(cycle.table.name, mark.generation + 1, ROWS_AT_ONCE)
            if not known:
                return
            session.delete_rows(cycle.table.name, known)


def begin_anew(mark: Watermark) -> Watermark:
    """The watermark of a table of which nothing is known any more."""
    return replace(
        mark,
        mode=ReadMode.BASELINE,
        link=None,
        baseline_done_at=None,
        generation=mark.generation + 1,
    )


def is_foreign(mark: Watermark, organization_id: str | None) -> bool:
    """Whether a watermark was made in another organization; not where one of them is unknown."""
    ours, theirs = mark.organization_id, organization_id
    return ours is not None and theirs is not None and ours.lower() != theirs.lower()
