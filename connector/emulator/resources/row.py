"""Single rows over HTTP: GET, POST, PATCH, PUT, DELETE, `$ref`, single properties."""

from dataclasses import dataclass, replace

from connector.emulator.catalog.relationships import Navigation
from connector.emulator.catalog.table_definition import TableDefinition
from connector.emulator.organization.organization import Organization
from connector.emulator.organization.privileges import Privileges
from connector.emulator.protocol.error_codes import ErrorCode
from connector.emulator.protocol.errors import ODataError, bad_query
from connector.emulator.protocol.json_shapes import Json
from connector.emulator.protocol.messages import Request, Response, empty_response, json_response
from connector.emulator.query.odata.options import QueryOptions, parse_query_options
from connector.emulator.query.odata.path import Resource, RowKey
from connector.emulator.resources.preconditions import (
    already_exists,
    current_etag,
    if_match,
    if_none_match_any,
    is_unchanged,
    raise_if_stale,
)
from connector.emulator.resources.selecting import context_url, select_columns, selected_names
from connector.emulator.rows.bodies import (
    Changes,
    Reference,
    bind_lookup,
    clear_lookup,
    find_row,
    find_row_id,
    key_values,
    resolve_reference,
    row_not_found,
)
from connector.emulator.rows.shaping import RowShaper, wire_value
from connector.emulator.rows.values import payload_error, read_value
from connector.emulator.rows.writes import Writer
from connector.emulator.storage.database import StoredRow


def method_not_allowed(method: str) -> ODataError:
    """405 for a verb that the resource does not take."""
    return ODataError(
        405,
        ErrorCode.BAD_REQUEST_URL,
        f"The requested resource does not support http method '{method}'.",
    )


@dataclass(frozen=True, slots=True)
class RowResource:
    """One request to one row (or to create one)."""

    organization: Organization
    privileges: Privileges
    request: Request
    table: TableDefinition

    @property
    def writer(self) -> Writer:
        """Writes as the caller."""
        return Writer(self.organization, self.privileges, self.request.caller)

    def options(self) -> QueryOptions:
        """The query options."""
        return parse_query_options(self.request.query)

    def url(self, row_id: str) -> str:
        """The row's canonical URL."""
        return f"{self.request.base}/{self.table.entity_set}({row_id})"

    def find(self, key: RowKey) -> StoredRow:
        """The row; raises 404 when it is not there."""
        row = find_row(self.organization, self.table, key)
        if row is None:
            find_row_id(self.organization, self.table, key)
            raise row_not_found(self.table, key.id or "")
        self.privileges.raise_unless_covered(self.request.caller, "Read", self.table, row)
        return row

    def represent(self, row_id: str, status: int) -> Response:
        """The row as the answer to a write that asked for it."""
        row = self.organization.storage.fetch_row(self.table, row_id)
        if row is None:
            raise row_not_found(self.table, row_id)
        select = self.options().get("$select")
        columns = select_columns(self.organization.catalog, self.table, select)
        names = selected_names(select)
        context = context_url(self.request.base, self.table, names)
        shaper = RowShaper(self.organization.storage, self.request.preferences)
        headers = (("ETag", current_etag(row)), ("Location", self.url(row_id)))
        wire = shaper.shape(self.table, row, columns)
        document = {"@odata.context": f"{context}/$entity", **wire}
        return json_response(document, status, headers[: 2 if status == 201 else 1])

    def created(self, row_id: str) -> Response:
        """204 with the new row's URL, or 201 with the row."""
        if self.request.preferences.return_representation:
            return self.represent(row_id, 201)
        return self._done(row_id)

    def _done(self, row_id: str) -> Response:
        url = self.url(row_id)
        row = self.organization.storage.fetch_row(self.table, row_id)
        etag = (("ETag", current_etag(row)),) if row is not None else ()
        return empty_response((("Location", url), ("OData-EntityId", url), *etag))

    def create(self) -> Response:
        """POST to the set."""
        return self.created(self.writer.create(self.table, self.request.json_object()))

    def create_below(self, navigation: Navigation, key: RowKey) -> Response:
        """POST to a row's collection: create a row and put it there."""
        parent_id = str(self.find(key)[self.table.primary_id])
        target = self.organization.catalog.tables[navigation.target]
        new_id = self.writer.create(target, self.request.json_object())
        self.writer.link(self.table, parent_id, navigation, Reference(target, new_id))
        return replace(self, table=target).created(new_id)

    def patch(self, key: RowKey) -> Response:
        """PATCH: update, or create when the row is missing and `If-Match` does not forbid it.

        https://learn.microsoft.com/power-apps/developer/data-platform/webapi/perform-conditional-operations-using-web-api
        """
        body = self.request.json_object()
        row = find_row(self.organization, self.table, key)
        if row is None:
            return self._upsert(key, body)
        if if_none_match_any(self.request):
            raise already_exists()
        raise_if_stale(self.table, self.request, row)
        self.writer.update(self.table, row, body)
        row_id = str(row[self.table.primary_id])
        if self.request.preferences.return_representation:
            return self.represent(row_id, 200)
        return self._done(row_id)

    def _upsert(self, key: RowKey, body: dict[str, Json]) -> Response:
        if if_match(self.request) is not None:
            find_row_id(self.organization, self.table, key)
        columns = key_values(self.table, key) if key.id is None else None
        new_id = self.writer.create(self.table, body, row_id=key.id, key_columns=columns)
        return self.created(new_id)

    def delete(self, key: RowKey) -> Response:
        """DELETE the row."""
        row = self.find(key)
        raise_if_stale(self.table, self.request, row)
        self.writer.delete(self.table, row)
        return empty_response()

    def get(self, key: RowKey) -> Response:
        """GET the row."""
        self.privileges.raise_if_denied(self.request.caller, "Read", self.table)
        row = self.find(key)
        if is_unchanged(self.request, row) and not self.request.preferences.annotations:
            return Response(304, (("ETag", current_etag(row)), ("OData-Version", "4.0")))
        select = self.options().get("$select")
        columns = select_columns(self.organization.catalog, self.table, select)
        names = selected_names(select)
        shaper = RowShaper(self.organization.storage, self.request.preferences)
        context = f"{context_url(self.request.base, self.table, names)}/$entity"
        document = {"@odata.context": context, **shaper.shape(self.table, row, columns)}
        return json_response(document, 200, (("ETag", current_etag(row)),))

    def get_property(self, resource: Resource, key: RowKey) -> Response:
        """GET one value: `{"@odata.context":…,"value":…}`, 204 when it is null."""
        column = resource.column
        if column is None:
            raise bad_query("The path names no property.")
        self.privileges.raise_if_denied(self.request.caller, "Read", self.table)
        row = self.find(key)
        value = wire_value(column, row[column.logical_name])
        if value is None:
            return empty_response()
        if resource.suffix == "$value":
            headers = (("Content-Type", "text/plain"), ("OData-Version", "4.0"))
            return Response(200, headers, str(value).encode())
        entity = f"{self.table.entity_set}({row[self.table.primary_id]})/{column.wire_name}"
        return json_response(
            {"@odata.context": f"{self.request.base}/$metadata#{entity}", "value": value}
        )

    def put_property(self, resource: Resource, key: RowKey) -> Response:
        """PUT or DELETE one value."""
        column = resource.column
        if column is None or column.type.is_lookup or not column.valid_for_update:
            raise bad_query("This property cannot be set on its own.")
        row = self.find(key)
        raise_if_stale(self.table, self.request, row)
        changes = Changes()
        changes.values[column.logical_name] = read_value(self.table, column, self._new_value())
        changes.touched.add(column.logical_name)
        self.writer.apply(self.table, row, changes)
        return empty_response()

    def _new_value(self) -> Json:
        if self.request.method == "DELETE":
            return None
        body = self.request.json_object()
        if "value" not in body:
            raise payload_error(self.table, "A property is set by a body with the member 'value'.")
        return body["value"]

    def references(self, resource: Resource, key: RowKey) -> Response:
        """`nav/$ref`: PUT sets, POST adds, DELETE removes, GET shows the reference."""
        navigation = resource.navigation
        if navigation is None:
            raise bad_query("The path names no navigation property.")
        row = self.find(key)
        match self.request.method:
            case "GET" | "HEAD":
                return self._get_reference(navigation, row)
            case "PUT" if not navigation.is_collection:
                return self._set_reference(navigation, row)
            case "POST" if navigation.is_collection:
                target = self._body_reference(navigation)
                self.writer.link(self.table, str(row[self.table.primary_id]), navigation, target)
                return empty_response()
            case "DELETE":
                return self._delete_reference(resource, navigation, row)
            case _:
                raise method_not_allowed(self.request.method)

    def _get_reference(self, navigation: Navigation, row: StoredRow) -> Response:
        value = row[navigation.column]
        if value is None:
            return empty_response()
        kind = row.get(f"{navigation.column}__type") or navigation.target
        target = self.organization.catalog.tables[str(kind)]
        base = self.request.base
        return json_response(
            {
                "@odata.context": f"{base}/$metadata#$ref",
                "@odata.id": f"{base}/{target.entity_set}({value})",
            }
        )

    def _body_reference(self, navigation: Navigation) -> Reference:
        uri = self.request.json_object().get("@odata.id")
        if not isinstance(uri, str):
            raise bad_query("The body of a $ref request needs '@odata.id'.")
        return resolve_reference(self.organization, self.table, navigation, uri)

    def _set_reference(self, navigation: Navigation, row: StoredRow) -> Response:
        raise_if_stale(self.table, self.request, row)
        changes = Changes()
        bind_lookup(self.table, navigation, self._body_reference(navigation), changes)
        self.writer.apply(self.table, row, changes)
        return empty_response()

    def _delete_reference(
        self, resource: Resource, navigation: Navigation, row: StoredRow
    ) -> Response:
        row_id = str(row[self.table.primary_id])
        if not navigation.is_collection:
            changes = Changes()
            clear_lookup(self.table, navigation, changes)
            self.writer.apply(self.table, row, changes)
            return empty_response()
        uri = self.options().get("$id")
        if resource.target_key is not None:
            target = self.organization.catalog.tables[navigation.target]
            found = Reference(target, find_row_id(self.organization, target, resource.target_key))
        elif uri is not None:
            found = resolve_reference(self.organization, self.table, navigation, uri)
        else:
            raise bad_query("Removing a reference from a collection needs the member's key or $id.")
        self.writer.unlink(row_id, navigation, found)
        return empty_response()
