"""What each FetchXML operator takes and is defined for; what it means for a value is in `matching`.

Source of the column types: "Fetch XML reference: operators" (Microsoft Learn, Dataverse developer
guide).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from engine.conditions.language.model import Operator
from engine.schema import ColumnType


class ValueKind(StrEnum):
    """What stands beside an operator."""

    NONE = "no value"
    SCALAR = "one value"
    LIST = "a list of values"
    PAIR = "a list of two values"
    COUNT = "a whole number of at least 1"
    DAY = "a date or a date and time"
    PERIOD = "the number of a fiscal period, 1 to 13"
    YEAR = "a fiscal year"
    PERIOD_AND_YEAR = "a list of a fiscal period and a fiscal year"


class Family(StrEnum):
    """Groups of column types that share operators."""

    TEXT = "text"
    NUMBER = "number"
    CHOICE = "choice"
    MULTI_CHOICE = "multi-select choice"
    DATE = "date"
    REFERENCE = "lookup or unique identifier"


_FAMILIES: Mapping[ColumnType, Family] = {
    ColumnType.STRING: Family.TEXT,
    ColumnType.MEMO: Family.TEXT,
    ColumnType.INTEGER: Family.NUMBER,
    ColumnType.BIGINT: Family.NUMBER,
    ColumnType.DECIMAL: Family.NUMBER,
    ColumnType.DOUBLE: Family.NUMBER,
    ColumnType.MONEY: Family.NUMBER,
    ColumnType.CHOICE: Family.CHOICE,
    ColumnType.BOOLEAN: Family.CHOICE,
    ColumnType.STATE: Family.CHOICE,
    ColumnType.STATUS: Family.CHOICE,
    ColumnType.MULTI_CHOICE: Family.MULTI_CHOICE,
    ColumnType.DATETIME: Family.DATE,
    ColumnType.DATE: Family.DATE,
    ColumnType.LOOKUP: Family.REFERENCE,
    ColumnType.OWNER: Family.REFERENCE,
    ColumnType.CUSTOMER: Family.REFERENCE,
    ColumnType.UNIQUEIDENTIFIER: Family.REFERENCE,
}


def family_of(column_type: ColumnType) -> Family | None:
    """The family of a column type; None when the type is not known."""
    return _FAMILIES.get(column_type)


@dataclass(frozen=True, slots=True)
class OperatorFacts:
    """What an operator takes, the families of columns it is defined for, and what it asks besides.

    The answer of one that `depends_on_now` can change with the time alone. One that
    `is_hierarchical` asks for the rows above, one that `asks_caller` for the user who asks.
    """

    takes: ValueKind
    families: frozenset[Family]
    depends_on_now: bool = False
    is_hierarchical: bool = False
    asks_caller: bool = False

    @property
    def looks_beyond(self) -> bool:
        """Whether the answer takes more than the column's value and the time."""
        return self.is_hierarchical or self.asks_caller


_EVERY = frozenset(Family)
_TEXT = frozenset({Family.TEXT})
_NUMBERS = frozenset({Family.NUMBER})
_ORDERED = frozenset({Family.TEXT, Family.NUMBER, Family.DATE})
_RANGED = frozenset({Family.NUMBER, Family.DATE})
_MULTI = frozenset({Family.MULTI_CHOICE})
_DATES = frozenset({Family.DATE})
_REFERENCES = frozenset({Family.REFERENCE})


def _group(
    takes: ValueKind, families: frozenset[Family], *names: Operator
) -> dict[Operator, OperatorFacts]:
    return {name: OperatorFacts(takes, families) for name in names}


def _from_now(takes: ValueKind, *names: Operator) -> dict[Operator, OperatorFacts]:
    """Operators on dates that count from the present moment."""
    return {name: OperatorFacts(takes, _DATES, depends_on_now=True) for name in names}


def _of_caller(
    families: frozenset[Family], *names: Operator, is_hierarchical: bool = False
) -> dict[Operator, OperatorFacts]:
    """Operators that compare with the user who asks."""
    facts = OperatorFacts(
        ValueKind.NONE, families, is_hierarchical=is_hierarchical, asks_caller=True
    )
    return dict.fromkeys(names, facts)


def _in_line(*names: Operator) -> dict[Operator, OperatorFacts]:
    """Operators that compare with the rows above or below a named one."""
    return dict.fromkeys(names, OperatorFacts(ValueKind.SCALAR, _REFERENCES, is_hierarchical=True))


_O = Operator
FACTS: Mapping[Operator, OperatorFacts] = {
    **_group(ValueKind.SCALAR, _EVERY, _O.EQ, _O.NE),
    **_group(ValueKind.NONE, _EVERY, _O.NULL, _O.NOT_NULL),
    **_group(ValueKind.LIST, _EVERY, _O.IN, _O.NOT_IN),
    **_group(ValueKind.SCALAR, _ORDERED, _O.GT, _O.GE, _O.LT, _O.LE),
    **_group(ValueKind.PAIR, _RANGED, _O.BETWEEN, _O.NOT_BETWEEN),
    **_group(ValueKind.SCALAR, _TEXT, _O.LIKE, _O.NOT_LIKE, _O.BEGINS_WITH, _O.NOT_BEGIN_WITH),
    **_group(ValueKind.SCALAR, _TEXT, _O.ENDS_WITH, _O.NOT_END_WITH),
    **_group(ValueKind.LIST, _MULTI, _O.CONTAIN_VALUES, _O.NOT_CONTAIN_VALUES),
    **_group(ValueKind.DAY, _DATES, _O.ON, _O.ON_OR_BEFORE, _O.ON_OR_AFTER),
    **_from_now(ValueKind.NONE, _O.YESTERDAY, _O.TODAY, _O.TOMORROW),
    **_from_now(ValueKind.NONE, _O.LAST_SEVEN_DAYS, _O.NEXT_SEVEN_DAYS),
    **_from_now(ValueKind.NONE, _O.LAST_WEEK, _O.THIS_WEEK, _O.NEXT_WEEK),
    **_from_now(ValueKind.NONE, _O.LAST_MONTH, _O.THIS_MONTH, _O.NEXT_MONTH),
    **_from_now(ValueKind.NONE, _O.LAST_YEAR, _O.THIS_YEAR, _O.NEXT_YEAR),
    **_from_now(ValueKind.COUNT, _O.LAST_X_HOURS, _O.LAST_X_DAYS, _O.LAST_X_WEEKS),
    **_from_now(ValueKind.COUNT, _O.LAST_X_MONTHS, _O.LAST_X_YEARS),
    **_from_now(ValueKind.COUNT, _O.NEXT_X_HOURS, _O.NEXT_X_DAYS, _O.NEXT_X_WEEKS),
    **_from_now(ValueKind.COUNT, _O.NEXT_X_MONTHS, _O.NEXT_X_YEARS),
    **_from_now(ValueKind.COUNT, _O.OLDERTHAN_X_MINUTES, _O.OLDERTHAN_X_HOURS),
    **_from_now(ValueKind.COUNT, _O.OLDERTHAN_X_DAYS, _O.OLDERTHAN_X_WEEKS),
    **_from_now(ValueKind.COUNT, _O.OLDERTHAN_X_MONTHS, _O.OLDERTHAN_X_YEARS),
    **_from_now(ValueKind.NONE, _O.THIS_FISCAL_PERIOD, _O.THIS_FISCAL_YEAR),
    **_from_now(ValueKind.NONE, _O.LAST_FISCAL_PERIOD, _O.LAST_FISCAL_YEAR),
    **_from_now(ValueKind.NONE, _O.NEXT_FISCAL_PERIOD, _O.NEXT_FISCAL_YEAR),
    **_from_now(ValueKind.COUNT, _O.LAST_X_FISCAL_PERIODS, _O.LAST_X_FISCAL_YEARS),
    **_from_now(ValueKind.COUNT, _O.NEXT_X_FISCAL_PERIODS, _O.NEXT_X_FISCAL_YEARS),
    **_group(ValueKind.PERIOD, _DATES, _O.IN_FISCAL_PERIOD),
    **_group(ValueKind.YEAR, _DATES, _O.IN_FISCAL_YEAR),
    **_group(ValueKind.PERIOD_AND_YEAR, _DATES, _O.IN_FISCAL_PERIOD_AND_YEAR),
    **_group(ValueKind.PERIOD_AND_YEAR, _DATES, _O.IN_OR_AFTER_FISCAL_PERIOD_AND_YEAR),
    **_group(ValueKind.PERIOD_AND_YEAR, _DATES, _O.IN_OR_BEFORE_FISCAL_PERIOD_AND_YEAR),
    **_of_caller(_REFERENCES, _O.EQ_USERID, _O.NE_USERID, _O.EQ_BUSINESSID, _O.NE_BUSINESSID),
    **_of_caller(_REFERENCES, _O.EQ_USERTEAMS, _O.EQ_USERORUSERTEAMS),
    **_of_caller(_REFERENCES, _O.EQ_USERORUSERHIERARCHY, is_hierarchical=True),
    **_of_caller(_REFERENCES, _O.EQ_USERORUSERHIERARCHYANDTEAMS, is_hierarchical=True),
    **_of_caller(_NUMBERS, _O.EQ_USERLANGUAGE),
    **_in_line(_O.ABOVE, _O.EQ_OR_ABOVE, _O.UNDER, _O.EQ_OR_UNDER, _O.NOT_UNDER),
}
"""One entry for every operator."""

COMPLEMENTS: Mapping[Operator, Operator] = {
    _O.NE: _O.EQ,
    _O.NOT_IN: _O.IN,
    _O.NOT_LIKE: _O.LIKE,
    _O.NOT_BEGIN_WITH: _O.BEGINS_WITH,
    _O.NOT_END_WITH: _O.ENDS_WITH,
    _O.NOT_BETWEEN: _O.BETWEEN,
}
"""Operators that hold exactly when their positive twin does not, for a null column too."""

COLUMN_OPERATORS = frozenset({_O.EQ, _O.NE, _O.GT, _O.GE, _O.LT, _O.LE})
"""Operators of a column-to-column comparison (FetchXML `valueof`)."""

ATTRIBUTE_OPERATORS = frozenset({_O.IN, _O.EQ, _O.NE, _O.NULL, _O.NOT_NULL})
"""Operators of a seller attribute."""
