"""How often a condition holds and what it costs, hence in which order children are tried."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import assert_never

from engine.conditions.language.columns import children_of
from engine.conditions.language.context import logical_name
from engine.conditions.language.model import (
    All,
    Any,
    ColumnPath,
    Compare,
    CompareColumns,
    Condition,
    Not,
    Operator,
    Related,
    SellerAttribute,
)
from engine.conditions.language.operators import COMPLEMENTS

_O = Operator
_COSTS: Mapping[Operator, float] = {
    **dict.fromkeys((_O.EQ, _O.NULL, _O.NOT_NULL), 1.0),
    _O.IN: 1.1,
    **dict.fromkeys((_O.GT, _O.GE, _O.LT, _O.LE), 1.1),
    _O.BETWEEN: 1.3,
    **dict.fromkeys((_O.LIKE, _O.BEGINS_WITH, _O.ENDS_WITH), 1.5),
    **dict.fromkeys((_O.CONTAIN_VALUES, _O.NOT_CONTAIN_VALUES, _O.IN_FISCAL_PERIOD), 15.0),
    **dict.fromkeys((_O.ABOVE, _O.EQ_OR_ABOVE, _O.UNDER, _O.EQ_OR_UNDER, _O.NOT_UNDER), 20.0),
}
_CHANCES: Mapping[Operator, float] = {
    _O.EQ: 0.1,
    _O.IN: 0.2,
    _O.NULL: 0.3,
    _O.NOT_NULL: 0.7,
    **dict.fromkeys((_O.LIKE, _O.BEGINS_WITH, _O.ENDS_WITH), 0.1),
    **dict.fromkeys((_O.UNDER, _O.EQ_OR_UNDER, _O.ABOVE, _O.EQ_OR_ABOVE), 0.1),
}
_USUAL_COST = 1.5
_USUAL_CHANCE = 0.3


@dataclass(frozen=True, slots=True)
class Estimate:
    """The chance that a condition holds, and its cost in units of one comparison."""

    chance: float
    cost: float


class Chances:
    """Estimates for conditions: from samples where there are any, else from the operators."""

    def __init__(self, sampled: Mapping[Condition, float] | None = None) -> None:
        self._sampled = sampled or {}
        self._known: dict[Condition, Estimate] = {}

    def estimate(self, condition: Condition) -> Estimate:
        """The estimate of a condition or a part of one."""
        found = self._known.get(condition)
        if found is None:
            found = self._known[condition] = self._estimate(condition)
        return found

    def _estimate(self, condition: Condition) -> Estimate:
        match condition:
            case All(children):
                return self._sequence(children, is_all=True)
            case Any(children):
                return self._sequence(children, is_all=False)
            case Not(child):
                inner = self.estimate(child)
                return Estimate(1.0 - inner.chance, inner.cost)
            case Compare(operator=operator):
                return self._leaf(condition, _operator_chance(operator), _operator_cost(operator))
            case CompareColumns():
                return self._leaf(condition, _USUAL_CHANCE, 12.0)
            case Related() | SellerAttribute():
                return self._leaf(condition, _USUAL_CHANCE, 30.0)
            case _:
                assert_never(condition)

    def _leaf(self, condition: Condition, chance: float, cost: float) -> Estimate:
        return Estimate(self._sampled.get(condition, chance), cost)

    def _sequence(self, children: Sequence[Condition], *, is_all: bool) -> Estimate:
        """Children as they will be tried: each costs only where those before settle nothing."""
        reach, cost = 1.0, 0.0
        for child in self.order(children, is_all=is_all):
            cost += reach * self.estimate(child).cost
            reach *= self._going_on(child, is_all=is_all)
        return Estimate(reach if is_all else 1.0 - reach, cost)

    def order(self, children: Sequence[Condition], *, is_all: bool) -> list[Condition]:
        """Children in the order in which the first of them most cheaply settles the whole."""

        def rank(child: Condition) -> float:
            settles = 1.0 - self._going_on(child, is_all=is_all)
            return self.estimate(child).cost / max(settles, 0.001)

        return sorted(children, key=rank)

    def _going_on(self, child: Condition, *, is_all: bool) -> float:
        """The chance that the next child has to be tried too."""
        chance = self.estimate(child).chance
        return chance if is_all else 1.0 - chance

    def find_rare(self, conditions: Sequence[Condition]) -> frozenset[ColumnPath]:
        """Columns that a row is asked for less than once, from the first of the conditions on that
        has them; these are tried in order until one holds.
        """
        first: dict[ColumnPath, float] = {}
        uses: dict[ColumnPath, float] = {}
        reach = 1.0
        for condition in conditions:
            for path, count in self._list_uses(condition, reach):
                first.setdefault(path, reach)
                uses[path] = uses.get(path, 0.0) + count
            reach *= 1.0 - self.estimate(condition).chance
        return frozenset(path for path, count in uses.items() if count < first[path])

    def _list_uses(self, condition: Condition, reach: float) -> Iterator[tuple[ColumnPath, float]]:
        """The columns of the comparisons, and how often a row comes to each of them."""
        match condition:
            case All(children) | Any(children):
                is_all = isinstance(condition, All)
                for child in self.order(children, is_all=is_all):
                    yield from self._list_uses(child, reach)
                    reach *= self._going_on(child, is_all=is_all)
            case Not(child):
                yield from self._list_uses(child, reach)
            case Compare(path=path):
                yield (*path[:-1], logical_name(path[-1])), reach
            case _:
                return


def _operator_chance(operator: Operator) -> float:
    positive = COMPLEMENTS.get(operator)
    if positive is not None:
        return 1.0 - _operator_chance(positive)
    return _CHANCES.get(operator, _USUAL_CHANCE)


def _operator_cost(operator: Operator) -> float:
    return _COSTS.get(COMPLEMENTS.get(operator, operator), _USUAL_COST)


def leaves_of(condition: Condition) -> list[Condition]:
    """The parts that are tested as a whole: comparisons, related rows, seller attributes."""
    if isinstance(condition, All | Any | Not):
        return [leaf for child in children_of(condition) for leaf in leaves_of(child)]
    return [condition]


def sample_chances(
    leaves: Sequence[Condition], outcomes: Sequence[Sequence[bool]]
) -> dict[Condition, float]:
    """How often each leaf held, drawn half a sample towards the middle; `outcomes` is by sample."""
    return {
        leaf: (sum(held[position] for held in outcomes) + 0.5) / (len(outcomes) + 1)
        for position, leaf in enumerate(leaves)
    }
