"""The stretches of time that relative and fiscal date operators mean; no SQL, no columns."""

import calendar
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from connector.emulator.protocol.errors import ODataError, invalid_argument
from connector.emulator.query.sql.context import QueryContext


@dataclass(frozen=True, slots=True)
class TimeRange:
    """Half-open: `start` belongs to it, `end` does not; None is unbounded. Both are aware."""

    start: datetime | None
    end: datetime | None


HOUR_OPERATORS = frozenset(
    {"last-x-hours", "next-x-hours", "olderthan-x-hours", "olderthan-x-minutes"}
)
_SECOND = timedelta(seconds=1)
_DAY_UNITS = {"days": 1, "weeks": 7}
_MONTH_UNITS = {"months": 1, "years": 12}


def time_range_of(
    operator: str, numbers: tuple[int, ...], context: QueryContext
) -> TimeRange | None:
    """The stretch an operator means now; None when the operator is not about a stretch of time.

    Raises ODataError 400 for a number that leads out of the calendar.
    """
    build = _FIXED.get(operator)
    try:
        if build is not None:
            return build(context)
        if operator.startswith(("last-x-", "next-x-", "olderthan-x-")):
            return _relative(operator, numbers[0], context)
        if "fiscal" in operator:
            return _fiscal(operator, numbers, context)
    except (OverflowError, ValueError) as error:
        raise _out_of_range(operator) from error
    return None


def day_range(day: date, context: QueryContext) -> TimeRange:
    """A calendar day in the caller's zone."""
    try:
        return TimeRange(_midnight(day, context), _midnight(day + timedelta(days=1), context))
    except OverflowError as error:
        raise _out_of_range("on") from error


def _out_of_range(operator: str) -> ODataError:
    return invalid_argument(f"The value of the operator '{operator}' is outside of the calendar.")


def _midnight(day: date, context: QueryContext) -> datetime:
    return datetime.combine(day, time(), context.zone)


def _days(offset: int, length: int) -> Callable[[QueryContext], TimeRange]:
    def build(context: QueryContext) -> TimeRange:
        first = context.local_now.date() + timedelta(days=offset)
        return TimeRange(
            _midnight(first, context), _midnight(first + timedelta(days=length), context)
        )

    return build


def _weeks(offset: int) -> Callable[[QueryContext], TimeRange]:
    def build(context: QueryContext) -> TimeRange:
        today = context.local_now.date()
        first = today - timedelta(days=(today.weekday() - context.week_start) % 7)
        first += timedelta(weeks=offset)
        return TimeRange(_midnight(first, context), _midnight(first + timedelta(days=7), context))

    return build


def _months(offset: int, length: int) -> Callable[[QueryContext], TimeRange]:
    def build(context: QueryContext) -> TimeRange:
        today = context.local_now.date()
        first = today.replace(day=1, month=1 if length == 12 else today.month)
        first = add_months(first, offset * length)
        return TimeRange(_midnight(first, context), _midnight(add_months(first, length), context))

    return build


def _seven_days(direction: str) -> Callable[[QueryContext], TimeRange]:
    return lambda context: _relative(f"{direction}-x-days", 7, context)


def add_months(day: date, months: int) -> date:
    """The same day of another month, or that month's last day."""
    index = day.year * 12 + day.month - 1 + months
    year, month = divmod(index, 12)
    if not 1 <= year <= 9998:
        raise OverflowError(year)
    return date(year, month + 1, min(day.day, calendar.monthrange(year, month + 1)[1]))


def _relative(operator: str, count: int, context: QueryContext) -> TimeRange:
    kind, _, unit = operator.partition("-x-")
    if unit.startswith("fiscal"):
        return _relative_fiscal(kind, unit, count, context)
    now = context.local_now.astimezone(UTC)
    if unit in ("hours", "minutes"):
        return _exact(kind, timedelta(**{unit: count}), now)
    if kind == "next":
        last = _shift(context.local_now.date(), unit, count)
        return TimeRange(now, _midnight(last + timedelta(days=1), context))
    first = _midnight(_shift(context.local_now.date(), unit, -count), context)
    return TimeRange(None, first) if kind == "olderthan" else TimeRange(first, now + _SECOND)


def _exact(kind: str, span: timedelta, now: datetime) -> TimeRange:
    if kind == "next":
        return TimeRange(now, now + span + _SECOND)
    if kind == "olderthan":
        return TimeRange(None, now - span)
    return TimeRange(now - span, now + _SECOND)


def _shift(day: date, unit: str, count: int) -> date:
    if unit in _DAY_UNITS:
        return day + timedelta(days=count * _DAY_UNITS[unit])
    return add_months(day, count * _MONTH_UNITS[unit])


def _fiscal_start(context: QueryContext) -> tuple[date, int]:
    today = context.local_now.date()
    months = 12 // context.fiscal_periods
    passed = (today.month - context.fiscal_month) % 12 // months * months
    year_start = add_months(today.replace(day=1), -((today.month - context.fiscal_month) % 12))
    return add_months(year_start, passed), months


def _fiscal_range(start: date, length: int, context: QueryContext) -> TimeRange:
    return TimeRange(_midnight(start, context), _midnight(add_months(start, length), context))


def _relative_fiscal(kind: str, unit: str, count: int, context: QueryContext) -> TimeRange:
    start, months = _fiscal_start(context)
    if unit == "fiscal-years":
        start = add_months(start, -((start.month - context.fiscal_month) % 12))
        months = 12
    if kind == "last":
        return _fiscal_range(add_months(start, -months * count), months * count, context)
    return _fiscal_range(add_months(start, months), months * count, context)


def _around_fiscal(offset: int, whole_year: bool) -> Callable[[QueryContext], TimeRange]:
    def build(context: QueryContext) -> TimeRange:
        start, months = _fiscal_start(context)
        if whole_year:
            start = add_months(start, -((start.month - context.fiscal_month) % 12))
            months = 12
        return _fiscal_range(add_months(start, offset * months), months, context)

    return build


def _fiscal(operator: str, numbers: tuple[int, ...], context: QueryContext) -> TimeRange | None:
    if operator == "in-fiscal-year":
        return _fiscal_range(date(numbers[0], context.fiscal_month, 1), 12, context)
    if operator == "in-fiscal-period":
        return None
    period, year = numbers
    if not 1 <= period <= context.fiscal_periods:
        raise ValueError(period)
    months = 12 // context.fiscal_periods
    start = add_months(date(year, context.fiscal_month, 1), (period - 1) * months)
    time_range = _fiscal_range(start, months, context)
    if operator == "in-or-after-fiscal-period-and-year":
        return TimeRange(time_range.start, None)
    if operator == "in-or-before-fiscal-period-and-year":
        return TimeRange(None, time_range.end)
    return time_range


_FIXED: dict[str, Callable[[QueryContext], TimeRange]] = {
    "yesterday": _days(-1, 1),
    "today": _days(0, 1),
    "tomorrow": _days(1, 1),
    "last-seven-days": _seven_days("last"),
    "next-seven-days": _seven_days("next"),
    "last-week": _weeks(-1),
    "this-week": _weeks(0),
    "next-week": _weeks(1),
    "last-month": _months(-1, 1),
    "this-month": _months(0, 1),
    "next-month": _months(1, 1),
    "last-year": _months(-1, 12),
    "this-year": _months(0, 12),
    "next-year": _months(1, 12),
    "last-fiscal-period": _around_fiscal(-1, whole_year=False),
    "this-fiscal-period": _around_fiscal(0, whole_year=False),
    "next-fiscal-period": _around_fiscal(1, whole_year=False),
    "last-fiscal-year": _around_fiscal(-1, whole_year=True),
    "this-fiscal-year": _around_fiscal(0, whole_year=True),
    "next-fiscal-year": _around_fiscal(1, whole_year=True),
}
