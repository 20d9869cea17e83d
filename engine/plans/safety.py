"""When a plan moves too much to be carried out unasked; what it moves is in `plan`."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from engine.errors import UnsafePlan
from engine.plans.plan import Plan, count_taken


@dataclass(frozen=True, slots=True, kw_only=True)
class SafetyLimits:
    """When a plan is refused: by its share of the table's owned rows, by its share of one seller's.

    Both count from `min_rows` owned rows on. Or by its size.
    """

    max_owner_change_share: float = 0.5
    max_seller_change_share: float = 1.0
    min_rows: int = 20
    max_changes: int | None = None


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

    `owned` counts the open rows of the table by owner as they were before; `already` are those
    taken from each earlier in the same cycle, so that many small pages add up. Raises UnsafePlan
    with the numbers of the table and of each seller.
    """
    taken = Counter(already or {}) + count_taken(plan)
    moved, total = taken.total(), sum(owned.values())
    table = plan.rows[0].table if plan.rows else ""
    if _is_too_much(moved, total, limits.max_owner_change_share, limits):
        raise UnsafePlan(
            f"the plan gives {moved} of {total} owned rows of {table} ({moved / total:.0%}) to "
            f"somebody else, more than the limit of {limits.max_owner_change_share:.0%}: "
            f"{_list_movements(plan, taken, owned)}; {_advise('MAX_OWNER_CHANGE_SHARE')}"
        )
    for seller, count in taken.most_common():
        share = limits.max_seller_change_share
        if _is_too_much(count, owned.get(seller, 0), share, limits):
            raise UnsafePlan(
                f"the plan takes {count} of {owned[seller]} rows of {table} "
                f"({count / owned[seller]:.0%}) from {_name_owner(plan, seller)}, more than the "
                f"limit of {share:.0%} for one seller: {_list_movements(plan, taken, owned)}; "
                f"{_advise('MAX_SELLER_CHANGE_SHARE')}"
            )
    if limits.max_changes is not None and len(plan.rows) > limits.max_changes:
        raise UnsafePlan(
            f"the plan changes {len(plan.rows)} rows of {table}, more than the limit of "
            f"{limits.max_changes}; {_advise('MAX_CHANGES')}"
        )


def _is_too_much(moved: int, owned: int, share: float, limits: SafetyLimits) -> bool:
    return owned > 0 and owned >= limits.min_rows and moved / owned > share


def _list_movements(plan: Plan, taken: Counter[str], owned: Mapping[str, int]) -> str:
    """Whom rows are taken from, of how many, and whom they go to; the largest numbers first."""
    losing = [
        f"{_name_owner(plan, seller)} {count} of {owned.get(seller, 0)}"
        for seller, count in taken.most_common()
    ]
    gains = Counter(
        change.after.name or change.after.id
        for row in plan.rows
        if row.is_reassignment and (change := row.owner_change) is not None
    )
    gaining = [f"{name} {count}" for name, count in gains.most_common()]
    return f"from {_shorten(losing)}; to {_shorten(gaining)}"


def _name_owner(plan: Plan, owner_id: str) -> str:
    owners = (change.before for row in plan.rows if (change := row.owner_change) is not None)
    names = (owner.name for owner in owners if owner is not None and owner.id == owner_id)
    return next(filter(None, names), owner_id)


def _shorten(texts: Sequence[str]) -> str:
    more = len(texts) - MOST_NAMED
    return ", ".join([*texts[:MOST_NAMED], *([f"{more} more"] if more > 0 else [])])


def _advise(setting: str) -> str:
    return (
        "review it with `leadrobin plan` and repeat with --force, or raise "
        f"LEADROBIN_SAFETY__{setting}"
    )
