"""Random histories over emulator, client, store and cycle: whatever happens, nothing is lost or doubled.

Between cycles people create, edit, close, delete and assign rows, rules change and clocks jump;
within them every fault of the emulator strikes, people act between our reading and our writing,
processes are killed at any line and any request, and a second worker takes over. Plans are reviewed
and applied much later, cycles are undone, rows that were there before are decided, and sellers lose
what they do not touch.

`LEADROBIN_TEST_MACHINE=RUNSxSTEPS` sets the length (the long profile is 2000x50), and
`LEADROBIN_TEST_MACHINE_SEED` another start of the random numbers.
"""

import json
import logging
import os
import re
import sqlite3
import tempfile
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache, partial
from pathlib import Path
from typing import Any

import requests
import structlog
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from typing_extensions import override

from connector.cycle.review.preview import preview_cycle
from connector.cycle.review.preview_state import Carried
from connector.cycle.review.reviewed_plan import (
    ReviewedPlan,
    build_document,
    merge_previews,
    parse_document,
)
from connector.cycle.table_cycle import run_cycle
from connector.dataverse.writes.sender import WriteOptions, WriteWay
from connector.emulator.protection.faults import KINDS
from connector.emulator.seed.organization import SeedSize
from connector.errors import FatalError, LeaseHeld
from connector.ports import WriteOutcome
from connector.service.leases import StoreLeases, hold_file_lease
from connector.state.decision_document import TAKEN_FROM
from connector.state.records import Outcome
from engine.errors import LeadrobinError
from engine.statuses import RoutingStatus
from tests.support.emulated import (
    Killed,
    Known,
    LineBomb,
    Process,
    StoreTemplate,
    Tenant,
    Ways,
    dying,
    writing_in_turn,
)
from tests.support.in_process import InProcessEmulator

ISLAND, ELSEWHERE = "Zembla", "Freedonia"
NUMBERS = st.integers(0, 7)
SELLERS = st.integers(0, 3)
LIFE = timedelta(minutes=5)
CAPACITY = 2
LARGE = 5000
WAITS_FOR_CAPACITY = RoutingStatus.NO_CAPACITY.name.lower()
BASELINE = 3
HOPS = 2


def _rules(**changes: Any) -> dict[str, Any]:
    """Islanders go to anybody; large leads to whoever has capacity left."""
    return {
        "version": 1,
        "segments": [
            {
                "name": "Islands",
                "table": "lead",
                "priority": 1,
                "accept_from_other_segments": changes.get("accepts", False),
                "segment_id": changes.get("segment_id"),
                "when": {"column": "address1_country", "operator": "eq", "value": ISLAND},
                "sequence": "Trade-show follow-up",
            },
            {
                "name": "Large",
                "table": "lead",
                "priority": 2,
                "when": {"column": "revenue", "operator": "ge", "value": LARGE},
                "scheduled_runs": changes.get("scheduled_runs"),
            },
            *changes.get("segments", []),
        ],
        "sequences": [
            {
                "name": "Trade-show follow-up",
                "table": "lead",
                "sequence_id": changes.get("sequence_id"),
            }
        ],
        "rules": [
            {
                "name": f"Islanders{changes.get('suffix', '')}",
                "table": "lead",
                "segment": "Islands",
                "assign_to": changes.get("assign_to", {"any_seller": True}),
                "take_back": changes.get("take_back"),
            },
            {
                "name": f"Large ones{changes.get('suffix', '')}",
                "table": "lead",
                "segment": "Large",
                "assign_to": {"any_seller": True},
                "respect_capacity": True,
            },
        ],
    }


@dataclass(frozen=True, kw_only=True)
class Seeded:
    """What all histories begin with; made once."""

    emulator: InProcessEmulator
    template: StoreTemplate
    sellers: tuple[str, ...]
    nobody: str
    rules: tuple[Mapping[str, Any], ...]
    known: Known = field(default_factory=Known)


@cache
def seeded() -> Seeded:
    """An organisation of four sellers with room for two open leads each, and an empty store."""
    emulator = InProcessEmulator(
        SeedSize(sellers=4, leads=0, opportunities=0, insights=0), accept_any_token=False
    )
    tenant = Tenant(emulator)
    for row in tenant.call("GET", "msdyn_assignmentrules?$select=statecode")["value"]:
        tenant.call("DELETE", f"msdyn_assignmentrules({row['msdyn_assignmentruleid']})")
    maps = tenant.call("GET", "msdyn_assignmentmaps?$select=_msdyn_systemuserid_value")["value"]
    for row in maps:
        tenant.call(
            "PATCH",
            f"msdyn_assignmentmaps({row['msdyn_assignmentmapid']})",
            {"msdyn_maxcapacity": CAPACITY},
        )
    sellers = tuple(sorted(str(row["_msdyn_systemuserid_value"]) for row in maps))[:4]
    segment = _find_named(tenant, "msdyn_segment", "Trade shows")
    names = {"segment_id": segment, "sequence_id": _find_named(tenant, "msdyn_sequence")}
    related = {
        "name": "Banks",
        "table": "lead",
        "priority": 3,
        "when": {"column": "parentaccountid.industrycode", "operator": "eq", "value": 6},
    }
    emulator.keep()
    folder = tempfile.mkdtemp(dir=_memory())
    return Seeded(
        emulator=emulator,
        template=StoreTemplate(Path(folder)),
        sellers=sellers,
        nobody=tenant.call("GET", "WhoAmI")["UserId"],
        rules=(
            _rules(**names),
            _rules(**names, suffix=" again", accepts=True),
            _rules(**names, assign_to={"sellers": {"named": [sellers[0], sellers[1]]}}),
            _rules(**names, segments=[related]),
            _rules(
                **names,
                take_back={"after": "2 hours", "hops": HOPS},
                scheduled_runs={"at": ["06:00", "18:00"], "rows": 2},
            ),
        ),
    )


def _find_named(tenant: Tenant, table: str, name: str = "Trade-show follow-up") -> str:
    rows = tenant.call("GET", f"{table}s?$select=msdyn_name&$filter=msdyn_name eq '{name}'")
    return str(rows["value"][0][f"{table}id"])


def _memory() -> str | None:
    """A folder in memory where there is one: a store on it costs no disk."""
    return "/dev/shm" if Path("/dev/shm").is_dir() else None


FAULTS = st.one_of(
    st.fixed_dictionaries(
        {
            "kind": st.sampled_from(sorted(set(KINDS) - {"status", "latency", "late_commit"})),
            "method": st.sampled_from([None, "GET", "PATCH", "POST"]),
            "skip": st.integers(0, 4),
            "count": st.integers(1, 3),
            "table": st.just("lead"),
        }
    ),
    st.fixed_dictionaries(
        {
            "kind": st.sampled_from(["latency", "late_commit"]),
            "seconds": st.just(0.0001),
            "skip": st.integers(0, 4),
            "count": st.integers(1, 3),
        }
    ),
    st.fixed_dictionaries(
        {
            "status": st.sampled_from([429, 500, 502, 503, 504]),
            "method": st.sampled_from([None, "GET", "PATCH", "POST"]),
            "skip": st.integers(0, 4),
            "count": st.integers(1, 9),
            "headers": st.sampled_from([{}, {"Retry-After": "7"}, {"Retry-After": "1700"}]),
        }
    ),
)
WORKS = st.sampled_from(["cycle"] * 4 + ["retry", "apply", "undo", "backfill"])
WAYS = st.builds(
    Ways,
    writes=st.builds(
        WriteOptions,
        way=st.sampled_from([WriteWay.PARALLEL, WriteWay.BATCH]),
        concurrency=st.integers(1, 3),
        batch_size=st.just(3),
    ),
    splits_owner=st.booleans(),
    connects_by_action=st.booleans(),
    page_size=st.sampled_from([2, 5000]),
    reads_people=st.sampled_from([False] * 7 + [True]),
)


class CycleMachine(RuleBasedStateMachine):
    """A tenant in which anything happens between cycles, and within them."""

    def __init__(self) -> None:
        super().__init__()
        self.held = ExitStack()
        self.tenant = Tenant(seeded().emulator, seeded().known)
        self.tenant.emulator.reset()
        self.tenant.emulator.server.tenant.revoked_before = 0
        folder = Path(self.held.enter_context(tempfile.TemporaryDirectory(dir=_memory())))
        self.store_file = folder / "store.db"
        seeded().template.copy_to(self.store_file)
        self.held.enter_context(writing_in_turn())
        self.logged = self.held.enter_context(_captured_logs())
        self.ways = Ways()
        self.rules_file: Mapping[str, Any] = seeded().rules[0]
        self.manual: dict[str, str] = {}
        self.assigned: defaultdict[str, list[str]] = defaultdict(list)
        self.unreadable: set[str] = set()
        self.refused: set[str] = set()
        self.hands: defaultdict[str, list[str]] = defaultdict(list)
        self.touched: dict[str, int] = {}
        self.by_hand: set[str] = set()
        self.planned: ReviewedPlan | None = None
        self.to_put_back: dict[str, str] = {}
        self.put_back: dict[str, tuple[Any, ...]] = {}
        self.moved_choices: dict[str, str] = {}
        self.older_plans: dict[str, set[str]] = {}
        self.lives: Counter[str] = Counter()
        self.process = self._start()

    @override
    def teardown(self) -> None:
        self.process.end()
        self.held.close()

    @initialize(ways=WAYS)
    def begin(self, ways: Ways) -> None:
        self.ways = ways
        self._restart()
        for number in range(BASELINE):
            self._put(number, address1_country=ELSEWHERE)
        self._cycle()

    # What people do.

    @rule(number=NUMBERS, country=st.sampled_from([ISLAND, ELSEWHERE]))
    def edit(self, number: int, country: str) -> None:
        self._put(number, address1_country=country)

    @rule(number=NUMBERS)
    def enlarge(self, number: int) -> None:
        self._put(number, revenue=LARGE)

    @rule(number=NUMBERS)
    def note(self, number: int) -> None:
        self._put(number, subject=f"Sesame {number}")

    @rule(number=NUMBERS)
    def close(self, number: int) -> None:
        if self._is_open(number):
            self._put(number, statecode=2, statuscode=4)

    @rule(number=NUMBERS)
    def reopen(self, number: int) -> None:
        if _id(number) in self.tenant.leads() and not self._is_open(number):
            self._put(number, statecode=0, statuscode=1)

    @rule(number=NUMBERS)
    def delete(self, number: int) -> None:
        if _id(number) in self.tenant.leads():
            self._delete(_id(number))

    @rule(number=NUMBERS, seller=SELLERS)
    def assign_by_hand(self, number: int, seller: int) -> None:
        if self._is_open(number):
            self._take(_id(number), seeded().sellers[seller])

    @rule(number=NUMBERS, is_unreadable=st.booleans())
    def spoil(self, number: int, is_unreadable: bool) -> None:
        """A row comes in a form that cannot be read, and later in one that can."""
        change = self.unreadable.add if is_unreadable else self.unreadable.discard
        change(_id(number))
        self._put(number, subject=f"Sesame {number}", only_if_open=True)

    # What the environment does.

    @rule(fault=FAULTS)
    def strike(self, fault: dict[str, Any]) -> None:
        path = r"/leads|\$batch|ConnectSequence" if fault.get("method") else None
        self.tenant.emulator.server.faults.add([{**fault, "path": path}])

    @rule(number=NUMBERS, status=st.sampled_from([400, 403]))
    def refuse(self, number: int, status: int) -> None:
        if self.ways.writes.way is WriteWay.PARALLEL and _id(number) not in self.refused:
            self.refused.add(_id(number))
            path = re.escape(f"leads({_id(number)})")
            refusal = {"method": "PATCH", "path": path, "status": status, "count": None}
            self.tenant.emulator.server.faults.add([{**refusal, "code": "0x80040265"}])

    @rule()
    def calm(self) -> None:
        self.tenant.emulator.server.faults.clear()
        self.refused.clear()

    @rule(minutes=st.one_of(st.integers(-90, 180), st.sampled_from([-2880, 1500, 45000])))
    def jump(self, minutes: int) -> None:
        self.tenant.clock.advance(timedelta(minutes=minutes))
        # A token must not look as if it had been issued before others were revoked.
        self.tenant.emulator.server.tenant.revoked_before = 0

    @rule()
    def expire_tokens(self) -> None:
        self.tenant.emulator.server.tenant.expire_tokens()
        self.tenant.clock.advance(timedelta(seconds=2))

    @rule(number=st.integers(0, 4))
    def change_rules(self, number: int) -> None:
        self.rules_file = seeded().rules[number]

    # What the connector does, and what happens to it.

    @rule()
    def cycle(self) -> None:
        self._cycle()

    @rule()
    def retry(self) -> None:
        """`backlog retry`."""
        self._run(self._retry)

    @rule(number=NUMBERS, is_new=st.booleans(), is_applied=st.booleans())
    def plan(self, number: int, is_new: bool, is_applied: bool) -> None:
        """`plan --out`; what was planned is applied at once, whenever, or never."""
        if is_new and _id(number) in self.tenant.leads():
            self._delete(_id(number))
        self._put(number, address1_country=ISLAND)
        self._run(self._plan)
        if is_applied:
            self._run(self._apply)

    @rule()
    def apply(self) -> None:
        self._run(self._apply)

    @rule(back=st.integers(0, 3))
    def undo(self, back: int) -> None:
        self._run(partial(self._undo, back))

    @rule()
    def backfill(self) -> None:
        self._run(self._backfill)

    @rule(number=NUMBERS, days=st.integers(1, 3))
    def leave_alone(self, number: int, days: int) -> None:
        """A seller is given a lead and does nothing about it."""
        self.rules_file = seeded().rules[4]
        if _id(number) in self.tenant.leads():
            self._delete(_id(number))
        self._put(number, address1_country=ISLAND)
        self._cycle()
        self.tenant.clock.advance(timedelta(days=days))
        self._cycle()

    @rule()
    def refuse_a_second_process(self) -> None:
        with hold_file_lease(self.store_file):
            for _ in range(2):
                try:
                    with hold_file_lease(self.store_file):
                        raise AssertionError("two processes on one SQLite store")
                except LeaseHeld:
                    pass

    @rule(line=st.one_of(st.integers(0, 400), st.integers(0, 6000)), work=WORKS)
    def die_at_a_line(self, line: int, work: str) -> None:
        with dying(self.process), LineBomb(self.process, line):
            self._do(work)
        self._restart()

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
            self._do(work)
        self._restart()

    @rule(writes=st.integers(0, 3))
    def lose_replies(self, writes: int) -> None:
        """Writes arrive, answers do not."""
        fault = {"kind": "reset_after", "method": "PATCH", "path": "/leads", "count": None}
        batch = {"kind": "reset_after", "method": "POST", "count": None, "path": r"\$batch"}
        self.tenant.emulator.server.faults.add(
            [{**fault, "skip": writes}, {**batch, "skip": writes // 2}]
        )
        self._cycle()
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
            row_id = _written_row(request)
            if row_id is None or row_id not in self.tenant.leads():
                return
            left[0] -= 1
            if left[0] == -1:
                self._act(action, row_id, seeded().sellers[seller])
                if dies:
                    process.kill()
                    raise Killed

        process.wire.before = act
        with dying(process):
            self._cycle()
        process.wire.before = _nothing
        if process.is_dead:
            self._restart()

    @rule(requests_before=st.integers(0, 12), wakes=st.booleans())
    def stall(self, requests_before: int, wakes: bool) -> None:
        """A worker sleeps for longer than its lease lives while another one works; or for good."""
        first, left = self.process, [requests_before]
        second = self._start()

        def sleep(_request: requests.PreparedRequest) -> None:
            left[0] -= 1
            if left[0] == -1:
                first.wire.before = _nothing
                self.tenant.clock.advance(LIFE + timedelta(seconds=1))
                self._cycle_under_lease(second)
                if not wakes:
                    first.kill()
                    raise Killed

        first.wire.before = sleep
        with dying(first):
            self._cycle_under_lease(first)
        first.wire.before = _nothing
        first.end()
        second.end()
        self._restart(ends_old=False)

    # What holds at every moment.

    @invariant()
    def a_choice_by_hand_stands(self) -> None:
        owners = self.tenant.owners()
        wrong = {row: owner for row, owner in self.manual.items() if owners[row] != owner}
        assert wrong == {}, "a person's choice was overwritten"

    @invariant()
    def no_row_is_assigned_twice(self) -> None:
        assert {row: by for row, by in self.assigned.items() if len(by) > 1} == {}

    @invariant()
    def nothing_of_a_row_or_a_token_is_logged(self) -> None:
        told = [line for line in self.logged if _SECRET.search(line)]
        assert told == [], told

    @rule()
    def settle(self) -> None:
        """Left in peace, everything ends decided, and repeating it writes nothing."""
        self.calm()
        for row_id in sorted(self.unreadable):
            self.unreadable.discard(row_id)
            if row_id in self.tenant.leads():
                # A row that can be read again is seen when it changes.
                self._put(row_id, statecode=0, statuscode=1)
                self._put(row_id, subject="Sesame again")
        self._catch_up()
        self._check_repeat()
        self._check_store()
        self._check_rows()
        self.to_put_back.clear()

    def _catch_up(self) -> None:
        # A clock that ran ahead and was put right leaves times to wait for in its wake.
        furthest = max(
            (entry.next_try_at for entry in self._backlog() if entry.next_try_at), default=None
        )
        if furthest is not None and furthest > self.tenant.clock.now():
            self.tenant.clock.set(furthest)
        for _ in range(4):
            self.tenant.clock.advance(timedelta(hours=3))
            self._cycle(may_fail=False)

    def _check_repeat(self) -> None:
        checksums = {self._preview_checksum() for _ in range(2)}
        assert len(checksums) == 1, "the same state gave two plans"
        log = self.tenant.emulator.server.log
        log.clear()
        self._cycle(may_fail=False)
        writes = [entry for entry in log.entries if entry.method != "GET"]
        assert writes == [], "a repeated cycle wrote"

    def _preview_checksum(self) -> str:
        seams = self.process.seams(self.rules_file)
        return preview_cycle(seams, self.process.table(self.rules_file), Carried()).plan.checksum

    def _check_store(self) -> None:
        with self.process.store.begin() as session:
            assert session.list_open_plans("lead") == [], "a plan is still open"
            kept = {key: rows for key, rows in session.count_open().items() if rows}
            assert kept == session.recount_open()
            assert session.list_rejected(10) == []
        load: Counter[str] = Counter()
        for (_, owner, _), rows in kept.items():
            load[owner] += rows
        truth = Counter(
            row["ownerid"] for row in self.tenant.leads().values() if row["statecode"] == 0
        )
        assert load == truth, "consumed capacity differs from the environment"

    def _check_rows(self) -> None:
        rows = self.tenant.leads()
        with self.process.store.begin() as session:
            ledger = session.load_rows("lead", [_id(number) for number in range(8)])
        assert set(ledger) == set(rows), "the ledger has other rows than the table"
        waiting = {entry.row_id: entry for entry in self._backlog()}
        assert set(waiting) <= {row for row in rows if rows[row]["statecode"] == 0}
        assert [entry for entry in waiting.values() if entry.code in set(WriteOutcome)] == []
        for row_id, row in rows.items():
            known = ledger[row_id]
            assert known.owner is not None
            assert known.owner.id == row["ownerid"]
            assert known.is_open == (row["statecode"] == 0)
            assert not known.is_manual or row_id in self.by_hand, "our write is taken for a choice"
            if known.is_open:
                self._check_open_row(row_id, row, waiting)

    def _check_open_row(
        self, row_id: str, row: Mapping[str, Any], waiting: Mapping[str, Any]
    ) -> None:
        is_island = row["address1_country"] == ISLAND
        if not is_island and (row["revenue"] or 0) < LARGE:
            return
        if row_id in waiting:
            assert not is_island, "an islander waits though anybody may have it"
            assert waiting[row_id].code == WAITS_FOR_CAPACITY
            assert waiting[row_id].next_try_at is not None
            assert self._is_full()
            return
        if self.put_back.get(row_id) == _read_by_rules(row):
            # Undone, it counts as never decided: it is taken up when it changes, or by a backfill.
            return
        assert row["ownerid"] in seeded().sellers, f"{row_id} is nobody's and does not wait"

    def _is_full(self) -> bool:
        load = Counter(
            row["ownerid"] for row in self.tenant.leads().values() if row["statecode"] == 0
        )
        return all(load[seller] >= CAPACITY for seller in seeded().sellers)

    # How it is done.

    def _start(self) -> Process:
        self.lives["all"] += 1
        process = Process(self.tenant, self.store_file, f"process-{self.lives['all']}", self.ways)
        process.wire.observe = self._observe
        process.wire.distort = self._distort
        return process

    def _restart(self, *, ends_old: bool = True) -> None:
        if ends_old:
            self.process.end()
        self.process = self._start()

    def _cycle(self, *, may_fail: bool = True) -> None:
        self._run(
            lambda process: run_cycle(
                process.seams(self.rules_file), process.table(self.rules_file)
            ),
            may_fail=may_fail,
        )

    def _do(self, work: str) -> None:
        commands: dict[str, Callable[[Process], object]] = {
            "retry": self._retry,
            "apply": self._apply,
            "undo": partial(self._undo, 0),
            "backfill": self._backfill,
        }
        if work in commands:
            self._run(commands[work])
        else:
            self._cycle()

    def _retry(self, process: Process) -> None:
        process.application(self.rules_file).retry_backlog(process.table(self.rules_file))

    def _plan(self, process: Process) -> None:
        application = process.application(self.rules_file)
        checksum = application.seams.rule_set.checksum
        reviewed = merge_previews(application.preview(), checksum)
        self.planned = parse_document(json.loads(json.dumps(build_document(reviewed))))

    def _apply(self, process: Process) -> None:
        if self.planned is not None:
            process.application(self.rules_file).apply_plan(self.planned)

    def _backfill(self, process: Process) -> None:
        """Of large leads and islanders that were there before, and of what was undone."""
        application, table = process.application(self.rules_file), process.table(self.rules_file)
        preview = application.preview_backfill(table, segment=None, limit=None)
        application.backfill(table, preview)

    def _undo(self, back: int, process: Process) -> None:
        """Of a late cycle that wrote something."""
        with process.store.begin() as session:
            decided = session.list_decisions(limit=100)
        applied = [found.cycle_id for found in decided if found.outcome is Outcome.APPLIED]
        cycles = list(dict.fromkeys(applied))
        if len(cycles) <= back:
            return
        application, table = process.application(self.rules_file), process.table(self.rules_file)
        reviewed, _ = application.preview_undo(table, cycles[back])
        for row in reviewed.plan.rows:
            if row.owner_change is not None:
                self.to_put_back[row.id] = row.owner_change.after.id
        application.undo_cycle(table, reviewed)

    def _run(self, work: Callable[[Process], object], *, may_fail: bool = True) -> None:
        process = self.process
        try:
            work(process)
        except FatalError:
            if not may_fail:
                raise
            self._restart()
        except LeadrobinError:
            if not may_fail:
                raise

    def _cycle_under_lease(self, process: Process) -> None:
        leases = StoreLeases(process.store, self.tenant.clock, holder=process.name, life=LIFE)
        try:
            with leases.hold("lead") as hold:
                run_cycle(process.seams(self.rules_file, hold), process.table(self.rules_file))
        except LeadrobinError:
            return

    def _backlog(self) -> Any:
        with self.process.store.begin() as session:
            return session.list_backlog(table="lead")

    def _put(self, row: int | str, *, only_if_open: bool = False, **columns: Any) -> None:
        row_id = row if isinstance(row, str) else _id(row)
        found = self.tenant.leads().get(row_id)
        if found is None:
            # A row that is made anew is told from the one before by when it was made.
            self.tenant.clock.advance(timedelta(seconds=1))
            self.older_plans[row_id] = set(self._open_plans())
            self.tenant.call("POST", "leads", {"leadid": row_id, "subject": "Sesame", **columns})
        elif found["statecode"] == 0 or "statecode" in columns:
            self.tenant.call("PATCH", f"leads({row_id})", columns)
            self.touched[row_id] = self._last_decision(row_id)

    def _delete(self, row_id: str) -> None:
        self.tenant.call("DELETE", f"leads({row_id})")
        self.manual.pop(row_id, None)
        self.assigned.pop(row_id, None)
        self.hands.pop(row_id, None)
        self.by_hand.discard(row_id)
        self.to_put_back.pop(row_id, None)
        self.put_back.pop(row_id, None)
        self.moved_choices.pop(row_id, None)

    def _take(self, row_id: str, seller: str) -> None:
        """A person gives a row to a seller; it counts as a choice once we know of the row."""
        owner = self.tenant.owners()[row_id]
        if owner == seller:
            return
        is_known = self._is_known(row_id)
        self.tenant.call(
            "PATCH", f"leads({row_id})", {"ownerid@odata.bind": f"/systemusers({seller})"}
        )
        self.touched[row_id] = self._last_decision(row_id)
        self.by_hand.add(row_id)
        self.moved_choices.pop(row_id, None)
        if is_known:
            self.manual[row_id] = seller

    def _is_known(self, row_id: str) -> bool:
        """Whether the ledger or an open plan has the row: its next owner is somebody's choice.

        A row that was made anew under its id is not known by what is known of the one before.
        """
        created = self.tenant.leads()[row_id]["createdon"].removesuffix("Z").replace("T", " ")
        with sqlite3.connect(self.store_file) as store:
            query = "SELECT created_on FROM ledger_rows WHERE id = ?"
            known = store.execute(query, (row_id,)).fetchone()
        if known is not None and str(known[0]).startswith(created):
            return True
        older = self.older_plans.get(row_id, set())
        return any(
            row_id in document for plan, document in self._open_plans().items() if plan not in older
        )

    def _open_plans(self) -> dict[str, str]:
        """The documents of the plans that are open, by id."""
        with sqlite3.connect(self.store_file) as store:
            query = "SELECT id, document FROM plans WHERE closed_at IS NULL"
            return dict(store.execute(query).fetchall())

    def _act(self, action: str, row_id: str, seller: str) -> None:
        match action:
            case "take":
                self._take(row_id, seller)
            case "edit":
                self._put(row_id, address1_country=ELSEWHERE)
            case "note":
                self._put(row_id, subject="Sesame")
            case "close":
                self._put(row_id, statecode=2, statuscode=4)
            case _:
                self._delete(row_id)

    def _is_open(self, row: int | str) -> bool:
        row_id = row if isinstance(row, str) else _id(row)
        found = self.tenant.leads().get(row_id)
        return found is not None and found["statecode"] == 0

    def _observe(self, request: requests.PreparedRequest) -> Callable[[], None]:
        """Note every owner that a request of ours changed, by what the table says."""
        before = self.tenant.owners()

        def compare() -> None:
            for row_id, owner in self.tenant.owners().items():
                if before.get(row_id, owner) == owner:
                    continue
                if self._is_under_way("undo", row_id):
                    self._note_put_back(row_id, owner)
                else:
                    allowed = self._allowed()
                    assert owner in allowed, f"{row_id} went to {owner}, who may not have it"
                    self._note_assigned(row_id, before.get(row_id), owner)
                self.touched.pop(row_id, None)

        return (lambda: None) if request.method == "GET" else compare

    def _is_under_way(self, origin: str, row_id: str) -> bool:
        """Whether a plan of that origin is being written, and the row is in it."""
        with sqlite3.connect(self.store_file) as store:
            query = "SELECT document FROM plans WHERE closed_at IS NULL AND origin = ?"
            found = store.execute(query, (origin,)).fetchall()
        return any(row_id in document for (document,) in found)

    def _is_take_back(self, row_id: str) -> bool:
        """Whether an open plan, also a reviewed one, takes the row back."""
        return any(
            decision["row_id"] == row_id and TAKEN_FROM in decision["after"]
            for document in self._open_plans().values()
            for decision in json.loads(document)["decisions"]
        )

    def _last_decision(self, row_id: str) -> int:
        """The number of the row's latest decision, 0 for none."""
        with sqlite3.connect(self.store_file) as store:
            query = "SELECT coalesce(max(number), 0) FROM decisions WHERE row_id = ?"
            return int(store.execute(query, (row_id,)).fetchone()[0])

    def _find_left_by(self, row_id: str, owner: str | None) -> str | None:
        """The origin of the plan by which a rule chose the seller who had the row already, since it
        was last touched; None where there is none.
        """
        query = (
            "SELECT decisions.before, decisions.after, plans.origin FROM decisions "
            "LEFT JOIN plans ON plans.cycle_id = decisions.cycle_id "
            "WHERE row_id = ? AND number > ? AND routing_status = 2 ORDER BY number DESC LIMIT 1"
        )
        with sqlite3.connect(self.store_file) as store:
            found = store.execute(query, (row_id, self.touched.get(row_id, 0))).fetchone()
        if found is None:
            return None
        before, after = map(json.loads, found[:2])
        chosen = [
            sides.get(key) or {} for sides, key in ((before, "owner"), (after, "assigned_to"))
        ]
        is_left = [side.get("id") for side in chosen] == [owner, owner]
        return str(found[2]) if is_left else None

    def _note_assigned(self, row_id: str, before: str | None, owner: str) -> None:
        self.put_back.pop(row_id, None)
        if self._is_take_back(row_id):
            self._note_take_back(row_id, before, owner)
            return
        if self._is_under_way("backfill", row_id) and row_id in self.manual:
            # It was asked for: a backfill takes rows from those who have them.
            self.moved_choices[row_id] = self.manual.pop(row_id)
            self.assigned[row_id] = []
        self.assigned[row_id].append(owner)
        self.hands[row_id] = [owner]

    def _note_take_back(self, row_id: str, before: str | None, owner: str) -> None:
        """Only what we gave and nobody touched is taken back, for somebody who did not have it."""
        left_by = self._find_left_by(row_id, before)
        if left_by is not None:
            # A rule chose whom it was with already: given without a write of the owner.
            self.assigned[row_id], self.hands[row_id] = [before or ""], [before or ""]
            self.touched.pop(row_id, None)
            if left_by == "backfill":
                # It was asked for: what a person had chosen is a rule's choice now.
                self.manual.pop(row_id, None)
        assert row_id not in self.touched, f"{row_id} was touched, and was taken back"
        assert row_id not in self.manual, f"{row_id} was chosen by hand, and was taken back"
        assert self.assigned[row_id] == [before], f"{row_id} was not ours to take back"
        hands = self.hands[row_id]
        assert owner not in hands, f"{row_id} went back to {owner}, who had it"
        hands.append(owner)
        assert len(hands) <= HOPS + 1, f"{row_id} was taken back more often than its rule allows"
        self.assigned[row_id] = [owner]

    def _note_put_back(self, row_id: str, owner: str) -> None:
        """An undo took an assignment back: the row may be assigned again, but a choice is one."""
        assert self.to_put_back.pop(row_id, None) == owner, f"{row_id} was undone to {owner}"
        self.assigned.pop(row_id, None)
        self.put_back[row_id] = _read_by_rules(self.tenant.leads()[row_id])
        if self.moved_choices.get(row_id) == owner:
            self.manual[row_id] = owner

    def _allowed(self) -> tuple[str, ...]:
        return seeded().sellers

    def _distort(self, body: bytes) -> bytes:
        if not self.unreadable or not any(row.encode() in body for row in self.unreadable):
            return body
        document = json.loads(body)
        for row in document.get("value", [document]):
            if row.get("leadid") in self.unreadable and "createdon" in row:
                row["createdon"] = "some day"
        return json.dumps(document).encode()


_SECRET = re.compile(rf"Sesame|{ISLAND}|{ELSEWHERE}|eyJ[A-Za-z0-9]")


@contextmanager
def _captured_logs() -> Iterator[list[str]]:
    """Everything that is logged, as text."""
    lines: list[str] = []

    def keep(_logger: Any, _method: str, record: Any) -> Any:
        lines.append(json.dumps(record, default=str))
        raise structlog.DropEvent

    before = structlog.get_config()
    structlog.configure(processors=[keep], cache_logger_on_first_use=False)
    handler = logging.Handler(logging.INFO)
    handler.emit = lambda record: lines.append(record.getMessage())  # type: ignore[method-assign]
    logging.getLogger().addHandler(handler)
    try:
        yield lines
    finally:
        logging.getLogger().removeHandler(handler)
        structlog.configure(**before)


def _read_by_rules(row: Mapping[str, Any]) -> tuple[Any, ...]:
    """What the rules read of a lead itself, and who has it."""
    return row["address1_country"], row["revenue"], row["ownerid"]


def _id(number: int) -> str:
    return f"00000000-0000-4000-8000-{number:012d}"


def _written_row(request: requests.PreparedRequest) -> str | None:
    """The first lead that a request of ours writes."""
    if request.method == "GET":
        return None
    text = str(request.url) + str(request.body)
    found = re.search(r"leads\((00000000-0000-4000-8000-\d{12})\)", text)
    return found[1] if found else None


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
