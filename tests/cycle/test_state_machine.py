"""Random histories over the fake environment: edits, deletions, faults, crashes, conflicts, two workers.

`HYPOTHESIS_PROFILE=long` makes many and long ones.
"""

import os
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from sqlalchemy import event

from connector.cycle.table_cycle import run_cycle
from connector.lease import StoreLeases
from connector.ports import RowWrite, WriteOutcome
from engine.errors import LeaseHeld
from engine.records import EntityReference
from tests.support.fake_dataverse import Crash
from tests.support.worlds import RULES, World, lead_id, seller_id

NUMBERS = st.integers(0, 7)
COUNTRIES = st.sampled_from(["UK", "France"])
SELLERS = st.integers(0, 2)
LIFE = timedelta(minutes=5)
ARRIVED = {"applied", "already_so"}
OTHER_RULES = {
    **RULES,
    "rules": [{**found, "name": f"{found['name']} again"} for found in RULES["rules"]],
}


class CycleMachine(RuleBasedStateMachine):
    """A world in which anything happens between cycles, and crashes and edits inside them."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.world = World(folder=Path(self.folder.name))
        self.manual: dict[str, str] = {}
        self.assigned: Counter[str] = Counter()
        self._watch_assignments()

    def teardown(self) -> None:
        self.world.store.close()
        self.folder.cleanup()

    @initialize()
    def begin(self) -> None:
        for number in range(3):
            self.world.put_lead(number, address1_country="France")
        self.world.cycle()

    @rule(number=NUMBERS, country=COUNTRIES)
    def edit(self, number: int, country: str) -> None:
        self.world.put_lead(number, address1_country=country)

    @rule(number=NUMBERS)
    def note(self, number: int) -> None:
        self.world.put_lead(number, subject=f"note {self.world.dataverse.version}")

    @rule(number=NUMBERS)
    def close(self, number: int) -> None:
        self.world.put_lead(number, statecode=1)

    @rule(number=NUMBERS)
    def delete(self, number: int) -> None:
        if lead_id(number) in self.world.dataverse.tables["lead"]:
            self.world.dataverse.delete_row("lead", lead_id(number))
            self.manual.pop(lead_id(number), None)
            self.assigned.pop(lead_id(number), None)

    @rule(number=st.integers(0, 2), seller=SELLERS)
    def assign_by_hand(self, number: int, seller: int) -> None:
        row = self.world.dataverse.tables["lead"].get(lead_id(number))
        if row is None or row["_ownerid_value"] == seller_id(seller):
            return
        known = self.world.ledger_row(number)
        self.world.dataverse.set_owner("lead", lead_id(number), _seller(seller))
        if known is not None and known.owner is not None and known.owner.id != seller_id(seller):
            self.manual[lead_id(number)] = seller_id(seller)

    @rule()
    def expire_links(self) -> None:
        self.world.dataverse.expire_links()

    @rule(minutes=st.integers(-60, 120))
    def jump(self, minutes: int) -> None:
        self.world.clock.advance(timedelta(minutes=minutes))

    @rule(are_others=st.booleans())
    def change_rules(self, are_others: bool) -> None:
        self.world.rules = OTHER_RULES if are_others else RULES

    @rule(number=NUMBERS, refuses=st.booleans())
    def refuse(self, number: int, refuses: bool) -> None:
        refused = self.world.dataverse.refused
        (refused.add if refuses else refused.discard)(lead_id(number))

    @rule()
    def cycle(self) -> None:
        self.world.cycle()

    @rule()
    def cycle_without_answers(self) -> None:
        """Every write arrives, no answer does."""
        self.world.dataverse.silent = True
        self.world.cycle()
        self.world.dataverse.silent = False

    @rule(writes=st.integers(0, 3), loses_reply=st.booleans())
    def crash_at_a_write(self, writes: int, loses_reply: bool) -> None:
        """The process dies before or after one of the next writes, and starts again."""
        left = [writes]

        def die(_write: RowWrite) -> None:
            if left[0] == 0:
                raise Crash
            left[0] -= 1

        with self._hooked("after_write" if loses_reply else "before_write", die), suppress(Crash):
            self.world.cycle()
        self.world.restart()

    @rule(statements=st.integers(0, 60))
    def crash_at_a_statement(self, statements: int) -> None:
        """The process dies before one of the next statements on the store, and starts again."""
        left = [statements]

        def die(*_arguments: Any) -> None:
            if left[0] == 0:
                raise Crash
            left[0] -= 1

        engine = self.world.store.engine
        event.listen(engine, "before_cursor_execute", die)
        with suppress(Crash):
            self.world.cycle()
        event.remove(engine, "before_cursor_execute", die)
        self.world.restart()

    @rule(seller=SELLERS)
    def race(self, seller: int) -> None:
        """Somebody takes a row between our reading and our writing it."""
        raced: list[str] = []

        def take(write: RowWrite) -> None:
            if not raced:
                raced.append(write.id)
                owner = self.world.dataverse.owner_of("lead", write.id)
                if owner != seller_id(seller) and write.binds.get("ownerid") != _seller(seller):
                    self.world.dataverse.set_owner("lead", write.id, _seller(seller))
                    self.manual[write.id] = seller_id(seller)

        with self._hooked("before_write", take):
            self.world.cycle()

    @rule(writes=st.integers(0, 2))
    def stall(self, writes: int) -> None:
        """A worker sleeps for longer than its lease lives; another one works meanwhile."""
        world, left = self.world, [writes]
        first, second = (
            StoreLeases(world.store, world.clock, holder=name, life=LIFE) for name in ("a", "b")
        )

        def sleep(_write: RowWrite) -> None:
            if left[0] == 0:
                world.dataverse.before_write = lambda _write: None
                world.clock.advance(LIFE + timedelta(seconds=1))
                self._cycle_under(second)
            left[0] -= 1

        with self._hooked("before_write", sleep):
            self._cycle_under(first)

    @invariant()
    def a_choice_by_hand_stands(self) -> None:
        rows = self.world.dataverse.tables.get("lead", {})
        for row_id, owner in self.manual.items():
            assert rows[row_id]["_ownerid_value"] == owner

    @invariant()
    def no_row_is_assigned_twice(self) -> None:
        assert {row: times for row, times in self.assigned.items() if times > 1} == {}

    @invariant()
    def counts_of_open_rows_are_exact(self) -> None:
        with self.world.store.begin() as session:
            assert session.count_open() == session.recount_open()

    @rule()
    def settle(self) -> None:
        """Left in peace, everything ends decided, and repeating it writes nothing."""
        world = self.world
        world.dataverse.refused.clear()
        for _ in range(4):
            world.clock.advance(timedelta(hours=3))
            world.cycle()
        sent = len(world.dataverse.writes)
        record = world.cycle()
        assert len(world.dataverse.writes) == sent
        assert record.counts.get("decided", 0) == 0
        with world.store.begin() as session:
            assert session.list_intents("lead") == []
            waiting = session.list_backlog()
            ledger = session.load_rows("lead", [lead_id(number) for number in range(8)])
        assert [entry for entry in waiting if entry.code in set(WriteOutcome)] == []
        rows = world.dataverse.tables["lead"]
        assert set(ledger) == set(rows)
        for row_id, row in rows.items():
            known = ledger[row_id]
            assert known.owner is not None
            assert known.owner.id == row["_ownerid_value"]
            assert known.etag == row["@odata.etag"]
            if known.segment == "UK" and known.is_open:
                assert row["_ownerid_value"] in {seller_id(number) for number in range(3)}

    def _cycle_under(self, leases: StoreLeases) -> None:
        with suppress(LeaseHeld), leases.hold("lead") as hold:
            parts = replace(self.world.parts(), store=hold.store, keep_lease=hold.keep)
            run_cycle(parts, self.world.table())

    def _watch_assignments(self) -> None:
        """Count the writes of owners that the environment took."""
        apply = self.world.dataverse._apply

        def count(write: RowWrite) -> Any:
            result = apply(write)
            if result.outcome is WriteOutcome.APPLIED and "ownerid" in write.binds:
                self.assigned[write.id] += 1
            return result

        self.world.dataverse._apply = count  # type: ignore[method-assign]

    @contextmanager
    def _hooked(self, moment: str, action: Callable[[RowWrite], None]) -> Iterator[None]:
        setattr(self.world.dataverse, moment, action)
        try:
            yield
        finally:
            setattr(self.world.dataverse, moment, lambda _write: None)


def _seller(number: int) -> EntityReference:
    return EntityReference(table="systemuser", id=seller_id(number))


_IS_LONG = os.environ.get("HYPOTHESIS_PROFILE") == "long"

TestCycleMachine = CycleMachine.TestCase
TestCycleMachine.settings = settings(
    max_examples=2_000 if _IS_LONG else 25,
    stateful_step_count=50 if _IS_LONG else 20,
    deadline=None,
)
