"""The condition operators (FetchXML's names) as SQL; OData functions and FetchXML both end here.

https://learn.microsoft.com/power-apps/developer/data-platform/fetchxml/reference/operators
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from connector.emulator.catalog.table_definition import ColumnType
from connector.emulator.protocol.error_codes import ErrorCode
from connector.emulator.protocol.errors import ODataError, invalid_argument
from connector.emulator.query.sql.context import QueryContext, instant_text
from connector.emulator.query.sql.fragments import Budget, Sql, SqlValue, all_of, any_of, value_list
from connector.emulator.query.sql.identity import IDENTITY_OPERATORS, identity_condition
from connector.emulator.query.sql.periods import HOUR_OPERATORS, TimeRange, day_range, time_range_of
from connector.emulator.query.sql.scopes import ColumnRef
from connector.emulator.query.sql.values import parse_instant, text_to_stored
from connector.emulator.storage.sql_names import folded_sql

MOST_VALUES = 2000
_COMPARISONS = {"eq": "=", "ne": "<>", "neq": "<>", "gt": ">", "ge": ">=", "lt": "<", "le": "<="}
_PATTERNS = {
    "like": "{}",
    "begins-with": "{}%",
    "ends-with": "%{}",
    "not-like": "{}",
    "not-begin-with": "{}%",
    "not-end-with": "%{}",
}
_DAY_OPERATORS = frozenset({"on", "on-or-before", "on-or-after"})
_TEXT = frozenset({ColumnType.STRING, ColumnType.MEMO, ColumnType.MULTISELECT})


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition: an operator on a column with its values as text."""

    operator: str
    column: ColumnRef
    values: tuple[str, ...]
    context: QueryContext

    @property
    def collated(self) -> str:
        """The column as an operand of comparisons: text compares without case."""
        return collated(self.column)

    def stored(self) -> tuple[SqlValue, ...]:
        """The values in the column's form."""
        return tuple(
            text_to_stored(text, self.column.definition, self.context) for text in self.values
        )


def collated(column: ColumnRef) -> str:
    """A column as an operand of comparisons: text compares without case."""
    if column.definition.type in (ColumnType.STRING, ColumnType.MEMO):
        return f"{column.sql} COLLATE DATAVERSE"
    return column.sql


def equals_one_of(column: ColumnRef, values: Sequence[SqlValue], context: QueryContext) -> Sql:
    """Whether a column equals one of the values, in the form that an index of it serves."""
    context.ensure_index(column.table, column.definition)
    operand = folded_sql("?", column.definition)
    listed = Sql(", ".join(operand for _ in values), tuple(values)).wrap()
    return f"{folded_sql(column.sql, column.definition)} IN " + listed


def compile_condition(condition: Condition, budget: Budget) -> Sql:
    """The condition as SQL; raises ODataError 400 for an operator the column does not know.

    Null follows FetchXML: `ne` and the `not-…` operators hold for a null column (not
    `not-contain-values`), all others but `null` do not.
    """
    budget.count_condition()
    build = _builder(condition)
    if build is None:
        raise _invalid_operator(condition)
    return build(condition)


def _builder(condition: Condition) -> Callable[[Condition], Sql] | None:
    operator = condition.operator
    if operator in _SIMPLE:
        return _SIMPLE[operator]
    if operator in _COMPARISONS:
        return _comparison
    if operator in _PATTERNS:
        return _pattern if condition.column.definition.type in _TEXT else None
    if operator in IDENTITY_OPERATORS:
        return _identity
    if condition.column.definition.type is ColumnType.DATETIME:
        return _date
    return None


def _invalid_operator(condition: Condition) -> ODataError:
    column = condition.column.definition
    return invalid_argument(
        f"The condition operator '{condition.operator}' is not valid for the column "
        f"'{column.logical_name}' of type {column.type} of the table "
        f"'{condition.column.table.logical_name}'.",
    )


def _expect(condition: Condition, count: int) -> tuple[SqlValue, ...]:
    _raise_unless(condition, len(condition.values) == count, count)
    return condition.stored()


def _raise_unless(condition: Condition, holds: bool, count: int) -> None:
    if not holds:
        raise invalid_argument(
            f"The condition operator '{condition.operator}' requires {count} value(s). "
            f"Values passed: {len(condition.values)}.",
        )


def _or_null(condition: Condition, sql: Sql) -> Sql:
    return any_of([sql, Sql(f"{condition.column.sql} IS NULL")])


def _comparison(condition: Condition) -> Sql:
    (value,) = _expect(condition, 1)
    if condition.operator == "eq":
        return equals_one_of(condition.column, (value,), condition.context)
    sql = Sql(f"{condition.collated} {_COMPARISONS[condition.operator]} ?", (value,))
    return _or_null(condition, sql) if condition.operator in ("ne", "neq") else sql


def _pattern(condition: Condition) -> Sql:
    _raise_unless(condition, len(condition.values) == 1, 1)
    pattern = _PATTERNS[condition.operator].format(condition.values[0])
    call = Sql(f"dataverse_like(?, {condition.column.sql})", (pattern,))
    if not condition.operator.startswith("not-"):
        return call
    return _or_null(condition, "NOT " + call)


def _null(condition: Condition) -> Sql:
    _raise_unless(condition, not condition.values, 0)
    return Sql(f"{condition.column.sql} IS NULL")


def _not_null(condition: Condition) -> Sql:
    _raise_unless(condition, not condition.values, 0)
    return Sql(f"{condition.column.sql} IS NOT NULL")


def _listed(condition: Condition) -> tuple[SqlValue, ...]:
    if len(condition.values) > MOST_VALUES:
        raise ODataError(
            400,
            ErrorCode.TOO_MANY_CONDITION_PARAMETERS_IN_QUERY,
            "Number of parameters in a condition exceeded maximum limit.",
        )
    _raise_unless(condition, bool(condition.values), 1)
    return condition.stored()


def _in(condition: Condition) -> Sql:
    return equals_one_of(condition.column, _listed(condition), condition.context)


def _not_in(condition: Condition) -> Sql:
    return _or_null(condition, f"{condition.collated} NOT IN " + value_list(_listed(condition)))


def _between(condition: Condition) -> Sql:
    return Sql(f"({condition.collated} BETWEEN ? AND ?)", _expect(condition, 2))


def _not_between(condition: Condition) -> Sql:
    sql = Sql(f"({condition.collated} NOT BETWEEN ? AND ?)", _expect(condition, 2))
    return _or_null(condition, sql)


def _contain_values(condition: Condition) -> Sql:
    if condition.column.definition.type is not ColumnType.MULTISELECT:
        raise _invalid_operator(condition)
    _listed(condition)
    members = f"(',' || {condition.column.sql} || ',')"
    found = any_of(
        Sql(f"instr({members}, ?) > 0", (f",{value.strip()},",)) for value in condition.values
    )
    return found if condition.operator == "contain-values" else "NOT " + found.wrap()


def _identity(condition: Condition) -> Sql:
    sql = identity_condition(
        condition.operator, condition.column, condition.values, condition.context
    )
    if sql is None:
        raise _invalid_operator(condition)
    return sql


def _date(condition: Condition) -> Sql:
    column = condition.column.definition
    if column.is_date_only and condition.operator in HOUR_OPERATORS:
        raise _invalid_operator(condition)
    if condition.operator in _DAY_OPERATORS:
        return _within(condition, _day_range(condition))
    numbers = _numbers(condition)
    if condition.operator == "in-fiscal-period":
        return _in_fiscal_period(condition, numbers)
    time_range = time_range_of(condition.operator, numbers, condition.context)
    if time_range is None:
        raise _invalid_operator(condition)
    return _within(condition, time_range)


def _day_range(condition: Condition) -> TimeRange:
    _raise_unless(condition, len(condition.values) == 1, 1)
    try:
        moment = parse_instant(condition.values[0], condition.context)
        day = moment.astimezone(condition.context.zone).date()
    except (ValueError, OverflowError) as error:
        raise _invalid_number(condition) from error
    time_range = day_range(day, condition.context)
    if condition.operator == "on-or-before":
        return TimeRange(None, time_range.end)
    if condition.operator == "on-or-after":
        return TimeRange(time_range.start, None)
    return time_range


def _numbers(condition: Condition) -> tuple[int, ...]:
    wanted = _value_count(condition.operator)
    _raise_unless(condition, len(condition.values) == wanted, wanted)
    try:
        numbers = tuple(int(text) for text in condition.values)
    except ValueError as error:
        raise _invalid_number(condition) from error
    if any(not 0 < number <= 99_999 for number in numbers):
        raise _invalid_number(condition)
    return numbers


def _value_count(operator: str) -> int:
    if operator.endswith("-period-and-year"):
        return 2
    if "-x-" in operator or operator in ("in-fiscal-period", "in-fiscal-year"):
        return 1
    return 0


def _invalid_number(condition: Condition) -> ODataError:
    return invalid_argument(
        f"The value '{', '.join(condition.values)}' is not valid for the condition operator "
        f"'{condition.operator}'.",
    )


def _within(condition: Condition, time_range: TimeRange) -> Sql:
    bounds: list[Sql] = []
    sql, by_day = condition.column.sql, condition.column.definition.is_date_only
    zone = condition.context.zone
    try:
        if time_range.start is not None:
            start = time_range.start
            text = start.astimezone(zone).date().isoformat() if by_day else instant_text(start)
            bounds.append(Sql(f"{sql} >= ?", (text,)))
        if time_range.end is not None:
            bounds.append(_before(condition, time_range.end))
    except OverflowError as error:
        raise _invalid_number(condition) from error
    return all_of(bounds)


def _before(condition: Condition, end: datetime) -> Sql:
    sql = condition.column.sql
    if not condition.column.definition.is_date_only:
        return Sql(f"{sql} < ?", (instant_text(end),))
    local = end.astimezone(condition.context.zone)
    # A stretch that ends within a day takes the whole day in.
    sign = "<" if (local.hour, local.minute, local.second) == (0, 0, 0) else "<="
    return Sql(f"{sql} {sign} ?", (local.date().isoformat(),))


def _in_fiscal_period(condition: Condition, numbers: tuple[int, ...]) -> Sql:
    context = condition.context
    months = 12 // context.fiscal_periods
    local = f"dataverse_local({condition.column.sql}, ?)"
    month = f"(CAST(substr({local}, 6, 2) AS INTEGER) + ? ) % 12 / ? + 1 = ?"
    return Sql(month, (context.time_zone, 12 - context.fiscal_month, months, numbers[0])).wrap()


_SIMPLE: dict[str, Callable[[Condition], Sql]] = {
    "null": _null,
    "not-null": _not_null,
    "in": _in,
    "not-in": _not_in,
    "between": _between,
    "not-between": _not_between,
    "contain-values": _contain_values,
    "not-contain-values": _contain_values,
}


def compare_columns(left: ColumnRef, operator: str, right: ColumnRef) -> Sql:
    """Two columns of one row; types were checked."""
    return Sql(f"{collated(left)} {_COMPARISONS[operator]} {collated(right)}")


def is_text(column: ColumnRef) -> bool:
    """Whether the column is Edm.String."""
    return column.definition.edm_type == "Edm.String"
