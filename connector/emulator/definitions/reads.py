"""Reads of `EntityDefinitions`, `RelationshipDefinitions` and `GlobalOptionSetDefinitions`.

The documents themselves are built in `documents`.
"""

from dataclasses import dataclass

from connector.emulator.catalog.catalog import Catalog
from connector.emulator.catalog.table_definition import ColumnDefinition, TableDefinition
from connector.emulator.definitions.documents import (
    Document,
    attribute_class,
    column_document,
    column_id,
    key_document,
    many_to_many_document,
    many_to_one_document,
    option_set_document,
    table_document,
)
from connector.emulator.definitions.filters import (
    filter_by_node,
    filter_documents,
    parse_names,
    select_members,
)
from connector.emulator.organization.organization import Organization
from connector.emulator.protocol.error_codes import ErrorCode
from connector.emulator.protocol.errors import ODataError, bad_query, not_supported
from connector.emulator.protocol.guids import EMPTY_GUID
from connector.emulator.protocol.json_shapes import Json
from connector.emulator.protocol.messages import Request, Response, json_response, number_response
from connector.emulator.query.odata.options import QueryOptions
from connector.emulator.query.odata.path import NAMESPACE, Segment, parse_path, unrecognized_path
from connector.emulator.query.odata.selection import parse_expand
from connector.emulator.query.sql.syntax import ExpandItem

_ROOTS = ("EntityDefinitions", "GlobalOptionSetDefinitions", "RelationshipDefinitions")
_REFUSED = ("$skiptoken", "$deltatoken", "$apply", "$top", "$orderby")
_COLLECTIONS = (
    "Attributes",
    "Keys",
    "ManyToOneRelationships",
    "OneToManyRelationships",
    "ManyToManyRelationships",
)


def is_definition_path(path: str) -> bool:
    """Whether a path belongs to metadata."""
    return path.split("(", 1)[0].split("/", 1)[0] in _ROOTS


@dataclass(frozen=True, slots=True)
class _Reading:
    """One request: where it goes, and how to answer it."""

    catalog: Catalog
    base: str
    options: QueryOptions
    counts: bool = False

    def respond_many(self, documents: list[Document], path: str, always: str) -> Response:
        """A collection of documents, filtered, selected and expanded."""
        kept = filter_documents(documents, self.options.get("$filter"), self.options.aliases)
        if self.counts:
            return number_response(len(kept))
        names = parse_names(self.options.get("$select"))
        shown = [self._finish(each, names, always) for each in kept]
        document: Document = {"@odata.context": f"{self.base}/$metadata#{path}"}
        if self.options.get("$count") == "true":
            document["@odata.count"] = len(shown)
        return json_response({**document, "value": shown})

    def respond_one(self, document: Document, path: str, always: str) -> Response:
        """One document."""
        if self.counts:
            raise unrecognized_path()
        names = parse_names(self.options.get("$select"))
        shown = self._finish(document, names, always)
        context = f"{self.base}/$metadata#{path}/$entity"
        return json_response({"@odata.context": context, **shown})

    def _finish(self, document: Document, names: list[str] | None, always: str) -> Document:
        shown = select_members(document, names, always)
        text = self.options.get("$expand")
        for item in parse_expand(text) if text else ():
            shown[item.navigation] = self._expanded(document, item)
        return shown

    def _expanded(self, document: Document, item: ExpandItem) -> Json:
        table = self.catalog.table(str(document.get("EntityLogicalName", "")))
        if table is not None:
            column = table.column(str(document.get("LogicalName")))
            return self._expanded_options(table, column, item)
        table = self.catalog.table(str(document.get("LogicalName", "")))
        if table is None:
            raise bad_query(f"'{item.navigation}' cannot be expanded here.")
        documents = _collection(self.catalog, table, item.navigation)
        kept = filter_by_node(documents, item.filter)
        return [select_members(each, _selected(item), "MetadataId") for each in kept]

    def _expanded_options(
        self, table: TableDefinition, column: ColumnDefinition | None, item: ExpandItem
    ) -> Json:
        if item.navigation not in ("OptionSet", "GlobalOptionSet") or column is None:
            raise bad_query(f"'{item.navigation}' cannot be expanded here.")
        if item.navigation == "GlobalOptionSet":
            return None
        found = option_set_document(table, column)
        return select_members(found, _selected(item), "MetadataId") if found else None


def _selected(item: ExpandItem) -> list[str] | None:
    return None if item.select is None else ["/".join(name.path) for name in item.select]


def raise_if_written(request: Request) -> None:
    """501 for a change of metadata: the emulator's tables are what its program says."""
    if request.method not in ("GET", "HEAD"):
        raise not_supported(
            f"Changing metadata ({request.method} {request.path[:200]}) is not served by the "
            "emulator."
        )


def read_definitions(
    organization: Organization, request: Request, options: QueryOptions
) -> Response:
    """Answer a GET of metadata; raises ODataError for what is not there or not supported."""
    for name in _REFUSED:
        if name in options:
            raise bad_query(f"The query parameter {name} is not supported")
    path = request.path.strip("/").removesuffix("/$count")
    segments = parse_path(path, options.aliases)
    counts = request.path.strip("/") != path
    reading = _Reading(organization.catalog, request.base, options, counts)
    root = segments[0].name if segments else ""
    return _ROOT_READS.get(root, _read_global_options)(reading, segments)


def _read_tables(reading: _Reading, segments: tuple[Segment, ...]) -> Response:
    first, rest = segments[0], segments[1:]
    if first.arguments:
        return _read_table(reading, _find_table(reading.catalog, first), rest)
    if rest:
        raise unrecognized_path()
    documents = [table_document(table) for table in reading.catalog.tables.values()]
    return reading.respond_many(documents, "EntityDefinitions", "MetadataId")


def _read_table(reading: _Reading, table: TableDefinition, rest: tuple[Segment, ...]) -> Response:
    if not rest:
        return reading.respond_one(table_document(table), "EntityDefinitions", "MetadataId")
    path = f"EntityDefinitions({table.metadata_id})/{rest[0].name}"
    if rest[0].name == "Attributes":
        return _read_columns(reading, table, rest, path)
    if rest[0].name in _COLLECTIONS:
        documents = _collection(reading.catalog, table, rest[0].name)
        return _read_listed(reading, documents, rest, path)
    return _read_member(reading, table_document(table), rest, path)


def _read_listed(
    reading: _Reading, documents: list[Document], rest: tuple[Segment, ...], path: str
) -> Response:
    """A collection, one cast of it, or one member by name."""
    first, more = rest[0], list(rest[1:])
    if more and more[0].is_qualified:
        kind = f"#{NAMESPACE}{more.pop(0).operation}"
        documents = [each for each in documents if each.get("@odata.type", kind) == kind]
    if more:
        raise unrecognized_path()
    if not first.arguments:
        return reading.respond_many(documents, path, "MetadataId")
    wanted = {first.arguments[0].name or "MetadataId": first.arguments[0].literal.value}
    for document in documents:
        if wanted.items() <= document.items():
            return reading.respond_one(document, path, "MetadataId")
    raise ODataError(404, ErrorCode.BAD_REQUEST_URL, f"Could not find {path} by that name.")


def _read_member(
    reading: _Reading, document: Document, rest: tuple[Segment, ...], path: str
) -> Response:
    """One property of a table's definition."""
    if len(rest) != 1 or rest[0].arguments or rest[0].name not in document or reading.counts:
        raise unrecognized_path()
    context = f"{reading.base}/$metadata#{path}"
    return json_response({"@odata.context": context, "value": document[rest[0].name]})


def _find_table(catalog: Catalog, segment: Segment) -> TableDefinition:
    name = segment.argument("LogicalName")
    key = segment.arguments[0].literal.value if segment.arguments else None
    found = _by_id(catalog, str(key)) if name is None else catalog.table(str(name.value))
    if found is not None:
        return found
    wanted = name.value if name is not None else key
    message = f"Could not find an entity with name {wanted} and id {EMPTY_GUID} in the "
    raise ODataError(404, ErrorCode.BAD_REQUEST_URL, f"{message}MetadataCache.")


def _by_id(catalog: Catalog, metadata_id: str) -> TableDefinition | None:
    tables = catalog.tables.values()
    return next((each for each in tables if each.metadata_id == metadata_id.lower()), None)


def _collection(catalog: Catalog, table: TableDefinition, name: str) -> list[Document]:
    logical_name = table.logical_name
    match name:
        case "Attributes":
            return [column_document(table, column) for column in table.columns]
        case "Keys":
            return [key_document(table, key) for key in table.keys]
        case "ManyToOneRelationships":
            found = catalog.relationships_from(logical_name)
            return [many_to_one_document(catalog, each) for each in found]
        case "OneToManyRelationships":
            found = catalog.relationships_to(logical_name)
            return [many_to_one_document(catalog, each) for each in found]
        case "ManyToManyRelationships":
            pairs = catalog.many_to_many
            mine = [each for each in pairs if logical_name in (each.table1, each.table2)]
            return [many_to_many_document(each) for each in mine]
        case _:
            raise not_supported(f"'{name}' of a table's definition is not served.")


def _read_columns(
    reading: _Reading, table: TableDefinition, rest: tuple[Segment, ...], path: str
) -> Response:
    first, *more = rest
    cast = more.pop(0).operation if more and more[0].is_qualified else None
    if first.arguments:
        return _read_column(reading, table, _cast_column(table, first, cast), more, path)
    if more:
        raise unrecognized_path()
    columns = [column for column in table.columns if _is_cast(column, cast)]
    documents = [column_document(table, column) for column in columns]
    shown = f"{path}/{NAMESPACE}{cast}" if cast else path
    return reading.respond_many(documents, shown, "MetadataId")


def _cast_column(table: TableDefinition, segment: Segment, cast: str | None) -> ColumnDefinition:
    column = _find_column(table, segment)
    if not _is_cast(column, cast):
        message = f"The column '{column.logical_name}' is no {cast}."
        raise ODataError(404, ErrorCode.BAD_REQUEST_URL, message)
    return column


def _read_column(
    reading: _Reading,
    table: TableDefinition,
    column: ColumnDefinition,
    rest: list[Segment],
    path: str,
) -> Response:
    if not rest:
        return reading.respond_one(column_document(table, column), path, "MetadataId")
    found = option_set_document(table, column)
    if len(rest) != 1 or rest[0].name not in ("OptionSet", "GlobalOptionSet") or found is None:
        raise unrecognized_path()
    return reading.respond_one(found, "OptionSetMetadata", "MetadataId")


def _is_cast(column: ColumnDefinition, cast: str | None) -> bool:
    if cast == "EnumAttributeMetadata":
        return column.type.is_choice
    return cast is None or cast in (attribute_class(column), "AttributeMetadata")


def _find_column(table: TableDefinition, segment: Segment) -> ColumnDefinition:
    name = segment.argument("LogicalName")
    found = _by_key(table, segment) if name is None else table.column(str(name.value))
    if found is not None:
        return found
    shown = name.value if name is not None else EMPTY_GUID
    message = f"Could not find an attribute with specified name: {shown} on entity "
    raise ODataError(404, ErrorCode.BAD_REQUEST_URL, message + table.logical_name)


def _by_key(table: TableDefinition, segment: Segment) -> ColumnDefinition | None:
    key = str(segment.arguments[0].literal.value).lower() if segment.arguments else ""
    return next((column for column in table.columns if column_id(table, column) == key), None)


def _read_relationships(reading: _Reading, segments: tuple[Segment, ...]) -> Response:
    catalog = reading.catalog
    documents = [many_to_one_document(catalog, each) for each in catalog.many_to_one]
    documents += [many_to_many_document(each) for each in catalog.many_to_many]
    return _read_listed(reading, documents, segments, "RelationshipDefinitions")


def _read_global_options(reading: _Reading, segments: tuple[Segment, ...]) -> Response:
    first, *rest = segments
    if rest:
        raise unrecognized_path()
    name = first.argument("Name")
    if not first.arguments:
        return reading.respond_many([], "GlobalOptionSetDefinitions", "MetadataId")
    shown = name.value if name is not None else first.arguments[0].literal.value
    raise ODataError(
        404, ErrorCode.BAD_REQUEST_URL, f"Could not find an optionset with name or id '{shown}'."
    )


_ROOT_READS = {"EntityDefinitions": _read_tables, "RelationshipDefinitions": _read_relationships}
