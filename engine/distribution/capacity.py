"""Capacity arithmetic: how many units a target has left; who is chosen with it is in `pool`."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class CapacityUnits:
    """What one row costs: its rule's own figure, else its table's, else one unit."""

    by_table: Mapping[str, int] = field(default_factory=dict[str, int])
    by_rule: Mapping[str, int] = field(default_factory=dict[str, int])

    def cost(self, table: str, rule: str | None = None) -> int:
        """Units that a row of `table` consumes when `rule` assigns it (None: assigned by hand)."""
        if rule is not None and rule in self.by_rule:
            return self.by_rule[rule]
        return self.by_table.get(table, 1)


def consumed_units(consumed: Mapping[str, int], counted_tables: frozenset[str] | None) -> int:
    """Units consumed over the counted tables; None counts every table.

    Only tables for which assignment rules are active count: "Understand lead and opportunity
    distribution" in the Dynamics 365 Sales documentation.
    """
    if counted_tables is None:
        return sum(consumed.values())
    return sum(units for table, units in consumed.items() if table in counted_tables)


def available_units(
    maximum: int | None, consumed: Mapping[str, int], counted_tables: frozenset[str] | None
) -> int | None:
    """Maximum minus consumed, negative when overdrawn; None = unlimited."""
    if maximum is None:
        return None
    return maximum - consumed_units(consumed, counted_tables)
