"""Random histories over the fake environment: edits, deletions, crashes, conflicts; nothing is lost or doubled."""

import tempfile
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from connector.ports import RowWrite
from engine.records import EntityReference
from tests.support.fake_dataverse import Crash
from tests.support.worlds import World, lead_id, seller_id

NUMBERS = st.integers(0, 7)
COUNTRIES = st.sampled_from(["UK", "France"])


class CycleMachine(RuleBasedStateMachine):
    """A world in which anything happens between cycles, and crashes and edits inside them."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.world = World(folder=Path(self.folder.name))
        self.manual: dict[str, str] = {}

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

    @rule(number=st.integers(0, 2), seller=st.integers(0, 2))
    def assign_by_hand(self, number: int, seller: int) -> None:
        row = self.world.dataverse.tables["lead"].get(lead_id(number))
        if row is None or row["_ownerid_value"] == seller_id(seller):
            return
        owner = EntityReference(table="systemuser", id=seller_id(seller))
        self.world.dataverse.set_owner("lead", lead_id(number), owner)
        if self.world.ledger_row(number) is not None:
            self.manual[lead_id(number)] = seller_id(seller)

    @rule()
    def expire_links(self) -> None:
        self.world.dataverse.expire_links()

    @rule(minutes=st.integers(1, 120))
    def wait(self, minutes: int) -> None:
        self.world.clock.advance(timedelta(minutes=minutes))

    @rule()
    def cycle(self) -> None:
        self.world.cycle()

    @rule(writes=st.integers(0, 3), loses_reply=st.booleans())
    def crash(self, writes: int, loses_reply: bool) -> None:
        """The process dies before or after one of the next writes, and starts again."""
        left = [writes]

        def die(_write: RowWrite) -> None:
            if left[0] == 0:
                raise Crash
            left[0] -= 1

        self._hook("after_write" if loses_reply else "before_write", die)
        with suppress(Crash):
            self.world.cycle()
        self._hook("after_write" if loses_reply else "before_write", lambda _write: None)
        self.world.restart()

    @rule(seller=st.integers(0, 2))
    def race(self, seller: int) -> None:
        """Somebody takes a row between our reading and our writing it."""
        owner = EntityReference(table="systemuser", id=seller_id(seller))
        raced: list[str] = []

        def take(write: RowWrite) -> None:
            if not raced:
                raced.append(write.id)
                self.world.dataverse.set_owner("lead", write.id, owner)
                self.manual[write.id] = owner.id

        self._hook("before_write", take)
        self.world.cycle()
        self._hook("before_write", lambda _write: None)

    @invariant()
    def a_choice_by_hand_stands(self) -> None:
        rows = self.world.dataverse.tables.get("lead", {})
        for row_id, owner in self.manual.items():
            assert rows[row_id]["_ownerid_value"] == owner

    @invariant()
    def counts_of_open_rows_are_exact(self) -> None:
        with self.world.store.begin() as session:
            assert session.count_open() == session.recount_open()

    @rule()
    def settle(self) -> None:
        """Left in peace, everything ends decided, and repeating it writes nothing."""
        world = self.world
        for _ in range(3):
            world.clock.advance(timedelta(hours=2))
            world.cycle()
        sent = len(world.dataverse.writes)
        record = world.cycle()
        assert len(world.dataverse.writes) == sent
        assert record.counts.get("decided", 0) == 0
        with world.store.begin() as session:
            assert session.list_intents("lead") == []
            ledger = session.load_rows("lead", [lead_id(number) for number in range(8)])
        rows = world.dataverse.tables["lead"]
        assert set(ledger) == set(rows)
        sellers = {seller_id(number) for number in range(3)}
        for row_id, row in rows.items():
            known = ledger[row_id]
            assert known.owner is not None
            assert known.owner.id == row["_ownerid_value"]
            assert known.etag == row["@odata.etag"]
            if known.segment == "UK" and known.is_open:
                assert row["_ownerid_value"] in sellers

    def _hook(self, moment: str, action: Callable[[RowWrite], None]) -> None:
        setattr(self.world.dataverse, moment, action)


TestCycleMachine = CycleMachine.TestCase
TestCycleMachine.settings = settings(max_examples=25, stateful_step_count=20, deadline=None)
