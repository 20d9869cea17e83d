"""Refuses plans that do too much, in a sentence that says what to do; limits are in `safety`."""

from collections.abc import Mapping, Sequence
from typing import assert_never

from engine.errors import UnsafePlan
from engine.plans.plan import Plan
from engine.plans.safety import (
    Excess,
    Movement,
    Movements,
    SafetyLimits,
    TooManyChanges,
    TooMuchMoved,
    find_excess,
)

MOST_NAMED = 8
"""How many sellers a refusal names."""


def raise_if_unsafe(
    plan: Plan,
    limits: SafetyLimits,
    *,
    owned: Mapping[str, int],
    already: Mapping[str, int] | None = None,
) -> None:
    """Refuse a plan for one table that takes too much work from people, or changes too much.

    Raises UnsafePlan with the numbers of the table and of each seller; see `find_excess`.
    """
    excess = find_excess(plan, limits, owned=owned, already=already)
    if excess is not None:
        raise UnsafePlan(_describe(excess))


def _describe(excess: Excess) -> str:
    match excess:
        case TooMuchMoved(seller=None):
            return (
                f"the plan gives {excess.moved} of {excess.owned} owned rows of {excess.table} "
                f"({excess.share:.0%}) to somebody else, more than the limit of "
                f"{excess.limit:.0%}: {_list_movements(excess.movements)}; "
                f"{_advise('MAX_OWNER_CHANGE_SHARE')}"
            )
        case TooMuchMoved():
            return (
                f"the plan takes {excess.moved} of {excess.owned} rows of {excess.table} "
                f"({excess.share:.0%}) from {excess.seller}, more than the limit of "
                f"{excess.limit:.0%} for one seller: {_list_movements(excess.movements)}; "
                f"{_advise('MAX_SELLER_CHANGE_SHARE')}"
            )
        case TooManyChanges():
            return (
                f"the plan changes {excess.changes} rows of {excess.table}, more than the limit of "
                f"{excess.limit}; {_advise('MAX_CHANGES')}"
            )
        case _:
            assert_never(excess)


def _list_movements(movements: Movements) -> str:
    losing = _shorten([f"{_print(each)} of {each.of}" for each in movements.losing])
    return f"from {losing}; to {_shorten([_print(each) for each in movements.gaining])}"


def _print(movement: Movement) -> str:
    return f"{movement.name} {movement.rows}"


def _shorten(texts: Sequence[str]) -> str:
    more = len(texts) - MOST_NAMED
    return ", ".join([*texts[:MOST_NAMED], *([f"{more} more"] if more > 0 else [])])


def _advise(setting: str) -> str:
    return (
        "review it with `leadrobin plan` and repeat with --force, or raise "
        f"LEADROBIN_SAFETY__{setting}"
    )
