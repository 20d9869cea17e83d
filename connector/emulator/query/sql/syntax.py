"""The nodes that expressions of query options are parsed into; names are not resolved yet here."""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum


class LiteralKind(StrEnum):
    """What a literal was written as; the text is OData's name of the type in messages."""

    NULL = "null"
    STRING = "Edm.String"
    GUID = "Edm.Guid"
    BOOLEAN = "Edm.Boolean"
    INTEGER = "Edm.Int32"
    DECIMAL = "Edm.Decimal"
    DATETIME = "Edm.DateTimeOffset"
    DATE = "Edm.Date"
    ENUM = "Enum"
    JSON = "Collection"


LiteralValue = str | int | Decimal | bool | datetime | date | None


@dataclass(frozen=True, slots=True)
class Literal:
    """A constant; a GUID is lower-case text, a datetime is aware and in UTC, JSON is its text."""

    kind: LiteralKind
    value: LiteralValue
    text: str
    position: int


@dataclass(frozen=True, slots=True)
class Name:
    """A property, or a path to one: `("primarycontactid", "fullname")`."""

    path: tuple[str, ...]
    position: int


@dataclass(frozen=True, slots=True)
class Call:
    """A function with positional arguments: contains(name,'x')."""

    name: str
    arguments: tuple["Node", ...]
    position: int


@dataclass(frozen=True, slots=True)
class NamedCall:
    """A function with named parameters: Microsoft.Dynamics.CRM.In(PropertyName='x',…).

    `target` is the path it was called on (`o/Microsoft.Dynamics.CRM.In(…)` in a lambda).
    """

    name: str
    parameters: tuple[tuple[str, "Node"], ...]
    position: int
    target: tuple[str, ...] = ()

    def parameter(self, name: str) -> "Node | None":
        """The value given for a parameter, None when it was not given."""
        return next((value for key, value in self.parameters if key == name), None)


@dataclass(frozen=True, slots=True)
class Comparison:
    """`left operator right` with eq, ne, gt, ge, lt or le."""

    operator: str
    left: "Node"
    right: "Node"
    position: int


@dataclass(frozen=True, slots=True)
class Logical:
    """`and` or `or` of two or more operands."""

    operator: str
    operands: tuple["Node", ...]


@dataclass(frozen=True, slots=True)
class Negation:
    """`not operand`."""

    operand: "Node"
    position: int


@dataclass(frozen=True, slots=True)
class Quantified:
    """`path/any(variable:predicate)` or `all`; a predicate of None is `any()`."""

    path: tuple[str, ...]
    quantifier: str
    variable: str | None
    predicate: "Node | None"
    position: int


Node = Literal | Name | Call | NamedCall | Comparison | Logical | Negation | Quantified


@dataclass(frozen=True, slots=True)
class OrderItem:
    """One key of `$orderby`."""

    expression: Name
    descending: bool


@dataclass(frozen=True, slots=True)
class ExpandItem:
    """One item of `$expand` with its nested options; `reference` is `nav/$ref`."""

    navigation: str
    position: int
    reference: bool = False
    select: tuple[Name, ...] | None = None
    filter: Node | None = None
    order: tuple[OrderItem, ...] = ()
    top: int | None = None
    expand: tuple["ExpandItem", ...] = ()
    options_text: tuple[tuple[str, str], ...] = ()
