"""When a plan moves too much to be carried out unasked; refusing it is the connector's."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from engine.plans.plan import Plan, count_taken


@dataclass(frozen=True, slots=True, kw_only=True)
class SafetyLimits:
    """When a plan is refused: by the share of a table's or of a seller's rows, or by its size.

    The shares count from `min_rows` owned rows on.
    """

    max_owner_change_share: float = 0.5
    max_seller_change_share: float = 1.0
    min_rows: int = 20
    max_changes: int | None = None


@dataclass(frozen=True, slots=True)
class Movement:
    """The rows that a plan takes from somebody who owns `of` of them, or gives to somebody."""

    name: str
    rows: int
    of: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Movements:
    """Whom rows are taken from and whom they go to; the largest numbers first."""

    losing: Sequence[Movement]
    gaining: Sequence[Movement]


@dataclass(frozen=True, slots=True, kw_only=True)
class TooMuchMoved:
    """More of a table's owned rows change hands than the limit; with `seller`: of that one's."""

    table: str
    moved: int
    owned: int
    limit: float
    movements: Movements
    seller: str | None = None

    @property
    def share(self) -> float:
        """The moved part of the owned rows."""
        return self.moved / self.owned


@dataclass(frozen=True, slots=True, kw_only=True)
class TooManyChanges:
    """More rows of a table are changed than the limit."""

    table: str
    changes: int
    limit: int


Excess = TooMuchMoved | TooManyChanges


def find_excess(
    plan: Plan,
    limits: SafetyLimits,
    *,
    owned: Mapping[str, int],
    already: Mapping[str, int] | None = None,
) -> Excess | None:
    """What a plan for one table does beyond the limits; None when it keeps them all.

    `owned` counts the open rows of the table by owner as they were before; `already` are those
    taken from each earlier in the same cycle, so that many small pages add up.
    """
    taken = Counter(already or {}) + count_taken(plan)
    table = plan.rows[0].table if plan.rows else ""
    for seller, moved, of, limit in _list_shares(limits, taken, owned):
        if of > 0 and of >= limits.min_rows and moved / of > limit:
            return TooMuchMoved(
                table=table,
                moved=moved,
                owned=of,
                limit=limit,
                movements=_list_movements(plan, taken, owned),
                seller=None if seller is None else _name_owner(plan, seller),
            )
    if limits.max_changes is not None and len(plan.rows) > limits.max_changes:
        return TooManyChanges(table=table, changes=len(plan.rows), limit=limits.max_changes)
    return None


def _list_shares(
    limits: SafetyLimits, taken: Counter[str], owned: Mapping[str, int]
) -> Iterator[tuple[str | None, int, int, float]]:
    """Seller (None = everybody), rows moved, rows owned and the limit, the whole table first."""
    yield None, taken.total(), sum(owned.values()), limits.max_owner_change_share
    for seller, count in taken.most_common():
        yield seller, count, owned.get(seller, 0), limits.max_seller_change_share


def _list_movements(plan: Plan, taken: Counter[str], owned: Mapping[str, int]) -> Movements:
    gains = Counter(
        change.after.name or change.after.id
        for row in plan.rows
        if row.is_reassignment and (change := row.owner_change) is not None
    )
    return Movements(
        losing=[
            Movement(_name_owner(plan, seller), count, owned.get(seller, 0))
            for seller, count in taken.most_common()
        ],
        gaining=[Movement(name, count) for name, count in gains.most_common()],
    )


def _name_owner(plan: Plan, owner_id: str) -> str:
    owners = (change.before for row in plan.rows if (change := row.owner_change) is not None)
    names = (owner.name for owner in owners if owner is not None and owner.id == owner_id)
    return next(filter(None, names), owner_id)
