"""Owners: who may own rows, the columns that follow the owner, and assignments that cascade."""

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass

from connector.emulator.catalog.relationships import Cascade, ManyToOne
from connector.emulator.catalog.table_definition import TableDefinition
from connector.emulator.organization.clock import timestamp
from connector.emulator.organization.organization import ROOT_UNIT_ID, Organization
from connector.emulator.organization.privileges import Privileges
from connector.emulator.protocol.error_codes import ErrorCode
from connector.emulator.protocol.errors import ODataError
from connector.emulator.rows.bodies import row_not_found
from connector.emulator.rows.events import Event, record_event
from connector.emulator.storage.database import StoredRow, StoredValue
from connector.emulator.storage.sql_names import type_column


@dataclass(frozen=True, slots=True)
class OwnerValue:
    """An owner as rows hold it."""

    table: str
    id: str


def raise_if_cannot_own(
    organization: Organization, privileges: Privileges, table: TableDefinition, owner: OwnerValue
) -> None:
    """Refuse disabled users, access teams, teams without roles and owners without read privilege.

    https://learn.microsoft.com/power-apps/developer/data-platform/security-access-rights
    """
    definition = organization.catalog.tables[owner.table]
    row = organization.storage.fetch_row(definition, owner.id)
    if row is None:
        raise row_not_found(definition, owner.id)
    if owner.table == "team":
        _raise_if_team_cannot_own(privileges, row, owner)
    elif row["isdisabled"]:
        raise ODataError(
            400,
            ErrorCode.DISABLED_OWNER,
            f"The specified user (Id={owner.id}) is disabled. A record cannot be assigned to a "
            "disabled user.",
        )
    _raise_if_owner_cannot_read(privileges, table, owner, definition.object_type_code)


def _raise_if_owner_cannot_read(
    privileges: Privileges, table: TableDefinition, owner: OwnerValue, code: int
) -> None:
    roles = privileges.role_ids(owner.table, owner.id)
    if privileges.roles.depth(roles, "Read", table.logical_name):
        return
    kind = "team" if owner.table == "team" else "user"
    raise ODataError(
        403,
        ErrorCode.PRIVILEGE_DENIED,
        f"Principal {kind} (Id={owner.id}, type={code}, roleCount={len(roles)}) is missing "
        f"prvRead{table.schema_name} privilege on OTC={table.object_type_code} for entity "
        f"'{table.logical_name}'.",
    )


def _raise_if_team_cannot_own(privileges: Privileges, row: StoredRow, owner: OwnerValue) -> None:
    if row["teamtype"] == 1:
        message = "Cannot assign a record to an access team: access teams cannot own records."
        raise ODataError(400, ErrorCode.CANNOT_ASSIGN_TO_ACCESS_TEAM, message)
    if not privileges.role_ids("team", owner.id):
        message = (
            f"The team with id {owner.id} has not been assigned any roles, so it cannot own "
            "records."
        )
        raise ODataError(403, ErrorCode.TEAM_NOT_ASSIGNED_ROLES, message)


def owner_values(
    organization: Organization, table: TableDefinition, owner: OwnerValue
) -> dict[str, StoredValue]:
    """The owner column and the three the server keeps beside it."""
    values: dict[str, StoredValue] = {"ownerid": owner.id, type_column("ownerid"): owner.table}
    if table.column("owninguser") is not None:
        values["owninguser"] = owner.id if owner.table == "systemuser" else None
        values["owningteam"] = owner.id if owner.table == "team" else None
        values["owningbusinessunit"] = _business_unit(organization, owner)
    return values


def _business_unit(organization: Organization, owner: OwnerValue) -> StoredValue:
    definition = organization.catalog.tables[owner.table]
    row = organization.storage.fetch_row(definition, owner.id) or {}
    return row.get("businessunitid") or ROOT_UNIT_ID


def cascade_assignment(
    organization: Organization, table: TableDefinition, row_id: str, owner: OwnerValue, by: str
) -> None:
    """Hand on a new owner to the rows below, at once or after the organization's delay.

    https://learn.microsoft.com/power-apps/developer/data-platform/configure-entity-relationship-cascading-behavior
    """
    delay = organization.cascade_delay_seconds
    if delay <= 0:
        _cascade(organization, (table.logical_name, row_id), owner, by)
        return
    due = organization.clock.now().timestamp() + delay
    organization.storage.query(
        "INSERT INTO emulator_cascade (due, table_name, id, owner_table, owner_id, by_user) "
        "VALUES (?, ?, ?, ?, ?, ?)",
        (due, table.logical_name, row_id, owner.table, owner.id, by),
    )


def apply_due_cascades(organization: Organization) -> None:
    """Carry out the delayed assignments whose time has come on the emulator's clock."""
    now = organization.clock.now().timestamp()
    due = organization.storage.query(
        "SELECT * FROM emulator_cascade WHERE due <= ? ORDER BY due, number", (now,)
    )
    if due:
        with organization.storage.transaction():
            for each in due:
                _apply(organization, each)


def _apply(organization: Organization, due: sqlite3.Row) -> None:
    owner = OwnerValue(due["owner_table"], due["owner_id"])
    _cascade(organization, (due["table_name"], due["id"]), owner, due["by_user"])
    organization.storage.query("DELETE FROM emulator_cascade WHERE number = ?", (due["number"],))


def _cascade(organization: Organization, top: tuple[str, str], owner: OwnerValue, by: str) -> None:
    """Assign the rows below one, where the relationship says so, and those below them."""
    waiting = [top]
    seen = set(waiting)
    while waiting:
        for child in _cascading_children(organization, waiting.pop()):
            table, row = child
            key = (table.logical_name, str(row[table.primary_id]))
            if key not in seen and _assign(organization, child, owner, by):
                seen.add(key)
                waiting.append(key)


def _cascading_children(
    organization: Organization, parent: tuple[str, str]
) -> Iterator[tuple[TableDefinition, StoredRow]]:
    table, row_id = parent
    for relationship in organization.catalog.relationships_to(table):
        if relationship.assign is Cascade.CASCADE:
            child = organization.catalog.tables[relationship.referencing_table]
            for row in children(organization, relationship, row_id):
                yield child, row


def _assign(
    organization: Organization, child: tuple[TableDefinition, StoredRow], owner: OwnerValue, by: str
) -> bool:
    """Give a row its new owner; False when it has that owner already."""
    table, row = child
    if (row["ownerid"], row[type_column("ownerid")]) == (owner.id, owner.table):
        return False
    row_id = str(row[table.primary_id])
    written = owner_values(organization, table, owner)
    stamp: dict[str, StoredValue] = {
        "modifiedon": timestamp(organization.clock.now()),
        "modifiedby": by,
        "versionnumber": organization.storage.next_version(),
    }
    organization.storage.update_row(table, row_id, written | stamp)
    event = Event(
        message="Update", table=table, row_id=row_id, user_id=by, changed=written, before=row
    )
    record_event(organization, event)
    return True


def children(
    organization: Organization, relationship: ManyToOne, parent_id: str
) -> list[StoredRow]:
    """The rows on the N side of one relationship."""
    child = organization.catalog.tables[relationship.referencing_table]
    wanted: dict[str, StoredValue] = {relationship.referencing_column: parent_id}
    if child.columns_by_name[relationship.referencing_column].is_polymorphic:
        wanted[type_column(relationship.referencing_column)] = relationship.referenced_table
    return organization.storage.fetch_rows_where(child, wanted)
