"""Takes one Web API request to what answers it; every error ends here in Dataverse's shape."""

from dataclasses import dataclass, replace

from connector.emulator.catalog.table_definition import TableDefinition
from connector.emulator.definitions.csdl import metadata_document, service_document
from connector.emulator.definitions.reads import (
    is_definition_path,
    raise_if_written,
    read_definitions,
)
from connector.emulator.operations.registry import run_operation
from connector.emulator.organization.organization import Organization
from connector.emulator.organization.privileges import Privileges
from connector.emulator.protocol.batch import (
    BatchContext,
    InnerRequest,
    InnerResponse,
    parse_batch,
    run_batch,
)
from connector.emulator.protocol.error_codes import ErrorCode
from connector.emulator.protocol.errors import ODataError, bad_query
from connector.emulator.protocol.messages import (
    Request,
    Response,
    empty_response,
    error_response,
    json_response,
)
from connector.emulator.protocol.negotiation import with_metadata_level
from connector.emulator.query.odata.options import QueryOptions, parse_query_options
from connector.emulator.query.odata.path import (
    Resource,
    RowKey,
    parse_path,
    resolve_path,
    unrecognized_path,
)
from connector.emulator.query.odata.plan import Parent
from connector.emulator.resources.row import RowResource, method_not_allowed
from connector.emulator.resources.row_set import CollectionResource, read_expanded
from connector.emulator.rows.bodies import row_not_found

LONGEST_URL = 32_768
LONGEST_BATCHED_URL = 65_536

_HANDLED_METHODS = frozenset({"GET", "HEAD", "POST", "PATCH", "PUT", "DELETE"})


@dataclass(frozen=True, slots=True)
class Router:
    """Answers requests of one organization."""

    organization: Organization
    privileges: Privileges

    def handle(self, request: Request) -> Response:
        """Answer a request; never raises for anything a client can send."""
        try:
            _raise_if_too_long(request, LONGEST_URL)
            if request.path.strip("/") == "$batch":
                return self._batch(request)
            return self._answer(request)
        except ODataError as error:
            return error_response(error, request.preferences)

    def _answer(self, request: Request) -> Response:
        if request.method not in _HANDLED_METHODS:
            raise method_not_allowed(request.method)
        with self.organization.storage.transaction():
            response = self._route(request)
        return _echoed(with_metadata_level(response, request, self.organization.catalog), request)

    def _route(self, request: Request) -> Response:
        path = request.path.strip("/")
        if path == "":
            _raise_unless_get(request)
            return json_response(service_document(self.organization.catalog, request.base))
        if path == "$metadata":
            _raise_unless_get(request)
            return metadata_document(self.organization.catalog, request)
        options = parse_query_options(request.query)
        if is_definition_path(path):
            raise_if_written(request)
            return read_definitions(self.organization, request, options)
        resource = resolve_path(parse_path(path, options.aliases), self.organization.catalog)
        return self._resource(request, options, resource)

    def _resource(self, request: Request, options: QueryOptions, resource: Resource) -> Response:
        if resource.operation is not None:
            return run_operation(self.organization, self.privileges, request, resource)
        if resource.table is None:
            raise bad_query("A reference such as '$1' is known only inside a change set.")
        rows = RowResource(self.organization, self.privileges, request, resource.table)
        if resource.key is None:
            return self._set(request, options, resource, rows)
        if resource.navigation is not None:
            return self._navigation(request, options, resource, rows)
        if resource.column is not None:
            return self._property(request, resource, rows)
        return self._row(request, options, resource.key, rows)

    def _set(
        self, request: Request, options: QueryOptions, resource: Resource, rows: RowResource
    ) -> Response:
        collection = self._collection(request, options, rows.table)
        match request.method, resource.suffix:
            case "GET" | "HEAD", "":
                return collection.read()
            case "GET" | "HEAD", "$count":
                return collection.count()
            case "POST", "":
                return rows.create()
            case _:
                raise method_not_allowed(request.method)

    def _collection(
        self,
        request: Request,
        options: QueryOptions,
        table: TableDefinition,
        parent: Parent | None = None,
    ) -> CollectionResource:
        return CollectionResource(
            self.organization, self.privileges, request, options, table, parent
        )

    def _row(
        self, request: Request, options: QueryOptions, key: RowKey, rows: RowResource
    ) -> Response:
        match request.method:
            case "GET" | "HEAD":
                return self._get_row(request, options, key, rows)
            case "PATCH" | "PUT":
                return rows.patch(key)
            case "DELETE":
                return rows.delete(key)
            case _:
                raise method_not_allowed(request.method)

    def _get_row(
        self, request: Request, options: QueryOptions, key: RowKey, rows: RowResource
    ) -> Response:
        if "$expand" not in options:
            return rows.get(key)
        self.privileges.raise_if_denied(request.caller, "Read", rows.table)
        return self._planned_row(request, options, key, rows)

    def _planned_row(
        self,
        request: Request,
        options: QueryOptions,
        key: RowKey,
        rows: RowResource,
        parent: Parent | None = None,
    ) -> Response:
        row_id = str(rows.find(key)[rows.table.primary_id])
        wire = read_expanded(self.organization, request, options, rows.table, row_id, parent=parent)
        if wire is None:
            raise row_not_found(rows.table, row_id)
        return json_response(wire, 200, (("ETag", str(wire.get("@odata.etag"))),))

    def _property(self, request: Request, resource: Resource, rows: RowResource) -> Response:
        key = resource.key or RowKey()
        match request.method:
            case "GET" | "HEAD":
                return rows.get_property(resource, key)
            case "PUT" | "DELETE" if not resource.suffix:
                return rows.put_property(resource, key)
            case _:
                raise method_not_allowed(request.method)

    def _navigation(
        self, request: Request, options: QueryOptions, resource: Resource, rows: RowResource
    ) -> Response:
        navigation, key = resource.navigation, resource.key
        if navigation is None or key is None:
            raise bad_query("The path names no row.")
        reads = request.method in ("GET", "HEAD")
        if resource.suffix == "$ref" and not (reads and navigation.is_collection):
            return rows.references(resource, key)
        is_whole = not resource.suffix and resource.target_key is None
        if request.method == "POST" and navigation.is_collection and is_whole:
            return rows.create_below(navigation, key)
        if not reads:
            raise method_not_allowed(request.method)
        parent_row = rows.find(key)
        if navigation.is_collection:
            parent = Parent(navigation, str(parent_row[rows.table.primary_id]))
            return self._collection_below(request, options, resource, parent)
        return self._related_row(request, options, resource, parent_row)

    def _collection_below(
        self, request: Request, options: QueryOptions, resource: Resource, parent: Parent
    ) -> Response:
        target = self.organization.catalog.tables[parent.navigation.target]
        collection = self._collection(request, options, target, parent)
        match resource.suffix, resource.target_key:
            case "$count", None:
                return collection.count()
            case "$ref", None:
                return collection.references()
            case "", None:
                return collection.read()
            case "", RowKey() as key:
                self.privileges.raise_if_denied(request.caller, "Read", target)
                rows = RowResource(self.organization, self.privileges, request, target)
                return self._planned_row(request, options, key, rows, parent)
            case _:
                raise unrecognized_path()

    def _related_row(
        self,
        request: Request,
        options: QueryOptions,
        resource: Resource,
        parent_row: dict[str, str | int | float | None],
    ) -> Response:
        navigation = resource.navigation
        if navigation is None:
            raise bad_query("The path names no navigation property.")
        value = parent_row[navigation.column]
        kind = parent_row.get(f"{navigation.column}__type") or navigation.target
        if value is None or kind not in navigation.targets:
            return empty_response()
        table = self.organization.catalog.tables[str(kind)]
        rows = RowResource(self.organization, self.privileges, request, table)
        key = RowKey(id=str(value))
        if resource.column is not None:
            return rows.get_property(resource, key)
        return self._get_row(request, options, key, rows)

    def _batch(self, request: Request) -> Response:
        if request.method != "POST":
            raise method_not_allowed(request.method)
        items = parse_batch(request.header("content-type") or "", request.body)
        context = BatchContext(
            execute=lambda inner: self._run_inner(request, inner),
            transaction=self.organization.storage.transaction,
            new_id=self.organization.new_id,
        )
        outer = run_batch(items, context, continue_on_error=request.preferences.continue_on_error)
        headers = (("Content-Type", outer.content_type), ("OData-Version", "4.0"))
        return _echoed(Response(outer.status, headers, outer.body), request)

    def _run_inner(self, outer: Request, inner: InnerRequest) -> InnerResponse:
        path, _, query = inner.target.partition("?")
        request = replace(outer, method=inner.method, path=path, query=query)
        request = replace(request, headers=inner.headers, body=inner.body)
        response = self._guarded(request)
        return InnerResponse(
            status=response.status,
            headers=response.headers,
            body=response.body,
            entity_url=response.header("OData-EntityId"),
        )

    def _guarded(self, request: Request) -> Response:
        try:
            _raise_if_too_long(request, LONGEST_BATCHED_URL)
            return self._answer(request)
        except ODataError as error:
            return error_response(error, request.preferences)


def _echoed(response: Response, request: Request) -> Response:
    """The answer with the preferences that were applied, unless it tells them already."""
    applied = request.preferences.applied
    if not applied or response.header("Preference-Applied") is not None:
        return response
    return response.with_header("Preference-Applied", ", ".join(applied))


def _raise_if_too_long(request: Request, limit: int) -> None:
    if len(request.path) + len(request.query) > limit:
        raise ODataError(414, ErrorCode.BAD_REQUEST_URL, "The request URI is too long.")


def _raise_unless_get(request: Request) -> None:
    if request.method not in ("GET", "HEAD"):
        raise method_not_allowed(request.method)
