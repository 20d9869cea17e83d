"""The service document and `$metadata`: the catalog as OData describes it (CSDL 4.0)."""

from collections.abc import Iterator
from xml.sax.saxutils import quoteattr

from connector.emulator.catalog.catalog import Catalog
from connector.emulator.catalog.relationships import Navigation
from connector.emulator.catalog.table_definition import (
    PRINCIPALS,
    ColumnDefinition,
    ColumnType,
    TableDefinition,
)
from connector.emulator.protocol.messages import Request, Response

_TRACKING = (
    '<Annotation Term="Org.OData.Capabilities.V1.ChangeTracking"><Record>'
    '<PropertyValue Property="Supported" Bool="true" /></Record></Annotation>'
)


def service_document(catalog: Catalog, base: str) -> dict[str, object]:
    """The list of entity sets."""
    names = sorted(table.entity_set for table in catalog.tables.values())
    return {
        "@odata.context": f"{base}/$metadata",
        "value": [{"name": name, "kind": "EntitySet", "url": name} for name in names],
    }


def metadata_document(catalog: Catalog, request: Request) -> Response:
    """`$metadata`; with `?annotations=true` it says which sets track changes."""
    annotated = "annotations=true" in request.query.lower()
    text = "".join(_document(catalog, annotated=annotated))
    headers = (("Content-Type", "application/xml"), ("OData-Version", "4.0"))
    return Response(200, headers, text.encode())


def _document(catalog: Catalog, *, annotated: bool) -> Iterator[str]:
    yield '<?xml version="1.0" encoding="utf-8"?>'
    yield '<edmx:Edmx Version="4.0" xmlns:edmx="http://docs.oasis-open.org/odata/ns/edmx">'
    yield from _references(annotated=annotated)
    yield "<edmx:DataServices>"
    yield '<Schema Namespace="Microsoft.Dynamics.CRM" Alias="mscrm" '
    yield 'xmlns="http://docs.oasis-open.org/odata/ns/edm">'
    yield '<EntityType Name="crmbaseentity" Abstract="true" />'
    yield '<EntityType Name="principal" BaseType="mscrm.crmbaseentity">'
    yield '<Key><PropertyRef Name="ownerid" /></Key>'
    yield '<Property Name="ownerid" Type="Edm.Guid" Nullable="false" /></EntityType>'
    for table in catalog.tables.values():
        yield from _entity_type(catalog, table)
    yield from _operations()
    yield '<EntityContainer Name="System">'
    for table in catalog.tables.values():
        yield from _entity_set(catalog, table, annotated=annotated)
    yield '<FunctionImport Name="WhoAmI" Function="mscrm.WhoAmI" />'
    yield "</EntityContainer></Schema></edmx:DataServices></edmx:Edmx>"


def _references(*, annotated: bool) -> Iterator[str]:
    if annotated:
        root = "http://vocabularies.odata.org/OData.Community.Capabilities.V1"
        yield f'<edmx:Reference Uri="{root}">'
        yield '<edmx:Include Namespace="Org.OData.Capabilities.V1" Alias="Capabilities" />'
        yield "</edmx:Reference>"


def _entity_type(catalog: Catalog, table: TableDefinition) -> Iterator[str]:
    principal = table.logical_name in PRINCIPALS
    base = "mscrm.principal" if principal else "mscrm.crmbaseentity"
    yield f'<EntityType Name="{table.logical_name}" BaseType="{base}">'
    if not principal:
        yield f'<Key><PropertyRef Name="{table.primary_id}" /></Key>'
    for column in table.columns_by_wire_name.values():
        if not (principal and column.logical_name == "ownerid"):
            yield _property(table, column)
    for navigation in catalog.navigations(table.logical_name).values():
        yield from _navigation(catalog, navigation)
    yield "</EntityType>"


def _property(table: TableDefinition, column: ColumnDefinition) -> str:
    head = f'<Property Name="{column.wire_name}" Type="{column.edm_type}"'
    return " ".join([head, *_facets(table, column), "/>"])


def _facets(table: TableDefinition, column: ColumnDefinition) -> Iterator[str]:
    if column.logical_name == table.primary_id and table.logical_name not in PRINCIPALS:
        yield 'Nullable="false"'
    if column.type.is_text:
        yield from _text_facets(column)
    if column.type in (ColumnType.MONEY, ColumnType.DECIMAL):
        yield 'Scale="Variable"'


def _text_facets(column: ColumnDefinition) -> Iterator[str]:
    if column.max_length:
        yield f'MaxLength="{column.max_length}"'
    yield 'Unicode="true"'


def _navigation(catalog: Catalog, navigation: Navigation) -> Iterator[str]:
    several = len(navigation.targets) > 1
    target = "principal" if several else navigation.target
    partner = _partner(catalog, navigation)
    shown = f" Partner={quoteattr(partner)}" if partner and not several else ""
    if navigation.is_collection:
        kind = f"Collection(mscrm.{target})"
        yield f'<NavigationProperty Name="{navigation.name}" Type="{kind}"{shown} />'
        return
    key = "ownerid" if target in PRINCIPALS | {"principal"} else navigation.target_column
    yield f'<NavigationProperty Name="{navigation.name}" Type="mscrm.{target}"{shown}>'
    yield f'<ReferentialConstraint Property="_{navigation.column}_value" '
    yield f'ReferencedProperty="{key}" /></NavigationProperty>'


def _partner(catalog: Catalog, navigation: Navigation) -> str | None:
    for other in catalog.navigations(navigation.target).values():
        same = other.relationship == navigation.relationship and other.kind != navigation.kind
        intersect = other.relationship == navigation.relationship and navigation.intersect_table
        if (same or intersect) and navigation.table in other.targets and len(other.targets) == 1:
            return other.name
    return None


def _entity_set(catalog: Catalog, table: TableDefinition, *, annotated: bool) -> Iterator[str]:
    yield f'<EntitySet Name="{table.entity_set}" EntityType="mscrm.{table.logical_name}">'
    for navigation in catalog.navigations(table.logical_name).values():
        if len(navigation.targets) == 1:
            target = catalog.tables[navigation.target].entity_set
            yield f'<NavigationPropertyBinding Path="{navigation.name}" Target="{target}" />'
    if annotated and table.change_tracking:
        yield _TRACKING
    yield "</EntitySet>"


def _operations() -> Iterator[str]:
    yield '<ComplexType Name="WhoAmIResponse">'
    for name in ("BusinessUnitId", "UserId", "OrganizationId"):
        yield f'<Property Name="{name}" Type="Edm.Guid" Nullable="false" />'
    yield "</ComplexType>"
    yield '<Function Name="WhoAmI">'
    yield '<ReturnType Type="mscrm.WhoAmIResponse" Nullable="false" /></Function>'
