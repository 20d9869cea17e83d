"""States and status reasons: which pairs are valid, and that closed rows are read-only."""

from connector.emulator.catalog.table_definition import ColumnDefinition, TableDefinition
from connector.emulator.protocol.error_codes import ErrorCode
from connector.emulator.protocol.errors import ODataError
from connector.emulator.rows.bodies import Changes
from connector.emulator.storage.database import StoredRow

CLOSED_CODES = {
    "lead": ErrorCode.LEAD_ALREADY_IN_CLOSED_STATE,
    "opportunity": ErrorCode.OPPORTUNITY_ALREADY_IN_CLOSED_STATE,
}
_STATE_COLUMNS = frozenset({"statecode", "statuscode"})


def complete_state(table: TableDefinition, changes: Changes, current: StoredRow | None) -> None:
    """Complete state and status: a new state brings its default status; the pair must be valid.

    `current` is None when the row is created. Raises ODataError 400 (0x80048408) for a wrong pair.
    """
    state, status = table.column("statecode"), table.column("statuscode")
    if state is None or status is None:
        return
    values = changes.values
    if current is not None and not (_STATE_COLUMNS & values.keys()):
        return
    before = None if current is None else current["statecode"]
    now = values.get("statecode")
    if now is None:
        now = before if before is not None else _state_for_new_row(state, status, values)
    reason = values.get("statuscode")
    if reason is None:
        keeps = current is not None and now == before
        reason = current["statuscode"] if current and keeps else default_status(state, int(now))
    raise_if_wrong_pair(table, int(now), int(reason or 0))
    values["statecode"], values["statuscode"] = now, reason


def _state_for_new_row(
    state: ColumnDefinition, status: ColumnDefinition, values: dict[str, str | int | float | None]
) -> int:
    reason = values.get("statuscode")
    for option in status.options:
        if option.value == reason and option.state is not None:
            return option.state
    return state.options[0].value


def default_status(state: ColumnDefinition, value: int) -> int:
    """The status reason a state takes when none is given."""
    for option in state.options:
        if option.value == value and option.default_status is not None:
            return option.default_status
    return 1


def raise_if_wrong_pair(table: TableDefinition, state: int, status: int) -> None:
    """Refuse a status reason that does not belong to the state."""
    column = table.columns_by_name["statuscode"]
    if any(option.value == status and option.state == state for option in column.options):
        return
    where = f"state code {state} on {table.logical_name}"
    message = f"{status} is not a valid status code for {where}."
    raise ODataError(400, ErrorCode.INVALID_STATE_CODE_STATUS_CODE, message)


def raise_if_closed(table: TableDefinition, changes: Changes, current: StoredRow) -> None:
    """Refuse to change anything but the state of a closed lead or opportunity.

    https://learn.microsoft.com/dynamics365/customer-engagement/developer/entities/lead
    """
    code = CLOSED_CODES.get(table.logical_name)
    if code is None or current["statecode"] == 0 or changes.values.get("statecode") == 0:
        return
    if changes.touched <= _STATE_COLUMNS and "statecode" in changes.touched:
        return
    raise ODataError(
        400,
        code,
        f"The {table.logical_name} is already closed. A closed {table.logical_name} is read-only "
        "until it is reopened.",
    )
