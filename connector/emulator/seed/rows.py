"""Where the seed puts its rows: completed as the server would; tables loaded from files stay."""

from datetime import datetime, timedelta

from connector.emulator.catalog.table_definition import ColumnType
from connector.emulator.organization.clock import timestamp
from connector.emulator.organization.dice import Dice
from connector.emulator.organization.organization import (
    ROOT_UNIT_ID,
    SALESPERSON_ROLE_ID,
    SYSTEM_USER_ID,
    Organization,
    fixed_id,
)
from connector.emulator.rows.states import default_status
from connector.emulator.seed.loading import insert_with_versions
from connector.emulator.storage.database import StoredRow
from connector.emulator.storage.sql_names import type_column


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
        present = [
            row
            for row in rows
            if self.organization.storage.fetch_row(table, str(row[table.primary_id])) is None
        ]
        completed = [self._complete(table_name, row) for row in present]
        insert_with_versions(self.organization, table, completed)

    def ago(self, *, days: int = 0, hours: int = 0) -> datetime:
        """An instant before now."""
        return self.now - timedelta(days=days, hours=hours)

    def give_role(self, principal: str, principal_id: str, role_id: str) -> None:
        """Give a role to a user or a team."""
        name = "teamroles" if principal == "team" else "systemuserroles"
        column = "teamid" if principal == "team" else "systemuserid"
        row: StoredRow = {
            f"{name}id": fixed_id(f"{name}/{principal_id}/{role_id}"),
            column: principal_id,
            "roleid": role_id,
        }
        self.add_fixed(name, [row])

    def give_roles_to_loaded_people(self) -> None:
        """Let loaded users and teams without a role own rows."""
        storage = self.organization.storage
        if "systemuser" in self.loaded and "systemuserroles" not in self.loaded:
            found = storage.query(
                "SELECT systemuserid FROM systemuser WHERE systemuserid NOT IN "
                "(SELECT systemuserid FROM systemuserroles)"
            )
            for row in found:
                self.give_role("systemuser", str(row[0]), SALESPERSON_ROLE_ID)
        if "team" in self.loaded and "teamroles" not in self.loaded:
            for row in storage.query("SELECT teamid FROM team WHERE teamtype <> 1"):
                self.give_role("team", str(row[0]), SALESPERSON_ROLE_ID)

    def _complete(self, table_name: str, row: StoredRow) -> StoredRow:
        table = self.organization.catalog.tables[table_name]
        full: StoredRow = {
            column.logical_name: column.default
            for column in table.stored_columns
            if column.default is not None
        }
        full.update(row)
        created = str(full.get("createdon") or timestamp(self.ago(days=400)))
        defaults: StoredRow = {
            "createdon": created,
            "modifiedon": full.get("modifiedon") or created,
            "createdby": SYSTEM_USER_ID,
            "modifiedby": SYSTEM_USER_ID,
        }
        for name, value in defaults.items():
            if table.column(name) is not None and full.get(name) is None:
                full[name] = value
        self._complete_state(table_name, full)
        self._complete_owner(table_name, full)
        return full

    def _complete_state(self, table_name: str, row: StoredRow) -> None:
        state = self.organization.catalog.tables[table_name].column("statecode")
        if state is not None and state.type is ColumnType.STATE:
            value = row.get("statecode")
            row["statecode"] = state.options[0].value if value is None else value
            if row.get("statuscode") is None:
                row["statuscode"] = default_status(state, int(row["statecode"] or 0))

    def _complete_owner(self, table_name: str, row: StoredRow) -> None:
        table = self.organization.catalog.tables[table_name]
        if table_name in ("systemuser", "team"):
            row["ownerid"] = row[table.primary_id]
            row["businessunitid"] = row.get("businessunitid") or ROOT_UNIT_ID
        if not table.is_owned:
            return
        row.setdefault("ownerid", SYSTEM_USER_ID)
        kind = str(row.setdefault(type_column("ownerid"), "systemuser"))
        row["owninguser"] = row["ownerid"] if kind == "systemuser" else None
        row["owningteam"] = row["ownerid"] if kind == "team" else None
        row["owningbusinessunit"] = row.get("owningbusinessunit") or ROOT_UNIT_ID
