"""Reads FetchXML text into a tree; names are not resolved and nothing is compiled here.

https://learn.microsoft.com/power-apps/developer/data-platform/fetchxml/reference/
"""

from dataclasses import dataclass
from xml.etree import ElementTree as ET

from connector.emulator.protocol.errors import invalid_argument, not_supported

JOINS = frozenset({"inner", "outer"})
FILTER_LINKS = frozenset({"any", "not any", "all", "not all"})
EXISTENCE = frozenset({"exists", "in"})
_DEEPEST = 40
_TOP = "The top attribute can't be specified with paging attribute page."


@dataclass(frozen=True, slots=True)
class FetchAttribute:
    """`<attribute>`: a column to return, to group by or to aggregate."""

    name: str
    alias: str | None = None
    aggregate: str | None = None
    is_group: bool = False
    date_grouping: str | None = None
    is_distinct: bool = False


@dataclass(frozen=True, slots=True)
class FetchOrder:
    """`<order>`: by a column, or by the alias of an aggregate's output."""

    attribute: str | None
    alias: str | None
    descending: bool
    entity: str | None = None


@dataclass(frozen=True, slots=True)
class FetchCondition:
    """`<condition>`; `entity` is the alias of a joined table, `value_of` another column."""

    attribute: str
    operator: str
    values: tuple[str, ...] = ()
    entity: str | None = None
    value_of: str | None = None


@dataclass(frozen=True, slots=True)
class FetchFilter:
    """`<filter>`: conditions, filters and related-row links joined by `and` or `or`."""

    is_or: bool
    parts: tuple["FetchCondition | FetchFilter | FetchLink", ...]


@dataclass(frozen=True, slots=True)
class FetchEntity:
    """What `<entity>` and `<link-entity>` have in common."""

    name: str
    attributes: tuple[FetchAttribute, ...]
    all_attributes: bool
    orders: tuple[FetchOrder, ...]
    filters: tuple[FetchFilter, ...]
    links: tuple["FetchLink", ...]


@dataclass(frozen=True, slots=True)
class FetchLink:
    """`<link-entity>`: joined on child `source` = parent `target`."""

    entity: FetchEntity
    source: str
    target: str
    kind: str
    alias: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetch:
    """`<fetch>`."""

    entity: FetchEntity
    top: int | None = None
    count: int | None = None
    page: int = 1
    cookie: str | None = None
    is_aggregate: bool = False
    is_distinct: bool = False
    wants_total: bool = False
    aggregate_limit: int | None = None


def parse_fetchxml(text: str) -> Fetch:
    """Read a FetchXML query; raises ODataError 400 when malformed, 501 when not served."""
    root = _parse_xml(text)
    entity = _only_entity(root)
    if root.get("datasource"):
        raise not_supported("The datasource of FetchXML is not served: the emulator keeps no bin.")
    top, count, page = (_number(root, name) for name in ("top", "count", "page"))
    if top is not None and (page is not None or count is not None):
        raise invalid_argument(_TOP)
    return Fetch(
        entity=_parse_entity(entity, 0),
        top=top,
        count=count,
        page=page or 1,
        cookie=root.get("paging-cookie") or None,
        is_aggregate=_flag(root, "aggregate"),
        is_distinct=_flag(root, "distinct"),
        wants_total=_flag(root, "returntotalrecordcount"),
        aggregate_limit=_number(root, "aggregatelimit"),
    )


def _only_entity(root: ET.Element) -> ET.Element:
    if root.tag != "fetch":
        raise invalid_argument(f"The root element of FetchXML must be 'fetch', not '{root.tag}'.")
    entities = [child for child in root if child.tag == "entity"]
    if len(entities) != 1 or len(root) != 1:
        raise invalid_argument("A 'fetch' element must contain exactly one 'entity' element.")
    return entities[0]


def _parse_xml(text: str) -> ET.Element:
    if "<!DOCTYPE" in text.upper() or "<!ENTITY" in text.upper():
        raise invalid_argument(
            "Invalid XML: a document type declaration is not allowed in FetchXML."
        )
    try:
        return ET.fromstring(text.strip())  # noqa: S314  declarations were refused above
    except (ET.ParseError, ValueError) as error:
        raise invalid_argument(f"Invalid XML: {error}.") from error


def _flag(element: ET.Element, name: str) -> bool:
    text = element.get(name, "false").strip().lower()
    if text not in ("true", "false", "1", "0"):
        raise invalid_argument(
            f"The attribute '{name}' of '{element.tag}' must be true or false, not '{text}'."
        )
    return text in ("true", "1")


def _number(element: ET.Element, name: str) -> int | None:
    text = element.get(name)
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and 0 < len(text) < 10):
        raise invalid_argument(
            f"The attribute '{name}' of '{element.tag}' must be a number, not '{text}'."
        )
    return int(text)


def _required(element: ET.Element, name: str) -> str:
    text = (element.get(name) or "").strip()
    if not text:
        raise invalid_argument(
            f"The required attribute '{name}' is missing on element '{element.tag}'."
        )
    return text


def _parse_entity(element: ET.Element, depth: int) -> FetchEntity:
    if depth > _DEEPEST:
        raise invalid_argument("The FetchXML query is nested too deeply.")
    known = {"attribute", "all-attributes", "no-attrs", "order", "filter", "link-entity"}
    for child in element:
        if child.tag not in known:
            raise invalid_argument(f"Invalid child element '{child.tag}' of '{element.tag}'.")
    return FetchEntity(
        name=_required(element, "name"),
        attributes=tuple(_parse_attribute(child) for child in element.findall("attribute")),
        all_attributes=element.find("all-attributes") is not None,
        orders=tuple(_parse_order(child) for child in element.findall("order")),
        filters=tuple(_parse_filter(child, depth + 1) for child in element.findall("filter")),
        links=tuple(_parse_link(child, depth + 1) for child in element.findall("link-entity")),
    )


def _parse_attribute(element: ET.Element) -> FetchAttribute:
    if element.get("rowaggregate") is not None:
        raise not_supported("The attribute 'rowaggregate' of FetchXML is not supported.")
    return FetchAttribute(
        name=_required(element, "name"),
        alias=element.get("alias") or None,
        aggregate=element.get("aggregate") or None,
        is_group=_flag(element, "groupby"),
        date_grouping=element.get("dategrouping") or None,
        is_distinct=_flag(element, "distinct"),
    )


def _parse_order(element: ET.Element) -> FetchOrder:
    attribute, alias = element.get("attribute"), element.get("alias")
    if not attribute and not alias:
        raise invalid_argument("An 'order' element needs an 'attribute' or an 'alias'.")
    descending = _flag(element, "descending")
    return FetchOrder(attribute, alias, descending, element.get("entityname") or None)


def _parse_filter(element: ET.Element, depth: int) -> FetchFilter:
    if depth > _DEEPEST:
        raise invalid_argument("The FetchXML query is nested too deeply.")
    kind = element.get("type", "and").strip().lower()
    if kind not in ("and", "or"):
        raise invalid_argument(
            f"The attribute 'type' of 'filter' must be 'and' or 'or', not '{kind}'."
        )
    return FetchFilter(kind == "or", tuple(_parse_part(child, depth) for child in element))


def _parse_part(element: ET.Element, depth: int) -> FetchCondition | FetchFilter | FetchLink:
    if element.tag == "condition":
        return _parse_condition(element)
    if element.tag == "filter":
        return _parse_filter(element, depth + 1)
    if element.tag == "link-entity":
        link = _parse_link(element, depth + 1)
        if link.kind not in FILTER_LINKS:
            raise invalid_argument(
                f"The link-type '{link.kind}' is not allowed within a filter; use any, not any, "
                "all, not all."
            )
        return link
    raise invalid_argument(f"Invalid child element '{element.tag}' of 'filter'.")


def _parse_condition(element: ET.Element) -> FetchCondition:
    values = [child.text or "" for child in element if child.tag == "value"]
    if element.get("value") is not None:
        values.insert(0, element.get("value", ""))
    return FetchCondition(
        attribute=_required(element, "attribute"),
        operator=_required(element, "operator").lower(),
        values=tuple(values),
        entity=element.get("entityname") or None,
        value_of=element.get("valueof") or None,
    )


def _parse_link(element: ET.Element, depth: int) -> FetchLink:
    kind = element.get("link-type", "inner").strip().lower()
    if kind not in JOINS | FILTER_LINKS | EXISTENCE:
        raise not_supported(f"The link-type '{kind}' of FetchXML is not supported.")
    return FetchLink(
        entity=_parse_entity(element, depth),
        source=_required(element, "from"),
        target=_required(element, "to"),
        kind=kind,
        alias=element.get("alias") or None,
    )
