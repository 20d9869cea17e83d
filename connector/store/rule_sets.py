"""Past rule sets in SQL; what a rule set means is in the engine."""

from collections.abc import Callable, Mapping
from datetime import datetime

from sqlalchemy import func, insert, select

from connector.state.records import KeptRuleSet
from connector.store.statements import Statements
from connector.store.tables import rule_sets


class RuleSetSession(Statements):
    """Rule sets within one transaction."""

    def note_rule_set(
        self, checksum: str, at: datetime, build: Callable[[], Mapping[str, object]]
    ) -> None:
        """Note which rule set is in force; `build` is asked for it when it was another before."""
        last = select(func.max(rule_sets.c.number)).scalar_subquery()
        latest = select(rule_sets.c.checksum).where(rule_sets.c.number == last)
        if self._connection.execute(latest).scalar_one_or_none() == checksum:
            return
        self._connection.execute(
            insert(rule_sets).values(checksum=checksum, in_force_since=at, document=dict(build()))
        )

    def find_rule_set(
        self, *, at: datetime | None = None, checksum: str | None = None
    ) -> KeptRuleSet | None:
        """The rule set in force at an instant, or the one with a checksum; None when unknown."""
        newest_first = rule_sets.c.in_force_since.desc(), rule_sets.c.number.desc()
        query = select(rule_sets).order_by(*newest_first).limit(1)
        if at is not None:
            query = query.where(rule_sets.c.in_force_since <= at)
        if checksum is not None:
            query = query.where(rule_sets.c.checksum == checksum)
        return self._find(query, KeptRuleSet)
