"""A small sales world for cycle tests: a fake environment, a store in a file, a rule set, the seams."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path
from typing import Any, TypeVar

import pytest

from connector.cycle.context import CycleOptions, Seams
from connector.cycle.table_cycle import run_cycle
from connector.ports import RowWrite
from connector.service.application import Application
from connector.service.bootstrap import bootstrap
from connector.state.records import CycleRecord, DecisionRecord, LedgerRow
from connector.state.session import StateSession
from connector.store.opening import SqlStore, open_store
from connector.watched_tables.watched_table import WatchedTable, WriteColumns
from engine.records import EntityReference
from engine.rules.rule_set import RuleSet, build_rule_set
from engine.schema import Column, ColumnType, Relationship, RelationshipKind, TableSchema
from engine.sellers import Directory, Seller
from engine.standard_tables import STANDARD_TABLES
from settings.model import SequenceMode, Settings, WriteSettings
from tests.support.fake_dataverse import LOOKUP, Crash, FakeClock, FakeDataverse

Value = TypeVar("Value")

SELLERS = ("Miriam", "Sanjay", "Susana")

RULES: Mapping[str, Any] = {
    "version": 1,
    "segments": [
        {
            "name": "UK",
            "table": "lead",
            "priority": 1,
            "segment_id": "00000000-0000-0000-0005-000000000001",
            "when": {"column": "address1_country", "operator": "eq", "value": "UK"},
            "sequence": "Welcome",
        },
        {
            "name": "Large",
            "table": "lead",
            "priority": 2,
            "when": {"column": "revenue", "operator": "ge", "value": 1000},
        },
        {
            "name": "Banks",
            "table": "lead",
            "priority": 3,
            "when": {"column": "parentaccountid.industrycode", "operator": "eq", "value": 6},
        },
    ],
    "sequences": [
        {
            "name": "Welcome",
            "table": "lead",
            "sequence_id": "00000000-0000-0000-0006-000000000001",
        }
    ],
    "rules": [
        {"name": "UK to all", "table": "lead", "segment": "UK", "assign_to": {"any_seller": True}},
        {
            "name": "Large to all",
            "table": "lead",
            "segment": "Large",
            "assign_to": {"any_seller": True},
        },
        {
            "name": "Banks to all",
            "table": "lead",
            "segment": "Banks",
            "assign_to": {"any_seller": True},
        },
    ],
}

_COLUMNS = {
    "leadid": ColumnType.UNIQUEIDENTIFIER,
    "subject": ColumnType.STRING,
    "address1_country": ColumnType.STRING,
    "revenue": ColumnType.MONEY,
    "createdon": ColumnType.DATETIME,
    "modifiedon": ColumnType.DATETIME,
    "statecode": ColumnType.STATE,
    "ownerid": ColumnType.OWNER,
    "createdby": ColumnType.LOOKUP,
    "modifiedby": ColumnType.LOOKUP,
    "new_contactedon": ColumnType.DATETIME,
    "parentaccountid": ColumnType.LOOKUP,
    "msdyn_segmentid": ColumnType.LOOKUP,
    "lrobin_sequenceid": ColumnType.LOOKUP,
}

SCHEMA = {
    "lead": TableSchema(
        name="lead",
        entity_set="leads",
        primary_id="leadid",
        primary_name="subject",
        columns={name: Column(name=name, type=kind) for name, kind in _COLUMNS.items()},
        relationships={
            "parentaccountid": Relationship(
                navigation="parentaccountid",
                kind=RelationshipKind.MANY_TO_ONE,
                table="account",
                column="parentaccountid",
            )
        },
        is_complete=True,
    ),
    "opportunity": TableSchema(
        name="opportunity",
        entity_set="opportunities",
        primary_id="opportunityid",
        primary_name="name",
        columns={
            name: Column(name=name, type=kind)
            for name, kind in {**_COLUMNS, "opportunityid": ColumnType.UNIQUEIDENTIFIER}.items()
        },
        is_complete=True,
    ),
    "account": TableSchema(
        name="account",
        entity_set="accounts",
        primary_id="accountid",
        primary_name="name",
        columns={
            "accountid": Column(name="accountid", type=ColumnType.UNIQUEIDENTIFIER),
            "industrycode": Column(name="industrycode", type=ColumnType.CHOICE),
        },
        is_complete=True,
    ),
    **{name: STANDARD_TABLES[name] for name in ("systemuser", "team", "queue")},
}


def seller_id(number: int) -> str:
    """The id of the n-th seller."""
    return f"00000000-0000-0000-0001-{number:012d}"


def lead_id(number: int) -> str:
    """The id of the n-th lead."""
    return f"00000000-0000-0000-0002-{number:012d}"


NOBODY = EntityReference(table="systemuser", id="00000000-0000-0000-0009-000000000000")
"""Who owns what comes in: a user who is no seller."""


def build_people(names: tuple[str, ...] = SELLERS, **columns: Any) -> Directory:
    """Sellers without calendars."""
    return Directory(
        sellers=tuple(
            Seller(
                id=seller_id(number), name=name, row={"systemuserid": seller_id(number)}, **columns
            )
            for number, name in enumerate(names)
        )
    )


@dataclass
class World:
    """Everything a test needs; `restart` is a new process on the same store and environment."""

    folder: Path
    dataverse: FakeDataverse = field(default_factory=FakeDataverse)
    rules: Mapping[str, Any] = field(default_factory=lambda: RULES)
    options: CycleOptions = field(default_factory=CycleOptions)
    is_stopping: Callable[[], bool] = lambda: False
    keep_lease: Callable[[], None] = lambda: None
    writes: WriteColumns = field(
        default_factory=lambda: WriteColumns(
            segment="msdyn_segmentid", sequence="lrobin_sequenceid"
        )
    )

    def __post_init__(self) -> None:
        self.dataverse.schema = SCHEMA
        self.dataverse.navigations = {"parentaccountid": ("parentaccountid", "account")}
        if not self.dataverse.directory.sellers:
            self.dataverse.directory = build_people()
        self._ids = count(1)
        self.store: SqlStore = open_store(f"sqlite:///{self.folder / 'store.db'}")

    @property
    def clock(self) -> FakeClock:
        """The environment's and the connector's clock."""
        return self.dataverse.clock

    def restart(self) -> None:
        """Close the store and open it again, as a new process would."""
        self.store.close()
        self.store = open_store(f"sqlite:///{self.folder / 'store.db'}")

    def die_in_a_cycle(self, *, after_writes: int | None = None) -> None:
        """The process dies before a cycle's first write, or behind one of them, and starts again."""
        sent = len(self.dataverse.writes)

        def die(_write: RowWrite) -> None:
            if after_writes is None or len(self.dataverse.writes) - sent == after_writes:
                raise Crash

        moment = "before_write" if after_writes is None else "after_write"
        setattr(self.dataverse, moment, die)
        with pytest.raises(Crash):
            self.cycle()
        setattr(self.dataverse, moment, _nothing)
        self.restart()

    def rule_set(self) -> RuleSet:
        """The rules as a value."""
        return build_rule_set(self.rules)

    def settings(self) -> Settings:
        """What a user would have set."""
        mode = SequenceMode.COLUMN if self.writes.sequence else SequenceMode.OFF
        return Settings(
            write=WriteSettings(
                segment_column=self.writes.segment or "",
                sequence_column=self.writes.sequence or "",
                sequence_mode=SequenceMode.ACTION if self.writes.by_action else mode,
            )
        )

    def application(self) -> Application:
        """A process that starts now."""
        with bootstrap(
            self.settings(),
            rule_set=self.rule_set(),
            source=self.dataverse,
            people=self.dataverse.fetch_directory,
            store=self.store,
            clock=self.clock,
            ids=lambda: f"00000000-0000-0000-0008-{next(self._ids):012d}",
        ) as application:
            seams = replace(
                application.seams,
                options=self.options,
                is_stopping=self.is_stopping,
                keep_lease=self.keep_lease,
            )
            return replace(application, seams=seams)

    def table(self, name: str = "lead") -> WatchedTable:
        """A table as the cycle sees it."""
        return self.application().find_table(name)

    def seams(self) -> Seams:
        """The seams of a process that starts now."""
        return self.application().seams

    def cycle(self, table: str = "lead") -> CycleRecord:
        """One cycle of a table."""
        application = self.application()
        return run_cycle(application.seams, application.find_table(table))

    def put_lead(self, number: int, **columns: Any) -> str:
        """Create or change a lead as another client would; new ones belong to nobody."""
        row_id = lead_id(number)
        if row_id not in self.dataverse.tables.get("lead", {}):
            columns = {
                "_ownerid_value": NOBODY.id,
                f"_ownerid_value{LOOKUP}": "systemuser",
                **columns,
            }
        self.dataverse.put_row("lead", row_id, **columns)
        return row_id

    def owner(self, number: int) -> str | None:
        """The name of the seller who owns a lead; None when it is nobody's."""
        owner = self.dataverse.owner_of("lead", lead_id(number))
        names = {seller.id: seller.name for seller in self.dataverse.directory.sellers}
        return names.get(str(owner))

    def read(self, question: Callable[[StateSession], Value]) -> Value:
        """Ask the store something."""
        with self.store.begin() as session:
            return question(session)

    def decisions(self, number: int) -> list[DecisionRecord]:
        """The decisions of a lead, oldest first."""
        row = EntityReference(table="lead", id=lead_id(number))
        return list(self.read(lambda session: session.list_decisions(row=row)))[::-1]

    def ledger_row(self, number: int) -> LedgerRow | None:
        """What the ledger remembers of a lead."""
        return self.read(lambda session: session.load_rows("lead", [lead_id(number)])).get(
            lead_id(number)
        )


def _nothing(_write: RowWrite) -> None:
    """Nobody dies here."""
