"""Where the seed puts its rows: completed as the server would; tables loaded from files stay."""

from datetime import datetime, timedelta

from connector.emulator.catalog.table_definition import TableDefinition
from connector.emulator.organization.clock import timestamp
from connector.emulator.organization.dice import Dice
from connector.emulator.organization.organization import (
    SALESPERSON_ROLE_ID,
    SYSTEM_USER_ID,
    Organization,
    fixed_id,
)
from connector.emulator.seed.completion import complete_row, default_values
from connector.emulator.seed.loading import insert_with_versions
from connector.emulator.storage.database import StoredRow

_WITHOUT_ROLE = {
    "systemuser": (
        "SELECT systemuserid FROM systemuser WHERE systemuserid NOT IN "
        "(SELECT systemuserid FROM systemuserroles)"
    ),
    "team": "SELECT teamid FROM team WHERE teamtype <> 1",
}


class SeedRows:
    """Adds rows to the tables of an organization."""

    def __init__(self, organization: Organization, dice: Dice, loaded: frozenset[str]) -> None:
        self.organization = organization
        self.dice = dice
        self.loaded = loaded
        self.now = organization.clock.now().replace(microsecond=0)

    def add(self, table_name: str, rows: list[StoredRow]) -> None:
        """Add rows unless the table came from files."""
        if table_name not in self.loaded:
            self.add_fixed(table_name, rows)

    def add_fixed(self, table_name: str, rows: list[StoredRow]) -> None:
        """Add rows in any case: the organization cannot do without them."""
        table = self.organization.catalog.tables[table_name]
        fetch = self.organization.storage.fetch_row
        missing = (row for row in rows if fetch(table, str(row[table.primary_id])) is None)
        completed = [self._complete(table, row) for row in missing]
        insert_with_versions(self.organization, table, completed)

    def ago(self, *, days: int = 0, hours: int = 0) -> datetime:
        """An instant before now."""
        return self.now - timedelta(days=days, hours=hours)

    def give_role(self, principal: str, principal_id: str, role_id: str) -> None:
        """Give a role to a user or a team."""
        name = f"{principal}roles"
        row_id = fixed_id(f"{name}/{principal_id}/{role_id}")
        row: StoredRow = {f"{name}id": row_id, f"{principal}id": principal_id, "roleid": role_id}
        self.add_fixed(name, [row])

    def give_roles_to_loaded_people(self) -> None:
        """Let loaded users and teams without a role own rows."""
        for principal, sql in _WITHOUT_ROLE.items():
            if principal in self.loaded and f"{principal}roles" not in self.loaded:
                for row in self.organization.storage.query(sql):
                    self.give_role(principal, str(row[0]), SALESPERSON_ROLE_ID)

    def _complete(self, table: TableDefinition, row: StoredRow) -> StoredRow:
        full = {**default_values(table), **row}
        created = full.get("createdon") or timestamp(self.ago(days=400))
        stamps: StoredRow = {"createdon": created, "modifiedon": created}
        stamps |= {"createdby": SYSTEM_USER_ID, "modifiedby": SYSTEM_USER_ID}
        for name, value in stamps.items():
            if table.column(name) is not None and full.get(name) is None:
                full[name] = value
        complete_row(table, full, SYSTEM_USER_ID)
        return full
