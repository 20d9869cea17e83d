"""An OpenAPI 3.0 document made from a service's `$metadata` (CSDL XML), for request generators.

Covers what OData clients do with sets and rows: query options, single properties, navigation,
references, counts. Knows no particular service.
"""

from collections.abc import Iterator
from typing import Any
from xml.etree import ElementTree as ET

Document = dict[str, Any]

EDM = "{http://docs.oasis-open.org/odata/ns/edm}"
_SCALARS: dict[str, Document] = {
    "Edm.Boolean": {"type": "boolean"},
    "Edm.Int32": {"type": "integer", "format": "int32"},
    "Edm.Int64": {"type": "integer", "format": "int64"},
    "Edm.Double": {"type": "number"},
    "Edm.Decimal": {"type": "number"},
    "Edm.Guid": {"type": "string", "format": "uuid"},
    "Edm.Date": {"type": "string", "format": "date"},
    "Edm.DateTimeOffset": {"type": "string", "format": "date-time"},
}
_PREFERENCES = (
    "return=representation",
    "odata.maxpagesize=3",
    "odata.track-changes",
    'odata.include-annotations="*"',
    "odata.track-changes,odata.maxpagesize=2",
)
_WRITE_HEADERS = {"If-Match": ["*", 'W/"1"'], "If-None-Match": ["*", "null"]}


def build_openapi(csdl: str, server: str) -> Document:
    """The document for every entity set of the first schema; `server` is the service root.

    `x-odata-keys` tells the key property of each set.
    """
    schema = ET.fromstring(csdl).find(f".//{EDM}Schema")
    if schema is None:
        raise ValueError("The document holds no Schema element.")
    types = {each.get("Name", ""): each for each in schema.findall(f"{EDM}EntityType")}
    paths: Document = {}
    keys: dict[str, str] = {}
    for entity_set in schema.iter(f"{EDM}EntitySet"):
        name = entity_set.get("Name", "")
        kind = (entity_set.get("EntityType") or "").rpartition(".")[2]
        paths |= _paths(name, types[kind])
        keys[name] = _key_of(types, kind)
    return {
        "openapi": "3.0.3",
        "info": {"title": "Made from $metadata", "version": "4.0"},
        "servers": [{"url": server}],
        "paths": paths,
        "x-odata-keys": keys,
    }


def _key_of(types: dict[str, ET.Element], kind: str) -> str:
    """The key property of an entity type, its own or its base type's."""
    found = types[kind].find(f"{EDM}Key/{EDM}PropertyRef")
    if found is not None:
        return found.get("Name", "")
    return _key_of(types, (types[kind].get("BaseType") or "").rpartition(".")[2])


def _paths(name: str, kind: ET.Element) -> Document:
    properties = [each.get("Name", "") for each in kind.findall(f"{EDM}Property")]
    navigations = kind.findall(f"{EDM}NavigationProperty")
    names = [each.get("Name", "") for each in navigations]
    body = _body(kind)
    key = _path_parameter("key", {"type": "string", "format": "uuid"})
    column = _path_parameter("column", {"type": "string", "enum": properties})
    shared = list(_query_parameters(properties, names))
    row = f"/{name}({{key}})"
    paths = {
        f"/{name}": {"get": _operation(shared), "post": _operation([_prefer()], body)},
        f"/{name}/$count": {"get": _operation(shared)},
        row: {
            "get": _operation([key, *shared[:2], _header("If-None-Match", ['W/"1"'])]),
            "patch": _operation([key, _prefer(), *_conditions()], body),
            "delete": _operation([key, *_conditions()]),
        },
        f"{row}/{{column}}": {
            "get": _operation([key, column]),
            "put": _operation([key, column], {"type": "object", "properties": {"value": {}}}),
            "delete": _operation([key, column]),
        },
    }
    if names:
        navigation = _path_parameter("navigation", {"type": "string", "enum": names})
        reference = {"type": "object", "properties": {"@odata.id": {"type": "string"}}}
        paths[f"{row}/{{navigation}}"] = {"get": _operation([key, navigation, *shared])}
        paths[f"{row}/{{navigation}}/$ref"] = {
            "get": _operation([key, navigation]),
            "put": _operation([key, navigation], reference),
            "post": _operation([key, navigation], reference),
            "delete": _operation([key, navigation, _query("$id", {"type": "string"})]),
        }
    return paths


def _operation(parameters: list[Document], body: Document | None = None) -> Document:
    operation: Document = {
        "parameters": parameters,
        "responses": {"default": {"description": "Any answer but a server error."}},
    }
    if body is not None:
        content = {"application/json": {"schema": body}}
        operation["requestBody"] = {"required": True, "content": content}
    return operation


def _body(kind: ET.Element) -> Document:
    members = {
        each.get("Name", ""): {**_schema_of(each), "nullable": True}
        for each in kind.findall(f"{EDM}Property")
    }
    for each in kind.findall(f"{EDM}NavigationProperty"):
        members[f"{each.get('Name')}@odata.bind"] = {"type": "string", "nullable": True}
    return {"type": "object", "properties": members, "additionalProperties": False}


def _schema_of(element: ET.Element) -> Document:
    kind = element.get("Type", "Edm.String")
    if kind in _SCALARS:
        return dict(_SCALARS[kind])
    length = element.get("MaxLength")
    shortest = {"maxLength": min(int(length), 300)} if length and length.isdigit() else {}
    return {"type": "string", **shortest}


def _query_parameters(properties: list[str], navigations: list[str]) -> Iterator[Document]:
    yield _query(
        "$select", {"type": "string", "enum": [*properties[:8], "*", ",".join(properties)]}
    )
    expands = [*navigations[:8], *(f"{each}($top=1)" for each in navigations[:4])]
    yield _query("$expand", {"type": "string", "enum": expands or [""]})
    filters = [text for name in properties[:40] for text in _filters(name)]
    yield _query("$filter", {"anyOf": [{"type": "string", "enum": filters}, {"type": "string"}]})
    orders = [text for name in properties[:12] for text in (name, f"{name} desc")]
    yield _query("$orderby", {"anyOf": [{"type": "string", "enum": orders}, {"type": "string"}]})
    yield _query("$top", {"type": "integer"})
    yield _query("$count", {"type": "boolean"})
    groups = [f"groupby(({name}),aggregate($count as n))" for name in properties[:12]]
    groups += [f"aggregate({name} with max as m)" for name in properties[:12]]
    yield _query("$apply", {"anyOf": [{"type": "string", "enum": groups}, {"type": "string"}]})
    for name in ("$skiptoken", "$deltatoken", "fetchXml", "sql"):
        yield _query(name, {"type": "string"})
    yield _prefer()


def _filters(name: str) -> tuple[str, ...]:
    return (
        f"{name} eq null",
        f"{name} ne 'x'",
        f"{name} gt 5",
        f"contains({name},'a')",
        f"not startswith({name},'%')",
        f"Microsoft.Dynamics.CRM.LastXDays(PropertyName='{name}',PropertyValue=3)",
    )


def _query(name: str, schema: Document) -> Document:
    return {"name": name, "in": "query", "schema": schema}


def _path_parameter(name: str, schema: Document) -> Document:
    return {"name": name, "in": "path", "required": True, "schema": schema}


def _header(name: str, values: list[str]) -> Document:
    return {"name": name, "in": "header", "schema": {"type": "string", "enum": values}}


def _prefer() -> Document:
    return _header("Prefer", list(_PREFERENCES))


def _conditions() -> list[Document]:
    return [_header(name, values) for name, values in _WRITE_HEADERS.items()]
