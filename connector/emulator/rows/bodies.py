"""Request bodies as changes to a row.

A body holds plain columns, lookups to bind or clear, and rows to create along. Whether the changes
are allowed is decided in `writes`.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from connector.emulator.catalog.relationships import Navigation, NavigationKind
from connector.emulator.catalog.table_definition import ColumnDefinition, TableDefinition
from connector.emulator.organization.organization import Organization
from connector.emulator.protocol.error_codes import ErrorCode
from connector.emulator.protocol.errors import ODataError
from connector.emulator.protocol.json_shapes import Json, as_list, as_object
from connector.emulator.query.odata.path import RowKey, resolve_uri
from connector.emulator.query.sql.syntax import Literal, LiteralKind
from connector.emulator.rows.values import payload_error, read_value
from connector.emulator.storage.database import StoredRow, StoredValue
from connector.emulator.storage.sql_names import type_column

_NO_DIRECT_UPDATE = (
    "CRM do not support direct update of Entity Reference properties, "
    "Use Navigation properties instead."
)


@dataclass(frozen=True, slots=True)
class Reference:
    """A row of a table."""

    table: TableDefinition
    id: str


@dataclass(slots=True)
class Changes:
    """What a body asks for.

    `values` are stored values by SQL column, lookups and their types included; `touched` are the
    logical names given. `created` are rows to create and bind (N:1), `members` rows to create below
    the new row, `linked` rows to attach to it, each with its navigation property.
    """

    values: dict[str, StoredValue] = field(default_factory=dict[str, StoredValue])
    touched: set[str] = field(default_factory=set[str])
    created: list[tuple[Navigation, dict[str, Json]]] = field(
        default_factory=list[tuple[Navigation, dict[str, Json]]]
    )
    members: list[tuple[Navigation, dict[str, Json]]] = field(
        default_factory=list[tuple[Navigation, dict[str, Json]]]
    )
    linked: list[tuple[Navigation, Reference]] = field(
        default_factory=list[tuple[Navigation, Reference]]
    )


def row_not_found(table: TableDefinition, row_id: str) -> ODataError:
    """404 for an id that names no row."""
    return ODataError(
        404,
        ErrorCode.OBJECT_DOES_NOT_EXIST,
        f"{table.logical_name} With Id = {row_id} Does Not Exist",
    )


def read_changes(
    organization: Organization, table: TableDefinition, body: Mapping[str, Json], *, creating: bool
) -> Changes:
    """Read a body; raises ODataError for what is undeclared, wrong or not there to bind.

    Columns that only the server sets are left out silently.
    https://learn.microsoft.com/power-apps/developer/data-platform/webapi/associate-disassociate-entities-using-web-api
    """
    _raise_if_of_another_type(table, body.get("@odata.type"))
    reader = _BodyReader(organization, table, creating)
    reader.read(body)
    return reader.changes


def _raise_if_of_another_type(table: TableDefinition, kind: object) -> None:
    expected = f"Microsoft.Dynamics.CRM.{table.logical_name}"
    if kind is not None and str(kind).removeprefix("#") != expected:
        raise payload_error(
            table,
            f"A resource with type '{str(kind)[:200]}' was found, but it is not assignable to the "
            f"expected type '{expected}'.",
        )


@dataclass(frozen=True, slots=True)
class _BodyReader:
    organization: Organization
    table: TableDefinition
    creating: bool
    changes: Changes = field(default_factory=Changes)

    def read(self, body: Mapping[str, Json]) -> None:
        for name, value in body.items():
            stem, at, annotation = name.partition("@")
            if not at:
                self._read_property(name, value)
            elif stem and annotation == "odata.bind":
                self._read_bind(stem, value)
            elif stem and stem not in body:
                raise _undeclared_annotation(self.table, stem)

    def _navigation(self, name: str) -> Navigation | None:
        return self.organization.catalog.navigation(self.table.logical_name, name)

    def _read_property(self, name: str, value: Json) -> None:
        navigation = self._navigation(name)
        if navigation is not None:
            self._read_navigation(navigation, value)
            return
        column = self.table.column(name)
        if column is None or not column.is_stored or column.type.is_lookup:
            raise _unknown_property(self.table, name)
        if self._is_settable(column):
            self.changes.values[name] = read_value(self.table, column, value)
            self.changes.touched.add(name)

    def _is_settable(self, column: ColumnDefinition) -> bool:
        allowed = column.valid_for_create if self.creating else column.valid_for_update
        return allowed or column.logical_name == self.table.primary_id

    def _read_navigation(self, navigation: Navigation, value: Json) -> None:
        if navigation.kind is NavigationKind.LOOKUP and value is None:
            clear_lookup(self.table, navigation, self.changes)
            return
        if not self.creating:
            raise payload_error(
                self.table,
                f"The navigation property '{navigation.name}' cannot carry rows in an update. "
                "Bind it with @odata.bind, or create the related row on its own.",
            )
        rows = self.changes.members if navigation.is_collection else self.changes.created
        rows.extend((navigation, row) for row in _nested_rows(self.table, navigation, value))

    def _read_bind(self, name: str, value: Json) -> None:
        navigation = self._navigation(name)
        if navigation is None:
            raise _undeclared_annotation(self.table, name)
        for uri in _bound_uris(self.table, navigation, value):
            reference = resolve_reference(self.organization, self.table, navigation, uri)
            if navigation.is_collection:
                self.changes.linked.append((navigation, reference))
            else:
                bind_lookup(self.table, navigation, reference, self.changes)


def _nested_rows(
    table: TableDefinition, navigation: Navigation, value: Json
) -> list[dict[str, Json]]:
    listed = as_list(value) if navigation.is_collection else [value]
    rows = [row for each in listed or () if (row := as_object(each)) is not None]
    if listed is None or (not rows and not navigation.is_collection):
        raise payload_error(
            table, f"The value of the navigation property '{navigation.name}' has the wrong shape."
        )
    if len(rows) != len(listed):
        raise payload_error(table, f"The members of '{navigation.name}' must be objects.")
    return rows


def _bound_uris(table: TableDefinition, navigation: Navigation, value: Json) -> Iterator[str]:
    if value is None:
        raise payload_error(
            table,
            "The 'odata.bind' instance or property annotation has a null value. In OData, the "
            "'odata.bind' instance or property annotation must have a non-null string value.",
        )
    listed = as_list(value) if navigation.is_collection else None
    for uri in [value] if listed is None else listed:
        if not isinstance(uri, str):
            raise payload_error(table, "The value of 'odata.bind' must be a string.")
        yield uri


def _unknown_property(table: TableDefinition, name: str) -> ODataError:
    if name in table.columns_by_wire_name and name.startswith("_"):
        return ODataError(400, ErrorCode.BAD_PAYLOAD, _NO_DIRECT_UPDATE)
    return payload_error(
        table,
        f"The property '{name}' does not exist on type "
        f"'Microsoft.Dynamics.CRM.{table.logical_name}'. "
        "Make sure to only use property names that are defined by the type.",
    )


def _undeclared_annotation(table: TableDefinition, name: str) -> ODataError:
    return payload_error(
        table,
        f"An undeclared property '{name}' which only has property annotations in the payload but "
        "no property value was found in the payload. In OData, only declared navigation "
        "properties and declared named streams can be represented as properties without values.",
    )


def clear_lookup(table: TableDefinition, navigation: Navigation, changes: Changes) -> None:
    """Set a lookup to null; an owner cannot be cleared."""
    column = table.columns_by_name[navigation.column]
    if column.is_required and column.logical_name == "ownerid":
        raise ODataError(400, ErrorCode.INVALID_OWNER_ID, "The owner of a record cannot be empty.")
    set_lookup(column, None, changes)


def bind_lookup(
    table: TableDefinition, navigation: Navigation, reference: Reference, changes: Changes
) -> None:
    """Point a lookup to a row."""
    set_lookup(table.columns_by_name[navigation.column], reference, changes)


def set_lookup(column: ColumnDefinition, reference: Reference | None, changes: Changes) -> None:
    """Point a lookup to a row, or to none."""
    changes.touched.add(column.logical_name)
    changes.values[column.logical_name] = reference.id if reference else None
    if column.is_polymorphic:
        name = type_column(column.logical_name)
        changes.values[name] = reference.table.logical_name if reference else None


def resolve_reference(
    organization: Organization, table: TableDefinition, navigation: Navigation, uri: str
) -> Reference:
    """The row that a URI names; it must exist and fit the property, or ODataError is raised."""
    found = _parse_reference(organization, uri)
    if found is None or found[0].logical_name not in navigation.targets:
        raise payload_error(
            table,
            f"The URI '{uri[:200]}' is not a valid reference for the navigation property "
            f"'{navigation.name}', which leads to {' or '.join(navigation.targets)}.",
        )
    target, key = found
    return Reference(target, find_row_id(organization, target, key))


def _parse_reference(organization: Organization, uri: str) -> tuple[TableDefinition, RowKey] | None:
    try:
        resource = resolve_uri(uri, organization.catalog)
    except ODataError as error:
        if error.code == ErrorCode.BAD_PAYLOAD or "key in the request" in error.message:
            raise
        return None
    if resource.table is None or resource.key is None or resource.navigation or resource.suffix:
        return None
    return resource.table, resource.key


def find_row_id(organization: Organization, table: TableDefinition, key: RowKey) -> str:
    """The id of the row a key names; raises 404 when there is none."""
    row = find_row(organization, table, key)
    if row is not None:
        return str(row[table.primary_id])
    if key.id is not None:
        raise row_not_found(table, key.id)
    message = (
        f"A record with the specified key values does not exist in {table.logical_name} entity"
    )
    raise ODataError(404, ErrorCode.RECORD_NOT_FOUND_BY_ENTITY_KEY, message)


def find_row(organization: Organization, table: TableDefinition, key: RowKey) -> StoredRow | None:
    """The row a primary or alternate key names, None when there is none."""
    if key.id is not None:
        return organization.storage.fetch_row(table, key.id)
    rows = organization.storage.fetch_rows_where(table, key_values(table, key))
    return rows[0] if rows else None


def key_values(table: TableDefinition, key: RowKey) -> dict[str, StoredValue]:
    """The stored values an alternate key asks for."""
    return {
        name: _key_value(table, table.columns_by_name[name], literal)
        for name, literal in key.columns
    }


def _key_value(table: TableDefinition, column: ColumnDefinition, literal: Literal) -> StoredValue:
    if column.type.is_lookup or literal.kind is LiteralKind.GUID:
        return str(literal.value).lower()
    plain = literal.kind in (LiteralKind.STRING, LiteralKind.INTEGER, LiteralKind.BOOLEAN)
    return read_value(table, column, literal.value if plain else literal.text)
