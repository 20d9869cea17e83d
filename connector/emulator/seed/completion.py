"""What the server sets on a row that was not written through it: owner, state, dates."""

from connector.emulator.catalog.table_definition import PRINCIPALS, ColumnType, TableDefinition
from connector.emulator.organization.organization import ROOT_UNIT_ID
from connector.emulator.rows.states import default_status
from connector.emulator.storage.database import StoredRow
from connector.emulator.storage.sql_names import type_column


def default_values(table: TableDefinition) -> StoredRow:
    """The values of a new row's columns."""
    return {
        column.logical_name: column.default
        for column in table.stored_columns
        if column.default is not None
    }


def complete_row(table: TableDefinition, row: StoredRow, owner_id: str) -> None:
    """Set what depends on other columns; `owner_id` is the user that owns a row without owner."""
    if table.logical_name in PRINCIPALS:
        row["ownerid"] = row[table.primary_id]
        row["businessunitid"] = row.get("businessunitid") or ROOT_UNIT_ID
    if table.is_owned:
        _complete_owner(row, owner_id)
    _complete_state(table, row)


def _complete_owner(row: StoredRow, owner_id: str) -> None:
    kind = type_column("ownerid")
    if row.get("ownerid") is None:
        row["ownerid"], row[kind] = owner_id, "systemuser"
    is_user = row.setdefault(kind, "systemuser") == "systemuser"
    row["owninguser"] = row["ownerid"] if is_user else None
    row["owningteam"] = None if is_user else row["ownerid"]
    row["owningbusinessunit"] = row.get("owningbusinessunit") or ROOT_UNIT_ID


def _complete_state(table: TableDefinition, row: StoredRow) -> None:
    state = table.column("statecode")
    if state is None or state.type is not ColumnType.STATE:
        return
    if row.get("statecode") is None:
        row["statecode"] = state.options[0].value
    if row.get("statuscode") is None:
        row["statuscode"] = default_status(state, int(row["statecode"] or 0))
