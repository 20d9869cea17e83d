"""One emulated organization: its rows, definitions, clock, chance and fixed ids.

What requests do with it is in the modules that take it as their first argument.
"""

from dataclasses import dataclass, field
from pathlib import Path
from threading import RLock
from uuid import uuid5

from connector.emulator.catalog.catalog import Catalog
from connector.emulator.catalog.table_definition import ID_NAMESPACE
from connector.emulator.catalog.tables.standard import standard_catalog
from connector.emulator.organization.clock import EmulatorClock, TimeSource
from connector.emulator.organization.dice import Dice
from connector.emulator.storage.database import Storage
from connector.emulator.storage.sql_functions import register_functions


def fixed_id(name: str) -> str:
    """A stable id for something there is one of."""
    return str(uuid5(ID_NAMESPACE, name))


ORGANIZATION_ID = fixed_id("organization")
ROOT_UNIT_ID = fixed_id("businessunit/root")
BASE_CURRENCY_ID = fixed_id("transactioncurrency/USD")
CONNECTOR_USER_ID = fixed_id("systemuser/connector")
SYSTEM_USER_ID = fixed_id("systemuser/SYSTEM")
ADMINISTRATOR_ROLE_ID = fixed_id("role/System Administrator")
SALESPERSON_ROLE_ID = fixed_id("role/Salesperson")
MANAGER_ROLE_ID = fixed_id("role/Sales Manager")
TENANT_ID = fixed_id("tenant")
CLIENT_ID = fixed_id("application/connector")
CLIENT_SECRET = "emulator-secret-not-a-real-one"  # noqa: S105  printed at start, opens nothing but the emulator


COUNT_AGE_SECONDS = 86_400.0


@dataclass
class Organization:
    """The state shared by all requests; hold `lock` while touching it from another thread.

    `metadata_changes` remembers, by table, the row version at which its definition last changed:
    older delta tokens of that table are refused. Assignments reach the rows below after
    `cascade_delay_seconds`; RetrieveTotalRecordCount tells numbers up to `count_age_seconds` old.
    """

    storage: Storage
    catalog: Catalog
    clock: EmulatorClock
    dice: Dice
    lock: RLock = field(default_factory=RLock)
    metadata_changes: dict[str, int] = field(default_factory=dict[str, int])
    cascade_delay_seconds: float = 0
    count_age_seconds: float = COUNT_AGE_SECONDS
    delta_floor: int = 0

    def new_id(self) -> str:
        """A fresh GUID."""
        return self.dice.guid()


def open_organization(
    source: TimeSource, *, seed: int = 7, path: Path | None = None
) -> Organization:
    """An organization with empty tables, in memory or on disk."""
    catalog = standard_catalog()
    storage = Storage(catalog, path)
    register_functions(storage.connection)
    return Organization(
        storage=storage,
        catalog=catalog,
        clock=EmulatorClock(source),
        dice=Dice(seed, "runtime"),
    )
