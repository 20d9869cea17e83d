"""The demonstration step by step, as values; printing them is up to the command."""

import tempfile
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import SecretStr

from connector.demo.events import cause, prepare
from connector.demo.visitor import Visitor
from connector.emulator.http.control import LoggedRequest
from connector.emulator.seed.organization import SeedSize
from connector.emulator.server import EmulatorOptions, EmulatorServer
from connector.service.application import Application
from connector.service.bootstrap import bootstrap
from connector.state.plan_document import parse_reference
from connector.state.records import (
    BacklogEntry,
    CycleRecord,
    DecisionKind,
    DecisionRecord,
    Outcome,
)
from settings.model import (
    AuthSettings,
    DataverseSettings,
    LogLevel,
    LogSettings,
    RulesSettings,
    Settings,
    StoreSettings,
)

RULES_FILE = Path(__file__).parent / "rules.yaml"
SIZE = SeedSize(sellers=12, leads=240, opportunities=90, insights=30)
ARRIVED = frozenset({Outcome.APPLIED, Outcome.ALREADY_SO, Outcome.UNCHANGED})
ENTITY_SETS = {
    "lead": ("leads", "subject"),
    "opportunity": ("opportunities", "name"),
    "msdyn_salessuggestion": ("msdyn_salessuggestions", "msdyn_name"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """A decided row read back by the visitor: does the environment say what we say?"""

    decision: DecisionRecord
    title: str
    owner: str
    agrees: bool


@dataclass(kw_only=True)
class Story:
    """What the demonstration has shown so far."""

    url: str
    organization_id: str = ""
    baseline: Sequence[CycleRecord] = ()
    events: Sequence[str] = ()
    cycles: Sequence[CycleRecord] = ()
    compared: Sequence[Comparison] = ()
    manual: int = 0
    backlog: Sequence[BacklogEntry] = ()
    titles: Mapping[str, str] = field(default_factory=dict[str, str])
    repeated: Sequence[CycleRecord] = ()
    writes_of_repeat: int = -1

    @property
    def agrees(self) -> bool:
        """Every row read back is as decided, and the second cycle wrote nothing."""
        return self.writes_of_repeat == 0 and all(found.agrees for found in self.compared)


class Stage:
    """An emulator, a visitor and a connector; each method is one step of the story."""

    def __init__(self, server: EmulatorServer, visitor: Visitor, application: Application) -> None:
        self._server = server
        self._visitor = visitor
        self._application = application
        self.story = Story(url=server.url)
        self.story.organization_id = application.seams.organization_id or ""

    def take_baseline(self) -> None:
        """The first cycle: rows that are there are remembered, not decided."""
        self.story.baseline = self._application.run_once()

    def let_things_happen(self) -> None:
        """Somebody else creates and changes rows."""
        self.story.events = cause(self._visitor)

    def run_cycles(self) -> None:
        """Cycles decide and write; the visitor reads back what they wrote."""
        self.story.cycles = self._application.run_once()
        decisions = [d for cycle in self.story.cycles for d in self._decisions_of(cycle)]
        self.story.manual = sum(1 for decision in decisions if decision.kind is DecisionKind.MANUAL)
        taken = [decision for decision in decisions if decision.kind is not DecisionKind.MANUAL]
        self.story.compared = [self._compare(decision) for decision in taken]
        self.story.titles = {found.decision.row_id: found.title for found in self.story.compared}
        with self._application.seams.store.begin() as session:
            self.story.backlog = session.list_backlog()

    def repeat(self) -> None:
        """The same again without changes: it must write nothing."""
        before = self._count_writes()
        self.story.repeated = self._application.run_once()
        self.story.writes_of_repeat = self._count_writes() - before

    def _decisions_of(self, cycle: CycleRecord) -> Sequence[DecisionRecord]:
        with self._application.seams.store.begin() as session:
            return session.list_decisions(cycle_id=cycle.id)[::-1]

    def _compare(self, decision: DecisionRecord) -> Comparison:
        """What the environment holds now, against the decision: as it was where nothing arrived."""
        entity_set, title = ENTITY_SETS[decision.table]
        row = self._visitor.read(entity_set, decision.row_id)
        wanted = decision.after if decision.outcome in ARRIVED else decision.before
        owner = parse_reference(wanted.get("owner"))
        return Comparison(
            decision=decision,
            title=str(row[title]),
            owner=str(row["_ownerid_value@OData.Community.Display.V1.FormattedValue"]),
            agrees=(owner is None or row["_ownerid_value"] == owner.id)
            and row.get("_lrobin_sequenceid_value") == wanted.get("sequence_id"),
        )

    def _count_writes(self) -> int:
        return sum(1 for entry in self._server.log.entries.copy() if _is_write(entry))


def _is_write(entry: LoggedRequest) -> bool:
    return entry.method != "GET" and "/api/data/" in entry.path


@contextmanager
def open_stage() -> Generator[Stage]:
    """Start the emulator and a connector over it, in a folder that vanishes afterwards."""
    with tempfile.TemporaryDirectory(prefix="leadrobin-demo-") as folder:
        server = EmulatorServer(EmulatorOptions(size=SIZE)).start()
        try:
            with Visitor(server) as visitor:
                prepare(visitor)
                settings = build_settings(server, Path(folder))
                with bootstrap(settings) as application:
                    yield Stage(server, visitor, application)
        finally:
            server.stop()


def build_settings(server: EmulatorServer, folder: Path) -> Settings:
    """The settings a user would give for this environment."""
    return Settings(
        dataverse=DataverseSettings(url=server.url, ca_file=server.ca_file),
        auth=AuthSettings(
            authority=server.authority,
            tenant_id=server.tenant_id,
            client_id=server.client_id,
            client_secret=SecretStr(server.client_secret),
        ),
        store=StoreSettings(url=f"sqlite:///{folder / 'store.db'}"),
        rules=RulesSettings(file=RULES_FILE),
        log=LogSettings(level=LogLevel.ERROR),
    )
