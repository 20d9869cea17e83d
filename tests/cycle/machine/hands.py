"""What people do to rows, what processes of the connector do, and how each of it gets into the book."""

import json
import logging
import re
import tempfile
from collections.abc import Callable, Generator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import requests
import structlog

from connector.cycle.review.preview import preview_cycle
from connector.cycle.review.preview_state import Assumed
from connector.cycle.review.reviewed_plan import (
    ReviewedPlan,
    build_document,
    merge_previews,
    parse_document,
)
from connector.cycle.table_cycle import run_cycle
from connector.errors import FatalError
from connector.service.leases import StoreLeases
from connector.state.records import Outcome
from engine.errors import LeadrobinError
from tests.cycle.machine.book import Book
from tests.cycle.machine.scene import ELSEWHERE, TAKING_BACK, memory, seeded
from tests.support.emulated import Process, Tenant, Ways, writing_in_turn

LIFE = timedelta(minutes=5)
"""How long a lease lives."""


class Hands:
    """A tenant, the connector's process of the moment, and the book of what was done to rows."""

    def __init__(self) -> None:
        self.held = ExitStack()
        self.tenant = Tenant(seeded().emulator, seeded().known)
        self.tenant.emulator.reset()
        self.tenant.emulator.server.tenant.revoked_before = 0
        folder = Path(self.held.enter_context(tempfile.TemporaryDirectory(dir=memory())))
        self.store_file = folder / "store.db"
        seeded().template.copy_to(self.store_file)
        self.held.enter_context(writing_in_turn())
        self.logged = self.held.enter_context(_captured_logs())
        self.book = Book(self.tenant, seeded().sellers)
        self.ways = Ways()
        self.rules_file: Mapping[str, Any] = seeded().rules[0]
        self.unreadable: set[str] = set()
        self.refused: set[str] = set()
        self.planned: ReviewedPlan | None = None
        self.lives = count(1)
        self.process = self.start()

    def close(self) -> None:
        """Release everything."""
        self.process.end()
        self.held.close()

    # What people do.

    def put(self, row_id: str, **columns: Any) -> None:
        """Make a row, or change an open one; a closed one can only be opened."""
        found = self.tenant.leads().get(row_id)
        self.book.look()
        if found is None:
            # A row that is made anew is told from the one before by when it was made.
            self.tenant.clock.advance(timedelta(seconds=1))
            self.tenant.call("POST", "leads", {"leadid": row_id, "subject": "Sesame", **columns})
            self.book.make(row_id)
        elif found["statecode"] == 0 or "statecode" in columns:
            self.tenant.call("PATCH", f"leads({row_id})", columns)
            self.book.edit(row_id, is_read_by_rules=set(columns) != {"subject"})

    def delete(self, row_id: str) -> None:
        """Delete a row."""
        self.book.look()
        self.tenant.call("DELETE", f"leads({row_id})")
        self.book.drop(row_id)

    def take(self, row_id: str, seller: str) -> None:
        """Give a row to a seller."""
        self.book.look()
        if self.tenant.owners()[row_id] == seller:
            return
        bind = {"ownerid@odata.bind": f"/systemusers({seller})"}
        self.tenant.call("PATCH", f"leads({row_id})", bind)
        self.book.take(row_id, seller)

    def act(self, action: str, row_id: str, seller: str) -> None:
        """One of these, by name."""
        match action:
            case "take":
                self.take(row_id, seller)
            case "edit":
                self.put(row_id, address1_country=ELSEWHERE)
            case "note":
                self.put(row_id, subject="Sesame")
            case "close":
                self.put(row_id, statecode=2, statuscode=4)
            case _:
                self.delete(row_id)

    def is_open(self, row_id: str) -> bool:
        """Whether there is such a row, and it is open."""
        found = self.tenant.leads().get(row_id)
        return found is not None and found["statecode"] == 0

    def choose_rules(self, number: int) -> None:
        """Put another rules file in force."""
        self.rules_file = seeded().rules[number]
        self.book.change_rules(takes_back=number == TAKING_BACK)

    def move_clock(self, by: timedelta) -> None:
        """The clock of the environment and of all processes shows another time."""
        self.book.look()
        self.tenant.clock.advance(by)
        self.book.look()

    # What the connector does.

    def start(self) -> Process:
        """A new process on the same store."""
        name = f"process-{next(self.lives)}"
        process = Process(self.tenant, self.store_file, name, self.ways)
        process.wire.observe = self._observe
        process.wire.distort = self._distort
        return process

    def restart(self, *, ends_old: bool = True) -> None:
        """Another process in place of the one of the moment."""
        if ends_old:
            self.process.end()
        self.process = self.start()

    def run_cycle(self, *, may_fail: bool = True) -> None:
        """One cycle."""
        self.run(self._cycle, may_fail=may_fail)

    def run_under_lease(self, process: Process) -> None:
        """One cycle of a worker that shares the store with others."""
        leases = StoreLeases(process.store, self.tenant.clock, holder=process.name, life=LIFE)
        began = self.book.begin_cycle()
        try:
            with leases.hold("lead") as hold:
                run_cycle(process.seams(self.rules_file, hold), process.table(self.rules_file))
        except LeadrobinError:
            return
        self.book.end_cycle(began)

    def run_work(self, work: str) -> None:
        """A cycle or a command, by name."""
        commands: dict[str, Callable[[Process], object]] = {
            "retry": self.retry,
            "apply": self.apply,
            "undo": partial(self.undo_late, 0),
            "backfill": self.backfill_all,
        }
        self.run(commands.get(work, self._cycle))

    def run(self, work: Callable[[Process], object], *, may_fail: bool = True) -> None:
        """Let the process of the moment do something; a fatal error ends it."""
        try:
            work(self.process)
        except FatalError:
            if not may_fail:
                raise
            self.restart()
        except LeadrobinError:
            if not may_fail:
                raise
        self.book.look()

    def retry(self, process: Process) -> None:
        """`backlog retry`."""
        process.application(self.rules_file).retry_backlog(process.table(self.rules_file))

    def make_plan(self, process: Process) -> None:
        """`plan --out`: what is planned is written to a file, and read again later."""
        application = process.application(self.rules_file)
        checksum = application.seams.rule_set.checksum
        reviewed = merge_previews(application.preview(), checksum)
        self.planned = parse_document(json.loads(json.dumps(build_document(reviewed))))

    def apply(self, process: Process) -> None:
        """`apply` of what was planned last."""
        if self.planned is not None:
            process.application(self.rules_file).apply_plan(self.planned)

    def backfill_all(self, process: Process) -> None:
        """Of large leads and islanders that were there before, and of what was undone."""
        self.book.ask_backfill()
        application, table = process.application(self.rules_file), process.table(self.rules_file)
        preview = application.preview_backfill(table, segment=None, limit=None)
        application.backfill(table, preview)

    def undo_late(self, back: int, process: Process) -> None:
        """Of a late cycle that wrote something."""
        with process.store.begin() as session:
            decided = session.list_decisions(limit=100)
        applied = [found.cycle_id for found in decided if found.outcome == Outcome.APPLIED]
        cycles = list(dict.fromkeys(applied))
        if len(cycles) <= back:
            return
        self.book.ask_undo()
        application, table = process.application(self.rules_file), process.table(self.rules_file)
        reviewed, _ = application.preview_undo(table, cycles[back])
        application.undo_cycle(table, reviewed)

    def preview_checksum(self) -> str:
        """What the next cycle would do, in short."""
        seams = self.process.seams(self.rules_file)
        return preview_cycle(seams, self.process.table(self.rules_file), Assumed()).plan.checksum

    def _cycle(self, process: Process) -> None:
        began = self.book.begin_cycle()
        run_cycle(process.seams(self.rules_file), process.table(self.rules_file))
        self.book.end_cycle(began)

    def _observe(self, request: requests.PreparedRequest) -> Callable[[], None]:
        """Note what each request of ours changed."""
        self.book.look()
        self.book.know(find_written(request))
        return self.book.look

    def _distort(self, body: bytes) -> bytes:
        """Make rows unreadable that are to be; note which others are shown."""
        if b'"leadid"' not in body or b'"createdon"' not in body:
            return body
        document = json.loads(body)
        shown: list[str] = []
        for row in document.get("value", [document]):
            if row.get("leadid") in self.unreadable:
                row["createdon"] = "some day"
            elif "leadid" in row:
                shown.append(row["leadid"])
        self.book.show(shown)
        return json.dumps(document).encode()


def find_written(request: requests.PreparedRequest) -> list[str]:
    """The leads that a request of ours writes, in its order."""
    if request.method == "GET":
        return []
    text = str(request.url) + str(request.body)
    return re.findall(r"leads\((00000000-0000-4000-8000-\d{12})\)", text)


@contextmanager
def _captured_logs() -> Generator[list[str]]:
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
