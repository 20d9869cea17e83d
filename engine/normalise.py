"""Wire rows become Records, or RejectedRows with every reason; conditions read the row itself."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import cast

from engine.records import GUID, EntityReference, Record, RejectedRow, Row

_TYPE = "@odata.type"
_TYPE_PREFIX = "#Microsoft.Dynamics.CRM."
_LOOKUP_TYPE = "@Microsoft.Dynamics.CRM.lookuplogicalname"
_LABEL = "@OData.Community.Display.V1.FormattedValue"
_UNKNOWN_TABLE = "unknown"


def normalise(
    row: object, *, table: str | None = None, primary_id: str | None = None
) -> Record | RejectedRow:
    """Read what every decision needs from a wire row.

    The table comes from "@odata.type" when it is not given; the primary key is the table's name
    with "id" behind it unless named. GUIDs lose braces and capitals. Nothing is raised: a row that
    cannot be used is a RejectedRow with all its reasons.
    """
    if not isinstance(row, Mapping):
        return RejectedRow(
            table=table or _UNKNOWN_TABLE, id=None, reasons=("a row has to be a JSON object",)
        )
    return _Reading(cast("Row", row), table, primary_id).finish()


class _Reading:
    """One row being read; collects the reasons on the way."""

    def __init__(self, row: Row, table: str | None, primary_id: str | None) -> None:
        self.row = row
        self.reasons: list[str] = []
        self.table = self._read_table(table)
        self.primary_id = primary_id or f"{self.table}id"

    def finish(self) -> Record | RejectedRow:
        row_id = self._read_primary_id()
        record = Record(
            table=self.table,
            id=row_id or "",
            row=self.row,
            etag=self._read_text("@odata.etag"),
            created_on=self._read_time("createdon"),
            modified_on=self._read_time("modifiedon"),
            owner=self._read_owner(),
            creator_id=self._read_lookup("createdby"),
            segment_id=self._read_lookup("msdyn_segmentid"),
            is_open=self._read_is_open(),
        )
        if self.reasons:
            return RejectedRow(table=self.table, id=row_id, reasons=tuple(self.reasons))
        return record

    def _read_table(self, given: str | None) -> str:
        named = self.row.get(_TYPE)
        if named is None and given is not None:
            return given
        if not isinstance(named, str) or not named.removeprefix(_TYPE_PREFIX):
            self.reasons.append(
                f'{_TYPE} is missing; it names the table, for example "{_TYPE_PREFIX}lead"'
            )
            return given or _UNKNOWN_TABLE
        table = named.removeprefix(_TYPE_PREFIX)
        if given is not None and table != given:
            self.reasons.append(f"{_TYPE} says {table} where rows of {given} are expected")
        return table

    def _read_primary_id(self) -> str | None:
        value = self.row.get(self.primary_id)
        if value is None:
            if self.table != _UNKNOWN_TABLE:
                self.reasons.append(f"{self.primary_id} is missing")
            return None
        return self._read_guid(self.primary_id, value)

    def _read_guid(self, column: str, value: object) -> str | None:
        if isinstance(value, str):
            bare = value[1:-1] if value.startswith("{") and value.endswith("}") else value
            if GUID.fullmatch(bare):
                return bare.lower()
        self.reasons.append(f"{column} is not a GUID: {value!r}")
        return None

    def _read_lookup(self, column: str) -> str | None:
        name = f"_{column}_value"
        value = self.row.get(name)
        return None if value is None else self._read_guid(name, value)

    def _read_owner(self) -> EntityReference | None:
        owner_id = self._read_lookup("ownerid")
        if owner_id is None:
            return None
        table = self.row.get(f"_ownerid_value{_LOOKUP_TYPE}") or "systemuser"
        if table not in ("systemuser", "team"):
            self.reasons.append(
                f"_ownerid_value points to {table!r}; an owner is a systemuser or a team"
            )
            return None
        name = self.row.get(f"_ownerid_value{_LABEL}")
        return EntityReference(
            table=str(table), id=owner_id, name=name if isinstance(name, str) else None
        )

    def _read_text(self, column: str) -> str | None:
        value = self.row.get(column)
        if value is None or isinstance(value, str):
            return value
        self.reasons.append(f"{column} is not text: {value!r}")
        return None

    def _read_time(self, column: str) -> datetime | None:
        value = self.row.get(column)
        if value is None or value == "":
            return None
        try:
            if isinstance(value, (str, datetime)):
                return _parse_time(value)
        except (ValueError, OverflowError):
            pass
        self.reasons.append(f"{column} is not a date and time: {value!r}")
        return None

    def _read_is_open(self) -> bool:
        value = self.row.get("statecode")
        if value is None:
            return True
        if isinstance(value, bool) or not isinstance(value, int):
            self.reasons.append(f"statecode is not a whole number: {value!r}")
        return value == 0


def _parse_time(value: str | datetime) -> datetime:
    """An aware instant in UTC; times without an offset are UTC, as Dataverse writes them."""
    read = value if isinstance(value, datetime) else datetime.fromisoformat(value)
    return read.replace(tzinfo=UTC) if read.tzinfo is None else read.astimezone(UTC)
