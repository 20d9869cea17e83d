"""Random histories over emulator, client, store and cycle: whatever happens, nothing is lost or doubled.

Between cycles people create, edit, close, delete and assign rows, rules change and clocks jump;
within them every fault of the emulator strikes, people act between our reading and our writing,
processes are killed at any line and any request, and a second worker takes over. Plans are reviewed
and applied much later, cycles are undone, rows that were there before are decided, and sellers lose
what they do not touch.

Whether an owner may have changed is looked up in a book of the machine's own
(`tests/cycle/machine/book.py`). `LEADROBIN_TEST_MACHINE=RUNSxSTEPS` sets the length (the long
profile is 2000x50), and `LEADROBIN_TEST_MACHINE_SEED` another start of the random numbers.
"""

import os
import re
from datetime import timedelta
from functools import partial
from typing import Any

import requests
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from typing_extensions import override

from connector.dataverse.writes.sender import WriteWay
from connector.errors import LeaseHeld
from connector.service.leases import hold_file_lease
from tests.cycle.machine.checks import leave_in_peace
from tests.cycle.machine.hands import LIFE, Hands, find_written
from tests.cycle.machine.scene import ELSEWHERE, ISLAND, LARGE, TAKING_BACK, seeded
from tests.cycle.machine.strategies import FAULTS, NUMBERS, SELLERS, WAYS, WORKS
from tests.support.builders import guid
from tests.support.emulated import Killed, LineBomb, Process, Ways, dying

BASELINE = 3
_SECRET = re.compile(rf"Sesame|{ISLAND}|{ELSEWHERE}|eyJ[A-Za-z0-9]")


class CycleMachine(RuleBasedStateMachine):
    """A tenant in which anything happens between cycles, and within them."""

    def __init__(self) -> None:
        super().__init__()
        self.hands = Hands()
        self.tenant = self.hands.tenant

    @property
    def process(self) -> Process:
        """The connector's process of the moment."""
        return self.hands.process

    @override
    def teardown(self) -> None:
        self.hands.close()

    @initialize(ways=WAYS)
    def begin(self, ways: Ways) -> None:
        self.hands.ways = ways
        self.hands.restart()
        for number in range(BASELINE):
            self.hands.put(guid(number), address1_country=ELSEWHERE)
        self.hands.run_cycle()

    # What people do.

    @rule(number=NUMBERS, country=st.sampled_from([ISLAND, ELSEWHERE]))
    def edit(self, number: int, country: str) -> None:
        self.hands.put(guid(number), address1_country=country)

    @rule(number=NUMBERS)
    def enlarge(self, number: int) -> None:
        self.hands.put(guid(number), revenue=LARGE)

    @rule(number=NUMBERS)
    def note(self, number: int) -> None:
        self.hands.put(guid(number), subject=f"Sesame {number}")

    @rule(number=NUMBERS)
    def close(self, number: int) -> None:
        if self.hands.is_open(guid(number)):
            self.hands.put(guid(number), statecode=2, statuscode=4)

    @rule(number=NUMBERS)
    def reopen(self, number: int) -> None:
        row_id = guid(number)
        if row_id in self.tenant.leads() and not self.hands.is_open(row_id):
            self.hands.put(row_id, statecode=0, statuscode=1)

    @rule(number=NUMBERS)
    def delete(self, number: int) -> None:
        if guid(number) in self.tenant.leads():
            self.hands.delete(guid(number))

    @rule(number=NUMBERS, seller=SELLERS)
    def assign_by_hand(self, number: int, seller: int) -> None:
        if self.hands.is_open(guid(number)):
            self.hands.take(guid(number), seeded().sellers[seller])

    @rule(number=NUMBERS, is_unreadable=st.booleans())
    def spoil(self, number: int, is_unreadable: bool) -> None:
        """A row comes in a form that cannot be read, and later in one that can."""
        unreadable = self.hands.unreadable
        change = unreadable.add if is_unreadable else unreadable.discard
        change(guid(number))
        self.hands.put(guid(number), subject=f"Sesame {number}")

    # What the environment does.

    @rule(fault=FAULTS)
    def strike(self, fault: dict[str, Any]) -> None:
        path = r"/leads|\$batch|ConnectSequence" if fault.get("method") else None
        self.tenant.emulator.server.faults.add([{**fault, "path": path}])

    @rule(number=NUMBERS, status=st.sampled_from([400, 403]))
    def refuse(self, number: int, status: int) -> None:
        row_id, refused = guid(number), self.hands.refused
        if self.hands.ways.writes.way is WriteWay.PARALLEL and row_id not in refused:
            refused.add(row_id)
            path = re.escape(f"leads({row_id})")
            refusal = {"method": "PATCH", "path": path, "status": status, "count": None}
            self.tenant.emulator.server.faults.add([{**refusal, "code": "0x80040265"}])

    @rule()
    def calm(self) -> None:
        self.tenant.emulator.server.faults.clear()
        self.hands.refused.clear()

    @rule(minutes=st.one_of(st.integers(-90, 180), st.sampled_from([-2880, 1500, 45000])))
    def jump(self, minutes: int) -> None:
        self.hands.move_clock(timedelta(minutes=minutes))
        # A token must not look as if it had been issued before others were revoked.
        self.tenant.emulator.server.tenant.revoked_before = 0

    @rule()
    def expire_tokens(self) -> None:
        self.tenant.emulator.server.tenant.expire_tokens()
        self.hands.move_clock(timedelta(seconds=2))

    @rule(number=st.integers(0, 4))
    def change_rules(self, number: int) -> None:
        self.hands.choose_rules(number)

    # What the connector does, and what happens to it.

    @rule()
    def cycle(self) -> None:
        self.hands.run_cycle()

    @rule()
    def retry(self) -> None:
        self.hands.run(self.hands.retry)

    @rule(number=NUMBERS, is_new=st.booleans(), is_applied=st.booleans())
    def plan(self, number: int, is_new: bool, is_applied: bool) -> None:
        """What was planned is applied at once, whenever, or never."""
        if is_new and guid(number) in self.tenant.leads():
            self.hands.delete(guid(number))
        self.hands.put(guid(number), address1_country=ISLAND)
        self.hands.run(self.hands.make_plan)
        if is_applied:
            self.hands.run(self.hands.apply)

    @rule()
    def apply(self) -> None:
        self.hands.run(self.hands.apply)

    @rule(back=st.integers(0, 3))
    def undo(self, back: int) -> None:
        self.hands.run(partial(self.hands.undo_late, back))

    @rule()
    def backfill(self) -> None:
        self.hands.run(self.hands.backfill_all)

    @rule(number=NUMBERS, days=st.integers(1, 3))
    def leave_alone(self, number: int, days: int) -> None:
        """A seller is given a lead and does nothing about it."""
        self.hands.choose_rules(TAKING_BACK)
        if guid(number) in self.tenant.leads():
            self.hands.delete(guid(number))
        self.hands.put(guid(number), address1_country=ISLAND)
        self.hands.run_cycle()
        self.hands.move_clock(timedelta(days=days))
        self.hands.run_cycle()

    @rule()
    def refuse_a_second_process(self) -> None:
        with hold_file_lease(self.hands.store_file):
            for _ in range(2):
                try:
                    with hold_file_lease(self.hands.store_file):
                        raise AssertionError("two processes on one SQLite store")
                except LeaseHeld:
                    pass

    @rule(line=st.one_of(st.integers(0, 400), st.integers(0, 6000)), work=WORKS)
    def die_at_a_line(self, line: int, work: str) -> None:
        with dying(self.process), LineBomb(self.process, line):
            self.hands.run_work(work)
        self.hands.restart()

    @rule(request=st.integers(0, 25), loses_reply=st.booleans(), work=WORKS)
    def die_at_a_request(self, request: int, loses_reply: bool, work: str) -> None:
        """Before a request leaves, or after the environment did what it asks."""
        left, dead = [request], self.process

        def die(_request: requests.PreparedRequest) -> None:
            left[0] -= 1
            if left[0] < 0:
                dead.kill()
                raise Killed

        setattr(dead.wire, "after" if loses_reply else "before", die)
        with dying(dead):
            self.hands.run_work(work)
        self.hands.restart()

    @rule(writes=st.integers(0, 3))
    def lose_replies(self, writes: int) -> None:
        """Writes arrive, answers do not."""
        fault = {"kind": "reset_after", "method": "PATCH", "path": "/leads", "count": None}
        batch = {"kind": "reset_after", "method": "POST", "count": None, "path": r"\$batch"}
        self.tenant.emulator.server.faults.add(
            [{**fault, "skip": writes}, {**batch, "skip": writes // 2}]
        )
        self.hands.run_cycle()
        self.calm()

    @rule(
        action=st.sampled_from(["take", "edit", "note", "close", "delete"]),
        writes=st.integers(0, 2),
        seller=SELLERS,
        dies=st.booleans(),
    )
    def race(self, action: str, writes: int, seller: int, dies: bool) -> None:
        """Somebody acts on a row between our reading it and our writing it; or we die there."""
        left, process = [writes], self.process

        def act(request: requests.PreparedRequest) -> None:
            written = find_written(request)
            if not written or written[0] not in self.tenant.leads():
                return
            left[0] -= 1
            if left[0] == -1:
                self.hands.book.know(written)
                self.hands.act(action, written[0], seeded().sellers[seller])
                if dies:
                    process.kill()
                    raise Killed

        process.wire.before = act
        with dying(process):
            self.hands.run_cycle()
        process.wire.before = _nothing
        if process.is_dead:
            self.hands.restart()

    @rule(requests_before=st.integers(0, 12), wakes=st.booleans())
    def stall(self, requests_before: int, wakes: bool) -> None:
        """A worker sleeps for longer than its lease lives while another one works; or for good."""
        first, left = self.process, [requests_before]
        second = self.hands.start()

        def sleep(_request: requests.PreparedRequest) -> None:
            left[0] -= 1
            if left[0] == -1:
                first.wire.before = _nothing
                self.hands.move_clock(LIFE + timedelta(seconds=1))
                self.hands.run_under_lease(second)
                if not wakes:
                    first.kill()
                    raise Killed

        first.wire.before = sleep
        with dying(first):
            self.hands.run_under_lease(first)
        first.wire.before = _nothing
        first.end()
        second.end()
        self.hands.restart(ends_old=False)

    @rule()
    def settle(self) -> None:
        self.calm()
        leave_in_peace(self.hands)

    # What holds at every moment.

    @invariant()
    def every_owner_changed_as_it_might(self) -> None:
        """Nothing is assigned twice, no choice overwritten, nothing taken back from those at work."""
        self.hands.book.look()
        assert self.hands.book.wrong == []

    @invariant()
    def nothing_of_a_row_or_a_token_is_logged(self) -> None:
        told = [line for line in self.hands.logged if _SECRET.search(line)]
        assert told == [], told


def _nothing(_request: requests.PreparedRequest) -> None:
    """Nothing happens here."""


_LENGTH = os.environ.get("LEADROBIN_TEST_MACHINE", "")
_IS_LONG = os.environ.get("HYPOTHESIS_PROFILE") == "long"
_RUNS, _STEPS = (
    (int(part) for part in _LENGTH.split("x")) if _LENGTH else (2_000, 50) if _IS_LONG else (40, 30)
)

_PHASES = [Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink]
if os.environ.get("LEADROBIN_TEST_MACHINE_QUICK"):
    _PHASES = [Phase.generate]

TestCycleMachine = CycleMachine.TestCase
TestCycleMachine.settings = settings(
    max_examples=_RUNS,
    stateful_step_count=_STEPS,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    # Explaining traces every line, as the kills do; the two do not go together.
    phases=_PHASES,
)
if "LEADROBIN_TEST_MACHINE_SEED" in os.environ:
    TestCycleMachine = seed(int(os.environ["LEADROBIN_TEST_MACHINE_SEED"]))(TestCycleMachine)
