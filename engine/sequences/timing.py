"""When the steps of a sequence open and fall due, and what ends it; connecting one is elsewhere."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import IntEnum
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from engine.calendars.recurrences import works_on
from engine.conditions.evaluation.interpreter import holds
from engine.conditions.language.context import Context
from engine.records import Record
from engine.rules.durations import Duration, parse_duration
from engine.sellers import Calendar

if TYPE_CHECKING:
    from engine.rules.models import Sequence as SequenceDefinition
    from engine.rules.models import Step

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_OFFICE_DAYS = frozenset(_DAYS[:5])
_LONGEST_ABSENCE = 3700


class EndReason(IntEnum):
    """`msdyn_deactivatereason` of a sequence target, as far as the engine can see it."""

    REGARDING_DEACTIVATED = 2
    EXIT_CRITERION_MET = 3
    COMPLETED = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduledStep:
    """One step in time, all instants in UTC; `due_at` is None for an activity without a limit."""

    index: int
    kind: str
    text: str
    opens_at: datetime
    due_at: datetime | None
    completed_at: datetime | None = None

    def is_overdue(self, now: datetime) -> bool:
        """Still open although its time has passed."""
        return self.completed_at is None and self.due_at is not None and now > self.due_at


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkingDays:
    """Which days count: those of a seller's calendar, or Monday to Friday without one."""

    time_zone: str = "UTC"
    calendar: Calendar | None = None

    @property
    def zone(self) -> ZoneInfo:
        """The zone the days are counted in: the calendar's, where there is one."""
        return ZoneInfo(self.time_zone if self.calendar is None else self.calendar.time_zone)

    def is_working(self, day: date) -> bool:
        """Whether work is done on a day: working hours, no time off, no business closure."""
        name = _DAYS[day.weekday()]
        if self.calendar is None:
            return name in _OFFICE_DAYS
        if day in self.calendar.closures or self._is_off(self.calendar, day):
            return False
        if self.calendar.recurring:
            return works_on(self.calendar.recurring, day)
        weekly = self.calendar.weekly
        return name in _OFFICE_DAYS if weekly is None else bool(weekly.get(name))

    @staticmethod
    def _is_off(calendar: Calendar, day: date) -> bool:
        return any(first <= day <= last for first, last in calendar.time_off)


def add_duration(start: datetime, length: Duration, days: WorkingDays) -> datetime:
    """The instant that is `length` after `start`, in UTC.

    Minutes and hours are exact; days and weeks keep the wall-clock time across clock changes.
    Raises ValueError when a calendar leaves no working day within ten years.
    """
    if length.unit == "minute":
        return start + timedelta(minutes=length.count)
    if length.unit == "hour":
        return start + timedelta(hours=length.count)
    local = start.astimezone(days.zone)
    if length.working:
        day = _skip_working_days(local.date(), length.count, days)
    else:
        day = local.date() + timedelta(days=length.count * (7 if length.unit == "week" else 1))
    return datetime.combine(day, local.timetz()).astimezone(UTC)


def _skip_working_days(start: date, count: int, days: WorkingDays) -> date:
    left, day = count, start
    for _ in range(_LONGEST_ABSENCE + count * 7):
        if left == 0:
            return day
        day += timedelta(days=1)
        left -= days.is_working(day)
    raise ValueError("the calendar has no working day within ten years")


def schedule_steps(
    sequence: "SequenceDefinition",
    connected_at: datetime,
    *,
    days: WorkingDays,
    completed_at: Sequence[datetime] = (),
) -> tuple[ScheduledStep, ...]:
    """Every step in time: those done by when they were done, the rest by when they fall due.

    A step opens when the one before it is done, or is expected to be: at its due time, at once when
    it has no limit.
    """
    return tuple(_walk(sequence.steps, connected_at, days, completed_at))


def _walk(
    steps: "Sequence[Step]",
    connected_at: datetime,
    days: WorkingDays,
    completed_at: Sequence[datetime],
) -> Iterator[ScheduledStep]:
    opens_at = connected_at
    for index, step in enumerate(steps):
        limit = step.wait or step.within
        due_at = add_duration(opens_at, parse_duration(limit), days) if limit else None
        done = completed_at[index] if index < len(completed_at) else None
        yield ScheduledStep(
            index=index,
            kind=step.kind,
            text=step.text,
            opens_at=opens_at,
            due_at=due_at,
            completed_at=done,
        )
        opens_at = done or due_at or opens_at


def find_current_step(
    steps: Sequence[ScheduledStep],
) -> ScheduledStep | None:
    """The first step that is not done; None at the end."""
    return next((step for step in steps if step.completed_at is None), None)


def find_end(
    sequence: "SequenceDefinition",
    record: Record,
    context: Context,
    *,
    completed_steps: int = 0,
    has_reply: bool = False,
) -> EndReason | None:
    """Why a connection ends now, None while it goes on (msdyn_sequencetarget)."""
    if not record.is_open:
        return EndReason.REGARDING_DEACTIVATED
    if sequence.exit_on_reply and has_reply:
        return EndReason.EXIT_CRITERION_MET
    if sequence.exit_when is not None and holds(sequence.exit_when, record.row, context):
        return EndReason.EXIT_CRITERION_MET
    return EndReason.COMPLETED if completed_steps >= len(sequence.steps) else None
