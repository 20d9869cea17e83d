"""Sellers, teams and queues that work can be given to; who is chosen is decided elsewhere."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime

from engine.records import EntityReference, Row

Interval = tuple[str, str]
"""Wall-clock times `("08:00", "17:00")`, half-open; an end not after the start is next day's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecurringHours:
    """The hours worked on the days of a recurrence; none = these days are off.

    `pattern` is a recurrence rule of RFC 5545 without its start, which is `first`; days after
    `last` do not count. On a day of several recurrences those of the highest rank hold.
    """

    pattern: str
    first: date
    last: date | None = None
    rank: int = 0
    hours: tuple[Interval, ...] = ()
    breaks: tuple[Interval, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Calendar:
    """Working hours of a seller in one time zone.

    `weekly` maps `mon` … `sun` to intervals; None means every hour is a working hour. `recurring`
    hours, where there are any, stand in place of `weekly` and `breaks`. `time_off` holds inclusive
    day ranges in the calendar's zone. Business closures are the days in `closures` and, with
    `country` (ISO 3166 code) and `subdivision`, its public holidays.
    """

    time_zone: str = "UTC"
    recurring: tuple[RecurringHours, ...] = ()
    weekly: Mapping[str, tuple[Interval, ...]] | None = None
    breaks: Mapping[str, tuple[Interval, ...]] = field(
        default_factory=dict[str, tuple[Interval, ...]]
    )
    time_off: tuple[tuple[date, date], ...] = ()
    closures: frozenset[date] = frozenset()
    country: str | None = None
    subdivision: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Seller:
    """A system user who can be given work.

    `row` holds the user's columns for matching conditions. `consumed` counts open rows owned, by
    table. `max_capacity` None falls back to the rule set's default capacity. `readable_tables` None
    = not known, taken as all. `turns_taken` counts the records of a turn that is not over yet (only
    with weights). `joined_at` and `head_start` are kept by the calibration of newcomers and
    returners (`fairness`).
    """

    id: str
    name: str
    row: Row
    is_disabled: bool = False
    is_assignable: bool = True
    attributes: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    max_capacity: int | None = None
    consumed: Mapping[str, int] = field(default_factory=dict[str, int])
    last_assigned_at: datetime | None = None
    last_assigned_at_by_rule: Mapping[str, datetime] = field(default_factory=dict[str, datetime])
    assignment_order: int = 0
    calendar: Calendar | None = None
    readable_tables: frozenset[str] | None = None
    weight: int = 1
    turns_taken: int = 0
    joined_at: datetime | None = None
    head_start: int = 0

    def reference(self) -> EntityReference:
        """The seller as an owner."""
        return EntityReference(table="systemuser", id=self.id, name=self.name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Team:
    """A team; `team_type` 1 (access team) cannot own rows.

    Clock, capacity and weight are the team's own and count only where rules spread work over teams.
    `max_capacity` None is the sum over its listed members. A team is free as soon as one member is.
    """

    id: str
    name: str
    row: Row
    team_type: int = 0
    members: tuple[str, ...] = ()
    max_capacity: int | None = None
    consumed: Mapping[str, int] = field(default_factory=dict[str, int])
    last_assigned_at: datetime | None = None
    last_assigned_at_by_rule: Mapping[str, datetime] = field(default_factory=dict[str, datetime])
    assignment_order: int = 0
    weight: int = 1
    turns_taken: int = 0
    joined_at: datetime | None = None
    head_start: int = 0

    def reference(self) -> EntityReference:
        """The team as an owner."""
        return EntityReference(table="team", id=self.id, name=self.name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Queue:
    """A queue; a row given to it keeps its owner and gets a queue item."""

    id: str
    name: str
    row: Row

    def reference(self) -> EntityReference:
        """The queue as a target."""
        return EntityReference(table="queue", id=self.id, name=self.name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Directory:
    """Everybody work can go to, with clocks and consumed capacity; a value that can be saved."""

    sellers: tuple[Seller, ...] = ()
    teams: tuple[Team, ...] = ()
    queues: tuple[Queue, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SellerClock:
    """When a seller (or team) was given work last; `order` tells equal instants apart.

    `by_rule` is kept where rules have clocks of their own, `turns` for weights, `joined_at` and
    `head_start` for newcomers.
    """

    seller_id: str
    last_assigned_at: datetime | None = None
    order: int = 0
    by_rule: Mapping[str, datetime] = field(default_factory=dict[str, datetime])
    turns: int = 0
    joined_at: datetime | None = None
    head_start: int = 0


Consumed = Mapping[str, Mapping[str, int]]
"""Units of open rows by owner id and table."""


def read_clocks(directory: Directory) -> dict[str, SellerClock]:
    """The clocks of everybody in a directory who was ever given work, by id."""
    clocks = [_clock_of(target) for target in _targets_of(directory)]
    return {
        clock.seller_id: clock
        for clock in clocks
        if clock != SellerClock(seller_id=clock.seller_id)
    }


def read_consumed(directory: Directory) -> Consumed:
    """What everybody in a directory consumes, by id."""
    return {target.id: target.consumed for target in _targets_of(directory)}


def _targets_of(directory: Directory) -> tuple[Seller | Team, ...]:
    return (*directory.sellers, *directory.teams)


def _clock_of(target: Seller | Team) -> SellerClock:
    return SellerClock(
        seller_id=target.id,
        last_assigned_at=target.last_assigned_at,
        order=target.assignment_order,
        by_rule=dict(target.last_assigned_at_by_rule),
        turns=target.turns_taken,
        joined_at=target.joined_at,
        head_start=target.head_start,
    )
