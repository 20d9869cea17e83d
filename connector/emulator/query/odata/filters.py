# ruff: noqa: S608  identifiers come from the catalog and are quoted, values are bound
"""Compiles filter expressions to SQL with SQL Server's three-valued logic; parses nothing."""

from connector.emulator.protocol.errors import ODataError, bad_query
from connector.emulator.query.odata.functions import compile_function, unknown_function
from connector.emulator.query.sql.conditions import (
    collated,
    compare_columns,
    equals_one_of,
    is_text,
)
from connector.emulator.query.sql.fragments import FALSE, TRUE, UNKNOWN, Sql, all_of, any_of
from connector.emulator.query.sql.scopes import (
    ColumnRef,
    Scope,
    child_scope,
    ensure_link_index,
    link_condition,
    resolve_column,
    resolve_navigation,
    target_table,
)
from connector.emulator.query.sql.syntax import (
    Call,
    Comparison,
    Literal,
    LiteralKind,
    Logical,
    Name,
    NamedCall,
    Negation,
    Node,
    Quantified,
)
from connector.emulator.query.sql.values import are_comparable, literal_to_stored
from connector.emulator.storage.sql_functions import has_wildcards
from connector.emulator.storage.sql_names import quote

_KINDS = {
    "eq": "Equal",
    "ne": "NotEqual",
    "gt": "GreaterThan",
    "ge": "GreaterThanOrEqual",
    "lt": "LessThan",
    "le": "LessThanOrEqual",
}
_SIGNS = {"eq": "=", "ne": "<>", "gt": ">", "ge": ">=", "lt": "<", "le": "<="}
_MIRRORED = {"eq": "eq", "ne": "ne", "gt": "lt", "ge": "le", "lt": "gt", "le": "ge"}
_TEXT_FUNCTIONS = {"contains": "%{}%", "startswith": "{}%", "endswith": "%{}"}


def compile_filter(node: Node, scope: Scope) -> Sql:
    """A predicate over the scope's rows; a row qualifies when it is true, not when it is null.

    Raises ODataError 400 for unknown properties, types that do not go together and exceeded limits,
    501 for what OData offers and Dataverse does not.
    """
    match node:
        case Logical():
            parts = [compile_filter(operand, scope) for operand in node.operands]
            return all_of(parts) if node.operator == "and" else any_of(parts)
        case Negation():
            return "NOT " + _predicate(node.operand, scope, "Not").wrap()
        case Comparison():
            return _comparison(node, scope)
        case Quantified():
            return _quantified(node, scope)
        case _:
            return _single(node, scope)


def _single(node: NamedCall | Call | Literal | Name, scope: Scope) -> Sql:
    match node:
        case NamedCall():
            return compile_function(node, scope)
        case Call():
            return _call(node, scope)
        case Literal():
            return _constant(node)
        case Name():
            return _boolean_column(node, scope)


def _predicate(node: Node, scope: Scope, kind: str) -> Sql:
    if isinstance(node, Name):
        column = resolve_column(scope, node.path)
        edm = column.definition.edm_type
        if edm != "Edm.Boolean":
            raise _wrong_operand(edm, kind)
    elif isinstance(node, Literal) and node.kind not in (LiteralKind.BOOLEAN, LiteralKind.NULL):
        raise _wrong_operand(node.kind.value, kind)
    return compile_filter(node, scope)


def _wrong_operand(edm: str, kind: str) -> ODataError:
    return bad_query(
        "A unary operator with an incompatible type was detected. Found operand type "
        f"'{edm}' for operator kind '{kind}'."
    )


def _not_boolean() -> ODataError:
    return bad_query("The $filter expression must evaluate to a single boolean value.")


def _constant(node: Literal) -> Sql:
    if node.kind is LiteralKind.NULL:
        return UNKNOWN
    if node.kind is not LiteralKind.BOOLEAN:
        raise _not_boolean()
    return TRUE if node.value else FALSE


def _boolean_column(node: Name, scope: Scope) -> Sql:
    column = resolve_column(scope, node.path)
    if column.definition.edm_type != "Edm.Boolean":
        raise _not_boolean()
    scope.budget.count_condition()
    return Sql(f"{column.sql} = 1")


def _comparison(node: Comparison, scope: Scope) -> Sql:
    left, right, operator = node.left, node.right, node.operator
    if isinstance(left, Literal) and not isinstance(right, Literal):
        left, right, operator = right, left, _MIRRORED[operator]
    if isinstance(left, Name) and isinstance(right, Name):
        return _column_pair(left, operator, right, scope)
    if isinstance(left, Name) and isinstance(right, Literal):
        return _column_literal(left, operator, right, scope)
    if isinstance(right, Literal) and not isinstance(left, Literal):
        return _compared_predicate(left, operator, right, scope)
    raise bad_query(
        f"The operands of '{node.operator}' at position {node.position} are not supported: "
        "compare a property with a constant or with another property of the same row."
    )


def _compared_predicate(left: Node, operator: str, right: Literal, scope: Scope) -> Sql:
    predicate = compile_filter(left, scope)
    if right.kind is not LiteralKind.BOOLEAN or operator not in ("eq", "ne"):
        raise _incompatible("Edm.Boolean", right.kind.value, operator)
    if bool(right.value) == (operator == "eq"):
        return predicate
    return "NOT " + predicate.wrap()


def _column_pair(left: Name, operator: str, right: Name, scope: Scope) -> Sql:
    first, second = resolve_column(scope, left.path), resolve_column(scope, right.path)
    types = first.definition.edm_type, second.definition.edm_type
    if not are_comparable(*types):
        raise _incompatible(*types, operator)
    if first.table is not second.table:
        raise bad_query("Only columns of the same table can be compared with each other.")
    scope.budget.count_condition()
    return compare_columns(first, operator, second)


def _column_literal(name: Name, operator: str, literal: Literal, scope: Scope) -> Sql:
    if literal.kind is LiteralKind.NULL:
        return _null_comparison(name, operator, scope)
    column = resolve_column(scope, name.path)
    scope.budget.count_condition()
    try:
        value = literal_to_stored(literal, column.definition)
    except (TypeError, ValueError) as error:
        raise _incompatible(column.definition.edm_type, literal.kind.value, operator) from error
    if operator in ("eq", "ne") and is_text(column) and has_wildcards(str(value)):
        return _wildcard_equality(column, operator, str(value))
    if operator == "eq":
        return equals_one_of(column, (value,), scope.context)
    return Sql(f"{collated(column)} {_SIGNS[operator]} ?", (value,))


def _wildcard_equality(column: ColumnRef, operator: str, value: str) -> Sql:
    """Equality whose text holds wildcards matches as a pattern, and as the text it is."""
    sql = Sql(
        f"({collated(column)} = ? OR dataverse_like(?, {column.sql}))",
        (value, value),
    )
    return sql if operator == "eq" else "NOT " + sql


def _null_comparison(name: Name, operator: str, scope: Scope) -> Sql:
    column = _nullable(name, scope)
    scope.budget.count_condition()
    test = {"eq": "IS NULL", "ne": "IS NOT NULL"}.get(operator)
    return UNKNOWN if test is None else Sql(f"{column.sql} {test}")


def _nullable(name: Name, scope: Scope) -> ColumnRef:
    """A property, or the lookup behind a single-valued navigation property (`ownerid eq null`)."""
    if len(name.path) == 1 and name.path[0] not in scope.table.columns_by_wire_name:
        navigation = scope.catalog.navigation(scope.table.logical_name, name.path[0])
        if navigation is not None and not navigation.is_collection:
            definition = scope.table.columns_by_name[navigation.column]
            return scope.column(definition)
    return resolve_column(scope, name.path)


def _incompatible(left: str, right: str, operator: str) -> ODataError:
    return bad_query(
        "A binary operator with incompatible types was detected. Found operand types "
        f"'{left}' and '{right}' for operator kind '{_KINDS[operator]}'."
    )


def _call(node: Call, scope: Scope) -> Sql:
    pattern = _TEXT_FUNCTIONS.get(node.name)
    if pattern is None:
        raise unknown_function(node)
    if len(node.arguments) != 2:
        raise _no_signature(node.name)
    column, literal = node.arguments
    if not isinstance(column, Name) or not isinstance(literal, Literal):
        raise _no_signature(node.name)
    ref = resolve_column(scope, column.path)
    scope.budget.count_condition()
    if not is_text(ref) or literal.kind not in (LiteralKind.STRING, LiteralKind.NULL):
        raise _no_signature(node.name)
    if literal.value is None:
        return UNKNOWN
    return Sql(f"dataverse_like(?, {ref.sql})", (pattern.format(literal.value),))


def _no_signature(name: str) -> ODataError:
    return bad_query(
        f"No function signature for the function with name '{name}' matches the specified "
        f"arguments. The function signatures considered are: {name}(Edm.String Nullable=true, "
        "Edm.String Nullable=true)."
    )


def _quantified(node: Quantified, scope: Scope) -> Sql:
    if node.variable is not None and node.variable in scope.variables:
        raise bad_query(f"The range variable '{node.variable}' has already been declared.")
    origin, navigation = resolve_navigation(scope, node.path)
    scope.budget.count_link(origin.alias, *node.path, str(node.position))
    inner = child_scope(scope, target_table(scope.catalog, navigation), node.variable)
    ensure_link_index(scope.context, navigation)
    where = [link_condition(navigation, origin.alias, inner.alias)]
    if node.predicate is not None:
        predicate = compile_filter(node.predicate, inner)
        where.append(predicate if node.quantifier == "any" else predicate.wrap() + " IS NOT TRUE")
    source = f"SELECT 1 FROM {quote(inner.table.logical_name)} {inner.alias} WHERE "
    exists = "EXISTS (" + (source + all_of(where)) + ")"
    return exists if node.quantifier == "any" else "NOT " + exists
