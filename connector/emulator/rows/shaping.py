# ruff: noqa: S608  identifiers come from the catalog and are quoted, values are bound
"""Stored rows as the Web API shows them: names, types, ETag, annotations, formatted values.

Which rows and columns are shown is decided elsewhere.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal

from connector.emulator.catalog.catalog import Catalog
from connector.emulator.catalog.table_definition import (
    ColumnDefinition,
    ColumnType,
    TableDefinition,
)
from connector.emulator.protocol.json_shapes import Json
from connector.emulator.protocol.messages import Preferences
from connector.emulator.storage.database import Storage
from connector.emulator.storage.sql_names import quote, type_column

FORMATTED = "OData.Community.Display.V1.FormattedValue"
NAVIGATION = "Microsoft.Dynamics.CRM.associatednavigationproperty"
LOGICAL_NAME = "Microsoft.Dynamics.CRM.lookuplogicalname"

WireRow = dict[str, Json]
Converter = Callable[[Json], Json]

_FOUR_PLACES = Decimal("0.0001")


def etag_of(version: int) -> str:
    """The weak ETag of a row version."""
    return f'W/"{version}"'


def money_value(value: float) -> Decimal:
    """An amount as the wire shows it: four decimals."""
    return Decimal(repr(value)).quantize(_FOUR_PLACES)


def decimal_value(value: float) -> Decimal:
    """An exact number with the digits it was given."""
    number = Decimal(repr(value))
    return number.quantize(Decimal(1)) if number == number.to_integral() else number


_CONVERTERS: dict[ColumnType, Converter] = {
    ColumnType.BOOLEAN: bool,
    ColumnType.MONEY: money_value,
    ColumnType.DECIMAL: decimal_value,
}


def wire_value(column: ColumnDefinition, value: Json) -> Json:
    """One stored value as JSON shows it."""
    if value is None:
        return None
    convert = _CONVERTERS.get(column.type)
    return convert(value) if convert else value


class RowShaper:
    """Shapes the rows of one request; remembers the names of the rows that lookups point to."""

    def __init__(self, storage: Storage, preferences: Preferences) -> None:
        self._storage = storage
        self._catalog: Catalog = storage.catalog
        self._names: dict[tuple[str, str], str | None] = {}
        self._navigations: dict[tuple[str, str, str], str] = {}
        self._formatted = preferences.wants_annotation(FORMATTED)
        self._navigation = preferences.wants_annotation(NAVIGATION)
        self._logical_name = preferences.wants_annotation(LOGICAL_NAME)
        self._annotates = self._formatted or self._navigation or self._logical_name

    @property
    def is_formatted(self) -> bool:
        """Whether formatted values were asked for."""
        return self._formatted

    def shape(
        self,
        table: TableDefinition,
        stored: Mapping[str, Json],
        columns: Sequence[ColumnDefinition] | None = None,
    ) -> WireRow:
        """One row: `@odata.etag`, the columns asked for (None = all readable), always the key.

        `stored` holds the stored values by SQL column name, with `versionnumber`.
        """
        return self._shape(table, stored, complete_columns(table, columns))

    def _shape(
        self,
        table: TableDefinition,
        stored: Mapping[str, Json],
        columns: tuple[ColumnDefinition, ...],
    ) -> WireRow:
        wire: WireRow = {"@odata.etag": etag_of(stored["versionnumber"])}
        for column in columns:
            value = stored[column.logical_name]
            if value is None:
                wire[column.wire_name] = None
                continue
            if self._annotates:
                self._annotate(wire, table, column, stored)
            convert = _CONVERTERS.get(column.type)
            wire[column.wire_name] = convert(value) if convert else value
        return wire

    def shape_all(
        self,
        table: TableDefinition,
        rows: Iterable[Mapping[str, Json]],
        columns: Sequence[ColumnDefinition] | None = None,
    ) -> list[WireRow]:
        """Several rows of one table."""
        shown = complete_columns(table, columns)
        if self._annotates:
            return [self._shape(table, row, shown) for row in rows]
        plan = [
            (column.wire_name, column.logical_name, _CONVERTERS.get(column.type))
            for column in shown
        ]
        return [_shape_plain(row, plan) for row in rows]

    def annotations(
        self, table: TableDefinition, column: ColumnDefinition, stored: Mapping[str, Json], key: str
    ) -> WireRow:
        """The annotations of one value under another name, `key`: of linked and aliased columns."""
        wire: WireRow = {}
        if self._annotates and stored[column.logical_name] is not None:
            self._annotate(wire, table, column, stored, key)
        return wire

    def _annotate(
        self,
        wire: WireRow,
        table: TableDefinition,
        column: ColumnDefinition,
        stored: Mapping[str, Json],
        key: str | None = None,
    ) -> None:
        name = key or column.wire_name
        target = lookup_target(column, stored) if column.type.is_lookup else None
        if self._formatted:
            text = self._formatted_text(column, stored, target)
            if text is not None:
                wire[f"{name}@{FORMATTED}"] = text
        if target is None:
            return
        if self._navigation:
            wire[f"{name}@{NAVIGATION}"] = self._navigation_of(table, column, target)
        if self._logical_name:
            wire[f"{name}@{LOGICAL_NAME}"] = target

    def _formatted_text(
        self, column: ColumnDefinition, stored: Mapping[str, Json], target: str | None
    ) -> str | None:
        if target is None:
            return self.formatted_value(column, stored)
        return self.name_of(target, stored[column.logical_name])

    def _navigation_of(self, table: TableDefinition, column: ColumnDefinition, target: str) -> str:
        key = (table.logical_name, column.logical_name, target)
        if key not in self._navigations:
            self._navigations[key] = self._find_navigation(*key)
        return self._navigations[key]

    def _find_navigation(self, table_name: str, column_name: str, target: str) -> str:
        for each in self._catalog.relationships_from(table_name):
            if (each.referencing_column, each.referenced_table) == (column_name, target):
                return each.referencing_navigation
        return column_name

    def name_of(self, table_name: str, row_id: str) -> str | None:
        """The primary name of a row, None when the row is gone or has no name."""
        key = (table_name, row_id)
        if key not in self._names:
            self._names[key] = self._read_name(table_name, row_id)
        return self._names[key]

    def _read_name(self, table_name: str, row_id: str) -> str | None:
        table = self._catalog.table(table_name)
        if table is None or table.primary_name is None:
            return None
        rows = self._storage.query(
            f"SELECT {quote(table.primary_name)} FROM {quote(table_name)} "
            f"WHERE {quote(table.primary_id)} = ?",
            (row_id,),
        )
        return rows[0][0] if rows else None

    def formatted_value(self, column: ColumnDefinition, stored: Mapping[str, Json]) -> str | None:
        """A value as an English-speaking user in UTC reads it; None for plain text and ids."""
        value = stored[column.logical_name]
        match column.type:
            case ColumnType.PICKLIST | ColumnType.STATE | ColumnType.STATUS | ColumnType.BOOLEAN:
                return column.option_label(int(value))
            case ColumnType.MULTISELECT:
                labels = (column.option_label(int(each)) for each in str(value).split(","))
                return "; ".join(label for label in labels if label)
            case ColumnType.DATETIME:
                return format_moment(column, str(value))
            case ColumnType.MONEY:
                return f"{self._symbol(stored)}{value:,.{column.precision or 2}f}"
            case ColumnType.INTEGER | ColumnType.BIGINT:
                return f"{int(value):,}"
            case ColumnType.DECIMAL | ColumnType.DOUBLE:
                return f"{value:,.{column.precision or 2}f}"
            case _:
                return None

    def _symbol(self, stored: Mapping[str, Json]) -> str:
        known = _has(stored, "transactioncurrencyid")
        currency = stored["transactioncurrencyid"] if known else None
        if currency is None:
            return "$"
        return self._currency_symbol(str(currency)) or "$"

    def _currency_symbol(self, currency: str) -> str | None:
        key = ("transactioncurrency/symbol", currency)
        if key not in self._names:
            sql = "SELECT currencysymbol FROM transactioncurrency WHERE transactioncurrencyid = ?"
            rows = self._storage.query(sql, (currency,))
            self._names[key] = rows[0][0] if rows else None
        return self._names[key]


def _has(stored: Mapping[str, Json], name: str) -> bool:
    return name in stored.keys()  # noqa: SIM118  an sqlite3.Row iterates over values


def _shape_plain(row: Mapping[str, Json], plan: list[tuple[str, str, Converter | None]]) -> WireRow:
    wire: WireRow = {"@odata.etag": etag_of(row["versionnumber"])}
    for name, column, convert in plan:
        value = row[column]
        wire[name] = convert(value) if convert and value is not None else value
    return wire


def lookup_target(column: ColumnDefinition, stored: Mapping[str, Json]) -> str:
    """The table a lookup's value points to."""
    if column.is_polymorphic:
        return str(stored[type_column(column.logical_name)] or column.targets[0])
    return column.targets[0]


def complete_columns(
    table: TableDefinition, columns: Sequence[ColumnDefinition] | None
) -> tuple[ColumnDefinition, ...]:
    """The columns a row shows: those asked for, the key, and the currency beside an amount."""
    if columns is None:
        return tuple(table.columns_by_wire_name.values())
    shown = {column.logical_name: column for column in columns}
    if any(column.type is ColumnType.MONEY for column in columns):
        currency = table.column("transactioncurrencyid")
        if currency is not None:
            shown.setdefault(currency.logical_name, currency)
    shown.setdefault(table.primary_id, table.columns_by_name[table.primary_id])
    return tuple(shown.values())


def format_moment(column: ColumnDefinition, value: str) -> str:
    """`3/31/2026 2:05 PM`, or the day alone where the column shows only days."""
    moment = datetime.fromisoformat(value)
    shown = f"{moment.month}/{moment.day}/{moment.year}"
    if column.is_date_only or column.format == "DateOnly":
        return shown
    hour = moment.hour % 12 or 12
    return f"{shown} {hour}:{moment.minute:02} {'AM' if moment.hour < 12 else 'PM'}"
