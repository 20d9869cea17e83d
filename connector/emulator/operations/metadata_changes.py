"""RetrieveMetadataChanges: definitions by query, and only what changed since a version stamp.

https://learn.microsoft.com/power-apps/developer/data-platform/query-schema-definitions
"""

import re
from collections.abc import Iterator

from connector.emulator.catalog.table_definition import ColumnDefinition, TableDefinition
from connector.emulator.definitions.documents import (
    Document,
    column_document,
    key_document,
    many_to_one_document,
    option_set_document,
    table_document,
)
from connector.emulator.operations.call import Call, Handler
from connector.emulator.protocol.error_codes import ErrorCode
from connector.emulator.protocol.errors import ODataError, invalid_argument, not_supported
from connector.emulator.protocol.json_shapes import Json, as_list, as_object
from connector.emulator.protocol.messages import Response

_STAMP = re.compile(r"(\d{1,18})!([0-9a-f-]{36})")
_EXPIRED = "Version stamp associated with the client has expired. Please perform a full sync."


def _retrieve_changes(call: Call) -> Response:
    query = as_object(call.operation.parameters.get("Query"))
    if query is None:
        raise invalid_argument("'Query' must be an entity query expression in JSON.")
    stamp = call.operation.parameters.get("ClientVersionStamp")
    tables = _changed_tables(call, _version_in(call, str(stamp)) if stamp else None)
    kept = [table for table in tables if _meets(table_document(table), query.get("Criteria"))]
    version = call.organization.storage.last_version()
    members = {
        "ServerVersionStamp": f"{version}!{_organization_id(call)}",
        "DeletedMetadata": None,
        "EntityMetadata": [_shown(call, table, query) for table in kept],
    }
    return call.answer("RetrieveMetadataChangesResponse", members)


def _changed_tables(call: Call, since: int | None) -> Iterator[TableDefinition]:
    changes = call.organization.metadata_changes
    for table in call.organization.catalog.tables.values():
        if since is None or changes.get(table.logical_name, -1) > since:
            yield table


def _organization_id(call: Call) -> str:
    rows = call.organization.storage.query("SELECT organizationid FROM organization LIMIT 1")
    return str(rows[0][0])


def _version_in(call: Call, stamp: str) -> int:
    found = _STAMP.fullmatch(stamp)
    newest = call.organization.storage.last_version()
    if found is None or found[2] != _organization_id(call) or int(found[1]) > newest:
        raise ODataError(400, ErrorCode.EXPIRED_VERSION_STAMP, _EXPIRED)
    return int(found[1])


def _shown(call: Call, table: TableDefinition, query: dict[str, Json]) -> Document:
    catalog = call.organization.catalog
    document = _properties(table_document(table), query.get("Properties"))
    names = _property_names(query.get("Properties"))
    if names is None or "Attributes" in names:
        document["Attributes"] = _nested(
            [_column(table, column) for column in table.columns], query.get("AttributeQuery")
        )
    relationships = list(catalog.relationships_from(table.logical_name))
    if names is None or "ManyToOneRelationships" in names:
        found = [many_to_one_document(catalog, each) for each in relationships]
        document["ManyToOneRelationships"] = _nested(found, query.get("RelationshipQuery"))
    if names is None or "Keys" in names:
        keys = [key_document(table, key) for key in table.keys]
        document["Keys"] = _nested(keys, query.get("KeyQuery"))
    return document


def _column(table: TableDefinition, column: ColumnDefinition) -> Document:
    document = column_document(table, column)
    options = option_set_document(table, column)
    return {**document, "OptionSet": options} if options else document


def _nested(documents: list[Document], query: Json) -> list[Document]:
    members = as_object(query) or {}
    kept = [document for document in documents if _meets(document, members.get("Criteria"))]
    return [_properties(document, members.get("Properties")) for document in kept]


def _property_names(properties: Json) -> list[str] | None:
    members = as_object(properties)
    if members is None or members.get("AllProperties"):
        return None
    names = as_list(members.get("PropertyNames"))
    return None if names is None else [str(name) for name in names]


def _properties(document: Document, properties: Json) -> Document:
    names = _property_names(properties)
    if names is None:
        return document
    wanted = {*names, "MetadataId", "LogicalName", "@odata.type"}
    return {name: value for name, value in document.items() if name in wanted}


def _meets(document: Document, criteria: Json) -> bool:
    members = as_object(criteria) or {}
    results = [_condition(document, each) for each in as_list(members.get("Conditions")) or []]
    results += [_meets(document, each) for each in as_list(members.get("Filters")) or []]
    if not results:
        return True
    return any(results) if members.get("FilterOperator") == "Or" else all(results)


def _condition(document: Document, condition: Json) -> bool:
    members = as_object(condition)
    if members is None:
        raise invalid_argument("A condition must be an object.")
    wanted = _unwrapped(members.get("Value"))
    shown = _folded(_unwrapped(document.get(str(members.get("PropertyName")))))
    match members.get("ConditionOperator"):
        case "Equals":
            return shown == _folded(wanted)
        case "NotEquals":
            return shown != _folded(wanted)
        case "In":
            return shown in _folded_list(wanted)
        case "NotIn":
            return shown not in _folded_list(wanted)
        case other:
            raise not_supported(f"The condition operator '{other}' is not supported on metadata.")


def _unwrapped(value: Json) -> Json:
    wrapped = as_object(value)
    return value if wrapped is None else wrapped.get("Value")


def _folded(value: Json) -> str:
    return str(value).lower()


def _folded_list(value: Json) -> set[str]:
    listed = as_list(value)
    return {_folded(each) for each in ([value] if listed is None else listed)}


DEFINITION_OPERATIONS: dict[str, tuple[str, Handler]] = {
    "RetrieveMetadataChanges": ("GET", _retrieve_changes)
}
