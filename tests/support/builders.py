"""One vocabulary for tests: people, rows, rules, by the shortest words that say what matters.

Rows are as the Web API gives them, entries as a directory file lists them, and the rest are values
of the engine.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, TypedDict

from typing_extensions import Unpack

from engine.normalise import normalise
from engine.records import Record
from engine.rules.rule_set import RuleSet, build_rule_set
from engine.sellers import Calendar, Queue, Seller, Team

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
"""A Monday at noon."""

NOON = "2026-11-23T12:00:00Z"
"""The same as text."""

INSIGHT = "msdyn_salessuggestion"
ROOM = 50
"""How much a person can be given at most where a test says only what is left of it."""


class Clocks(TypedDict, total=False):
    """What sellers and teams have in common besides their names."""

    max_capacity: int | None
    consumed: Mapping[str, int]
    last_assigned_at_by_rule: Mapping[str, datetime]
    assignment_order: int
    weight: int
    turns_taken: int
    joined_at: datetime | None
    head_start: int


class SellerFields(Clocks, total=False):
    """What else a test can say of a seller."""

    is_disabled: bool
    is_assignable: bool
    attributes: Mapping[str, tuple[str, ...]]
    calendar: Calendar | None
    readable_tables: frozenset[str] | None


class TeamFields(Clocks, total=False):
    """What else a test can say of a team."""

    team_type: int
    members: tuple[str, ...]
    last_assigned_at: datetime | None


def at(clock: str, day: int = 23) -> datetime:
    """`10:31` of a November day in 2026."""
    hour, minute = clock.split(":")
    return datetime(2026, 11, day, int(hour), int(minute), tzinfo=UTC)


def guid(number: int) -> str:
    """A GUID that sorts by its number."""
    return f"00000000-0000-4000-8000-{number:012d}"


def seller(
    key: int | str,
    name: str | None = None,
    *,
    last: datetime | str | None = None,
    left: int | None = None,
    columns: Mapping[str, object] | None = None,
    **fields: Unpack[SellerFields],
) -> Seller:
    """A seller with the GUID of a number, or with a name that is the id too.

    `last` is when they were last assigned something, an instant or the clock of the day; `left`
    the leads they have room for still; `columns` more of their row than id and name.
    """
    called = name or (key if isinstance(key, str) else f"Seller {key}")
    if left is not None:
        fields |= {"max_capacity": ROOM, "consumed": {"lead": ROOM - left}}
    return Seller(
        id=_id(key),
        name=called,
        row={"systemuserid": _id(key), "fullname": called, **(columns or {})},
        last_assigned_at=at(last) if isinstance(last, str) else last,
        **fields,
    )


def team(
    key: int | str,
    name: str | None = None,
    *,
    columns: Mapping[str, object] | None = None,
    **fields: Unpack[TeamFields],
) -> Team:
    """A team, as `seller` makes sellers."""
    called = name or (key if isinstance(key, str) else f"Team {key}")
    row = {"teamid": _id(key), "name": called, **(columns or {})}
    return Team(id=_id(key), name=called, row=row, **fields)


def queue(key: int | str, name: str) -> Queue:
    """A queue."""
    return Queue(id=_id(key), name=name, row={"queueid": _id(key), "name": name})


def _id(key: int | str) -> str:
    return guid(key) if isinstance(key, int) else key


def seller_entry(number: int, name: str, **fields: Any) -> dict[str, Any]:
    """A seller as a directory file lists them."""
    return {"systemuserid": guid(number), "fullname": name, **fields}


def row(number: int = 10, table: str = "lead", **columns: Any) -> dict[str, Any]:
    """An open row made at noon."""
    return {
        "@odata.type": f"#Microsoft.Dynamics.CRM.{table}",
        f"{table}id": guid(number),
        "statecode": 0,
        "createdon": NOON,
        **columns,
    }


def lead(number: int = 10, **columns: Any) -> dict[str, Any]:
    """An open lead made at noon."""
    return row(number, "lead", **columns)


def insight(number: int = 70, **columns: Any) -> dict[str, Any]:
    """An open insight made at noon."""
    return row(number, INSIGHT, **columns)


def record(number: int = 10, table: str = "lead", **columns: Any) -> Record:
    """An open row made at noon, as the engine takes it."""
    found = normalise(row(number, table, **columns))
    assert isinstance(found, Record), found
    return found


ALL = {"name": "All", "table": "lead", "default": True}
"""The segment of every lead that no other segment takes."""

ANY = {"name": "Any", "table": "lead", "segment": "All", "assign_to": {"any_seller": True}}
"""The rule that gives them to any seller."""


def rule(name: str = "R", assign_to: Any = None, **fields: Any) -> dict[str, Any]:
    """A rule for all leads, as it stands in a rules file."""
    return {**ANY, "name": name, **({"assign_to": assign_to} if assign_to else {}), **fields}


def rules_file(*rules: dict[str, Any], **parts: Any) -> dict[str, Any]:
    """What a rules file says: these rules over all leads, unless `segments` says otherwise."""
    return {"version": 1, "segments": [ALL], "rules": list(rules), **parts}


def rules(*each: dict[str, Any], **parts: Any) -> RuleSet:
    """The rule set of such a file."""
    return build_rule_set(rules_file(*each, **parts))


def compare(column: str, operator: str, value: object = None, **keys: object) -> dict[str, Any]:
    """A comparison, as it stands in a rules file."""
    plain = {"column": column, "operator": operator, **keys}
    return plain if value is None else {**plain, "value": value}


def eq(column: str, value: object) -> dict[str, Any]:
    """The comparison that a column has a value."""
    return compare(column, "eq", value)
