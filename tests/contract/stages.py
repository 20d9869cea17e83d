"""Two environments of the connector, and what somebody else does in each: the real client over the
emulator, and the fake that the tests of the cycle use.
"""

import re
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Protocol

from typing_extensions import override

from connector.dataverse.writes.sender import WriteOptions, WriteWay
from connector.ports import WriteOutcome
from connector.service.environment import Environment
from engine.records import EntityReference
from engine.schema import Column, ColumnType, Relationship, RelationshipKind, TableSchema
from tests.support.builders import guid
from tests.support.emulated import Tenant, Wire, connect
from tests.support.fake_dataverse import LOOKUP, FakeDataverse
from tests.support.in_process import InProcessEmulator

SEQUENCE = "Trade-show follow-up"


class Stage(Protocol):
    """An environment without leads, seen by the connector, and the hands of somebody else."""

    environment: Environment
    sellers: tuple[EntityReference, EntityReference]
    queue: EntityReference
    sequences: tuple[str, str]

    def put(self, table: str, row_id: str, **columns: Any) -> None:
        """Create a row, or change one."""
        ...

    def relate(self, lead: str, account: str) -> None:
        """Give a lead its parent account."""
        ...

    def assign(self, lead: str, owner: EntityReference) -> None:
        """Give a lead to somebody."""
        ...

    def delete(self, table: str, row_id: str) -> None:
        """Delete a row."""
        ...

    def expire_links(self) -> None:
        """No delta link handed out so far is honoured any more."""
        ...

    def answer(self, row_id: str, outcome: WriteOutcome) -> None:
        """Writes to a lead are forbidden, or refused."""
        ...

    def queued(self) -> list[tuple[str, str]]:
        """Which leads wait in which queue."""
        ...

    def close(self) -> None:
        """Release everything."""
        ...


class EmulatorStage(Stage):
    """The real client over the emulator, within the process."""

    def __init__(self, way: WriteWay) -> None:
        self.emulator = InProcessEmulator()
        self.tenant = Tenant(self.emulator)
        self.environment = connect(
            self.tenant,
            Wire(self.tenant),
            writes=WriteOptions(way=way, concurrency=1, batch_size=3),
            sleep=lambda seconds: self.tenant.clock.advance(timedelta(seconds=seconds)),
            name="stage",
        )
        users = self._ids("systemusers", "systemuserid", "isdisabled eq false and title ne null")
        self.sellers = (
            EntityReference(table="systemuser", id=users[0]),
            EntityReference(table="systemuser", id=users[1]),
        )
        self.queue = EntityReference(table="queue", id=self._ids("queues", "queueid")[0])
        sequences = self._ids(
            "msdyn_sequences",
            "msdyn_sequenceid",
            "statecode eq 1 and msdyn_regardingentityname eq 'lead'",
        )
        self.sequences = (sequences[0], sequences[-1])

    @override
    def put(self, table: str, row_id: str, **columns: Any) -> None:
        # Instants have whole seconds; a row that is made anew is told by them.
        self.tenant.clock.advance(timedelta(seconds=1))
        path = f"{table}s({row_id})"
        if self.emulator.call("GET", f"{path}?$select={table}id").status == 404:
            self.tenant.call("POST", f"{table}s", {f"{table}id": row_id, **columns})
        else:
            self.tenant.call("PATCH", path, columns)

    @override
    def relate(self, lead: str, account: str) -> None:
        bind = {"parentaccountid@odata.bind": f"/accounts({account})"}
        self.tenant.call("PATCH", f"leads({lead})", bind)

    @override
    def assign(self, lead: str, owner: EntityReference) -> None:
        bind = {"ownerid@odata.bind": f"/systemusers({owner.id})"}
        self.tenant.call("PATCH", f"leads({lead})", bind)

    @override
    def delete(self, table: str, row_id: str) -> None:
        self.tenant.call("DELETE", f"{table}s({row_id})")

    @override
    def expire_links(self) -> None:
        self.emulator.server.faults.add([{"kind": "expired_delta_token"}])
        self.environment.who_am_i()

    @override
    def answer(self, row_id: str, outcome: WriteOutcome) -> None:
        status, code = {
            WriteOutcome.FORBIDDEN: (403, "0x80040220"),
            WriteOutcome.REFUSED: (400, "0x80040265"),
        }[outcome]
        path = re.escape(f"leads({row_id})")
        refusal = {"path": path, "method": "PATCH", "status": status, "code": code, "count": None}
        self.emulator.server.faults.add([refusal])

    @override
    def queued(self) -> list[tuple[str, str]]:
        found = self.tenant.call("GET", "queueitems?$select=_objectid_value,_queueid_value")
        return [(each["_objectid_value"], each["_queueid_value"]) for each in found["value"]]

    @override
    def close(self) -> None:
        self.environment.close()
        self.emulator.close()

    def _ids(self, path: str, key: str, condition: str = "") -> list[str]:
        where = f"&$filter={condition}" if condition else ""
        found = self.tenant.call("GET", f"{path}?$select={key}{where}")
        return sorted(str(each[key]) for each in found["value"])


def _table(name: str, /, *relationships: Relationship, **columns: ColumnType) -> TableSchema:
    key = f"{name}id"
    known = {key: ColumnType.UNIQUEIDENTIFIER, "statecode": ColumnType.STATE, **columns}
    return TableSchema(
        name=name,
        entity_set=f"{name}s",
        primary_id=key,
        primary_name=None,
        columns={column: Column(name=column, type=kind) for column, kind in known.items()},
        relationships={each.navigation: each for each in relationships},
        is_complete=True,
    )


_ACCOUNT = Relationship(
    navigation="parentaccountid",
    kind=RelationshipKind.MANY_TO_ONE,
    table="account",
    column="parentaccountid",
)


@dataclass
class FakeStage(Stage):
    """The fake of the tests of the cycle."""

    fake: FakeDataverse = field(
        default_factory=lambda: FakeDataverse(
            schema={
                "lead": _table(
                    "lead",
                    _ACCOUNT,
                    subject=ColumnType.STRING,
                    revenue=ColumnType.MONEY,
                    ownerid=ColumnType.OWNER,
                    parentaccountid=ColumnType.LOOKUP,
                ),
                "account": _table("account", name=ColumnType.STRING),
            },
            navigations={"parentaccountid": ("parentaccountid", "account")},
        )
    )

    def __post_init__(self) -> None:
        self.environment = self.fake
        self.sellers = (
            EntityReference(table="systemuser", id=guid(1)),
            EntityReference(table="systemuser", id=guid(2)),
        )
        self.queue = EntityReference(table="queue", id=guid(3))
        self.sequences = (guid(4), guid(5))

    @override
    def put(self, table: str, row_id: str, **columns: Any) -> None:
        self.fake.put_row(table, row_id, **columns)

    @override
    def relate(self, lead: str, account: str) -> None:
        self.fake.put_row(
            "lead",
            lead,
            _parentaccountid_value=account,
            **{f"_parentaccountid_value{LOOKUP}": "account"},
        )

    @override
    def assign(self, lead: str, owner: EntityReference) -> None:
        self.fake.set_owner("lead", lead, owner)

    @override
    def delete(self, table: str, row_id: str) -> None:
        self.fake.delete_row(table, row_id)

    @override
    def expire_links(self) -> None:
        self.fake.expire_links()

    @override
    def answer(self, row_id: str, outcome: WriteOutcome) -> None:
        ids = {
            WriteOutcome.FORBIDDEN: self.fake.forbidden,
            WriteOutcome.REFUSED: self.fake.refused,
        }
        ids[outcome].add(row_id)

    @override
    def queued(self) -> list[tuple[str, str]]:
        return self.fake.queued

    @override
    def close(self) -> None:
        """Nothing is held."""
