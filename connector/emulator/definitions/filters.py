"""`$filter`, `$select` and `$orderby` over JSON documents: metadata is not in the database."""

from collections.abc import Callable, Mapping
from operator import ge, gt, le, lt

from connector.emulator.definitions.documents import Document
from connector.emulator.protocol.errors import ODataError, bad_query, not_supported
from connector.emulator.protocol.json_shapes import Json, as_object
from connector.emulator.query.odata.parser import parse_filter
from connector.emulator.query.sql.syntax import (
    Call,
    Comparison,
    Literal,
    LiteralKind,
    Logical,
    Name,
    Negation,
    Node,
)


def filter_documents(
    documents: list[Document], text: str | None, aliases: Mapping[str, str]
) -> list[Document]:
    """The documents a `$filter` keeps."""
    if text is None:
        return documents
    return filter_by_node(documents, parse_filter(text, aliases))


def filter_by_node(documents: list[Document], node: Node | None) -> list[Document]:
    """The documents a parsed filter keeps."""
    if node is None:
        return documents
    return [document for document in documents if bool(_evaluate(node, document))]


def select_members(document: Document, names: list[str] | None, always: str) -> Document:
    """The chosen members, the identifying one and the annotations; None = all."""
    if names is None:
        return document
    for name in names:
        if name not in document:
            raise _no_member(name)
    wanted = {*names, always}
    return {key: value for key, value in document.items() if key.startswith("@") or key in wanted}


def parse_names(text: str | None) -> list[str] | None:
    """The names of a `$select`; None for all."""
    if text is None or text.strip() in ("", "*"):
        return None
    return [name.strip() for name in text.split(",") if name.strip()]


def _evaluate(node: Node, document: Document) -> Json:
    match node:
        case Literal():
            return _literal(node)
        case Name():
            return _member(node, document)
        case Comparison():
            return _compare(node, document)
        case Logical(operator="and"):
            return all(_evaluate(each, document) for each in node.operands)
        case Logical():
            return any(_evaluate(each, document) for each in node.operands)
        case Negation():
            return not _evaluate(node.operand, document)
        case Call():
            return _call(node, document)
        case _:
            raise not_supported("This kind of filter is not supported on metadata.")


def _literal(node: Literal) -> Json:
    value = node.value
    if node.kind is LiteralKind.ENUM and "'" in str(value):
        return str(value).rpartition("CRM.")[2].split("'")[1]
    return value


def _member(node: Name, document: Document) -> Json:
    value: Json = document
    for name in node.path:
        members = as_object(value)
        if members is None:
            return None
        if name not in members:
            raise _no_member(name)
        value = members[name]
    return value


def _no_member(name: str) -> ODataError:
    return bad_query(
        f"Could not find a property named '{name}' on the type of this metadata resource."
    )


def _compare(node: Comparison, document: Document) -> bool:
    left, right = _evaluate(node.left, document), _evaluate(node.right, document)
    if node.operator == "eq":
        return bool(left == right)
    if node.operator == "ne":
        return bool(left != right)
    if left is None or right is None:
        return False
    try:
        return bool(_ORDERINGS[node.operator](left, right))
    except TypeError as error:
        raise bad_query("The operands of this comparison have different types.") from error


_ORDERINGS: dict[str, Callable[[Json, Json], Json]] = {"gt": gt, "ge": ge, "lt": lt, "le": le}


_FUNCTIONS: dict[str, Callable[[str, str], bool]] = {
    "contains": lambda text, part: part in text,
    "startswith": str.startswith,
    "endswith": str.endswith,
}


def _call(node: Call, document: Document) -> bool:
    function = _FUNCTIONS.get(node.name)
    if function is None or len(node.arguments) != 2:
        raise not_supported(f"The function '{node.name}' is not supported on metadata.")
    text, part = (_evaluate(argument, document) for argument in node.arguments)
    return isinstance(text, str) and isinstance(part, str) and function(text, part)
