"""The tree of a condition; how it is read, checked, printed and evaluated is in the sibling
modules.
"""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum

ColumnPath = tuple[str, ...]
"""`("parentaccountid", "industrycode")`: N:1 navigation properties, then the column."""

Scalar = str | int | float | Decimal | bool | date | datetime
Value = Scalar | tuple[Scalar, ...] | None


class Operator(StrEnum):
    """FetchXML's condition operators (FetchXML reference, "operators")."""

    EQ = "eq"
    NE = "ne"
    GT = "gt"
    GE = "ge"
    LT = "lt"
    LE = "le"
    IN = "in"
    NOT_IN = "not-in"
    BETWEEN = "between"
    NOT_BETWEEN = "not-between"
    NULL = "null"
    NOT_NULL = "not-null"
    LIKE = "like"
    NOT_LIKE = "not-like"
    BEGINS_WITH = "begins-with"
    NOT_BEGIN_WITH = "not-begin-with"
    ENDS_WITH = "ends-with"
    NOT_END_WITH = "not-end-with"
    CONTAIN_VALUES = "contain-values"
    NOT_CONTAIN_VALUES = "not-contain-values"
    ON = "on"
    ON_OR_BEFORE = "on-or-before"
    ON_OR_AFTER = "on-or-after"
    YESTERDAY = "yesterday"
    TODAY = "today"
    TOMORROW = "tomorrow"
    LAST_SEVEN_DAYS = "last-seven-days"
    NEXT_SEVEN_DAYS = "next-seven-days"
    LAST_WEEK = "last-week"
    THIS_WEEK = "this-week"
    NEXT_WEEK = "next-week"
    LAST_MONTH = "last-month"
    THIS_MONTH = "this-month"
    NEXT_MONTH = "next-month"
    LAST_YEAR = "last-year"
    THIS_YEAR = "this-year"
    NEXT_YEAR = "next-year"
    LAST_X_HOURS = "last-x-hours"
    LAST_X_DAYS = "last-x-days"
    LAST_X_WEEKS = "last-x-weeks"
    LAST_X_MONTHS = "last-x-months"
    LAST_X_YEARS = "last-x-years"
    NEXT_X_HOURS = "next-x-hours"
    NEXT_X_DAYS = "next-x-days"
    NEXT_X_WEEKS = "next-x-weeks"
    NEXT_X_MONTHS = "next-x-months"
    NEXT_X_YEARS = "next-x-years"
    OLDERTHAN_X_MINUTES = "olderthan-x-minutes"
    OLDERTHAN_X_HOURS = "olderthan-x-hours"
    OLDERTHAN_X_DAYS = "olderthan-x-days"
    OLDERTHAN_X_WEEKS = "olderthan-x-weeks"
    OLDERTHAN_X_MONTHS = "olderthan-x-months"
    OLDERTHAN_X_YEARS = "olderthan-x-years"
    THIS_FISCAL_PERIOD = "this-fiscal-period"
    THIS_FISCAL_YEAR = "this-fiscal-year"
    LAST_FISCAL_PERIOD = "last-fiscal-period"
    LAST_FISCAL_YEAR = "last-fiscal-year"
    NEXT_FISCAL_PERIOD = "next-fiscal-period"
    NEXT_FISCAL_YEAR = "next-fiscal-year"
    LAST_X_FISCAL_PERIODS = "last-x-fiscal-periods"
    LAST_X_FISCAL_YEARS = "last-x-fiscal-years"
    NEXT_X_FISCAL_PERIODS = "next-x-fiscal-periods"
    NEXT_X_FISCAL_YEARS = "next-x-fiscal-years"
    IN_FISCAL_PERIOD = "in-fiscal-period"
    IN_FISCAL_YEAR = "in-fiscal-year"
    IN_FISCAL_PERIOD_AND_YEAR = "in-fiscal-period-and-year"
    IN_OR_AFTER_FISCAL_PERIOD_AND_YEAR = "in-or-after-fiscal-period-and-year"
    IN_OR_BEFORE_FISCAL_PERIOD_AND_YEAR = "in-or-before-fiscal-period-and-year"
    EQ_USERID = "eq-userid"
    NE_USERID = "ne-userid"
    EQ_BUSINESSID = "eq-businessid"
    NE_BUSINESSID = "ne-businessid"
    EQ_USERTEAMS = "eq-userteams"
    EQ_USERORUSERTEAMS = "eq-useroruserteams"
    EQ_USERORUSERHIERARCHY = "eq-useroruserhierarchy"
    EQ_USERORUSERHIERARCHYANDTEAMS = "eq-useroruserhierarchyandteams"
    EQ_USERLANGUAGE = "eq-userlanguage"
    ABOVE = "above"
    EQ_OR_ABOVE = "eq-or-above"
    UNDER = "under"
    EQ_OR_UNDER = "eq-or-under"
    NOT_UNDER = "not-under"


@dataclass(frozen=True, slots=True)
class All:
    """Holds when every child holds; holds when there is none."""

    children: tuple["Condition", ...]


@dataclass(frozen=True, slots=True)
class Any:
    """Holds when one child holds; never when there is none."""

    children: tuple["Condition", ...]


@dataclass(frozen=True, slots=True)
class Not:
    """Holds when the child does not: two-valued, whatever is null below."""

    child: "Condition"


@dataclass(frozen=True, slots=True)
class Compare:
    """A column against a constant; `value` is None for operators that take none."""

    path: ColumnPath
    operator: Operator
    value: Value = None


@dataclass(frozen=True, slots=True)
class CompareColumns:
    """A column against another column of the same row, or of the record being assigned."""

    path: ColumnPath
    operator: Operator
    other: ColumnPath
    other_is_record: bool = False


@dataclass(frozen=True, slots=True)
class Related:
    """Some related row satisfies `where`; with `exists` false: none does ("does not contain data").

    `navigation` is a path of navigation properties; N:1, 1:N and N:N read alike.
    """

    navigation: ColumnPath
    exists: bool = True
    where: "Condition | None" = None


@dataclass(frozen=True, slots=True)
class SellerAttribute:
    """A seller attribute; operators: in, eq, ne, null, not-null."""

    name: str
    operator: Operator
    values: tuple[str, ...] = ()


Condition = All | Any | Not | Compare | CompareColumns | Related | SellerAttribute
