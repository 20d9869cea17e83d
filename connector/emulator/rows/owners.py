"""Owners: who may own rows, the columns that follow the owner, and assignments that cascade."""

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
    roles = privileges.role_ids(owner.table, owner.id)
    if not privileges.roles.depth(roles, "Read", table.logical_name):
        kind = "team" if owner.table == "team" else "user"
        code = definition.object_type_code
        raise ODataError(
            403,
            ErrorCode.PRIVILEGE_DENIED,
            f"Principal {kind} (Id={owner.id}, type={code}, roleCount={len(roles)}) is missing "
            f"prvRead{table.schema_name} privilege on OTC={table.object_type_code} for entity "
            f"'{table.logical_name}'.",
        )


def _raise_if_team_cannot_own(privileges: Privileges, row: StoredRow, owner: OwnerValue) -> None:
    if row["teamtype"] == 1:
        raise ODataError(
            400,
            ErrorCode.CANNOT_ASSIGN_TO_ACCESS_TEAM,
            "Cannot assign a record to an access team: access teams cannot own records.",
        )
    if not privileges.role_ids("team", owner.id):
        raise ODataError(
            403,
            ErrorCode.TEAM_NOT_ASSIGNED_ROLES,
            f"The team with id {owner.id} has not been assigned any roles, so it cannot own "
            "records.",
        )


def owner_values(
    organization: Organization, table: TableDefinition, owner: OwnerValue
) -> dict[str, StoredValue]:
    """The owner column and the three the server keeps beside it."""
    definition = organization.catalog.tables[owner.table]
    row = organization.storage.fetch_row(definition, owner.id)
    unit = (row or {}).get("businessunitid") or ROOT_UNIT_ID
    values: dict[str, StoredValue] = {"ownerid": owner.id, type_column("ownerid"): owner.table}
    if table.column("owninguser") is not None:
        values["owninguser"] = owner.id if owner.table == "systemuser" else None
        values["owningteam"] = owner.id if owner.table == "team" else None
        values["owningbusinessunit"] = unit
    return values


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
    storage = organization.storage
    now = organization.clock.now().timestamp()
    due = storage.query(
        "SELECT * FROM emulator_cascade WHERE due <= ? ORDER BY due, number", (now,)
    )
    if not due:
        return
    with storage.transaction():
        for each in due:
            owner = OwnerValue(each["owner_table"], each["owner_id"])
            _cascade(organization, (each["table_name"], each["id"]), owner, each["by_user"])
            storage.query("DELETE FROM emulator_cascade WHERE number = ?", (each["number"],))


def _cascade(organization: Organization, top: tuple[str, str], owner: OwnerValue, by: str) -> None:
    """Assign the rows below one, where the relationship says so, and those below them."""
    waiting = [top]
    seen = set(waiting)
    while waiting:
        parent, parent_id = waiting.pop()
        for relationship in organization.catalog.relationships_to(parent):
            if relationship.assign is Cascade.CASCADE:
                for child_id in _assign_children(
                    organization, relationship, parent_id, owner=owner, by=by
                ):
                    child = (relationship.referencing_table, child_id)
                    if child not in seen:
                        seen.add(child)
                        waiting.append(child)


def _assign_children(
    organization: Organization,
    relationship: ManyToOne,
    parent_id: str,
    *,
    owner: OwnerValue,
    by: str,
) -> list[str]:
    child = organization.catalog.tables[relationship.referencing_table]
    changed: list[str] = []
    for row in children(organization, relationship, parent_id):
        if (row["ownerid"], row[type_column("ownerid")]) == (owner.id, owner.table):
            continue
        row_id = str(row[child.primary_id])
        values = owner_values(organization, child, owner)
        written = dict(values)
        values["modifiedon"] = timestamp(organization.clock.now())
        values["modifiedby"] = by
        values["versionnumber"] = organization.storage.next_version()
        organization.storage.update_row(child, row_id, values)
        event = Event(
            message="Update", table=child, row_id=row_id, user_id=by, changed=written, before=row
        )
        record_event(organization, event)
        changed.append(row_id)
    return changed


def children(
    organization: Organization, relationship: ManyToOne, parent_id: str
) -> list[StoredRow]:
    """The rows on the N side of one relationship."""
    child = organization.catalog.tables[relationship.referencing_table]
    column = child.columns_by_name[relationship.referencing_column]
    wanted: dict[str, StoredValue] = {column.logical_name: parent_id}
    if column.is_polymorphic:
        wanted[type_column(column.logical_name)] = relationship.referenced_table
    return organization.storage.fetch_rows_where(child, wanted)
