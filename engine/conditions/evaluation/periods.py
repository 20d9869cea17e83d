"""Date operators → spans of time in the rule set's calendar; reading dates from cells is in
`moments`.

Microsoft: "Fetch XML reference: operators". Where it is silent: `last-x-days` and its kin run from
the midnight X units ago to now, `next-x-…` from now to the end of the day X units ahead, hours and
minutes are exact, and fiscal "last/next x" are X whole periods or years before or after the current
one.
"""

from calendar import monthrange
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from engine.conditions.language.context import DateSettings
from engine.conditions.language.model import Operator, Value
from engine.conditions.language.moments import (
    Span,
    following_tick,
    local_day,
    midnight,
    to_utc,
    zone_of,
)
from engine.errors import ConfigProblem

WEEK_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
FISCAL_PERIODS: Mapping[str, int] = {
    "year": 1,
    "half_year": 2,
    "quarter": 4,
    "month": 12,
    "four_weeks": 13,
}
"""Periods in a fiscal year."""

_FIRST_INSTANT = datetime(1, 1, 1, tzinfo=UTC)
_LAST_INSTANT = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)
EMPTY = Span(_LAST_INSTANT, _FIRST_INSTANT, 1, 1)


@dataclass(frozen=True, slots=True)
class FiscalCalendar:
    """Fiscal years named by the calendar year they start in, cut into equal periods."""

    month: int
    day: int
    period: str

    @property
    def periods(self) -> int:
        """How many periods a year has."""
        return FISCAL_PERIODS[self.period]

    def year_start(self, year: int) -> date:
        """The first day of a fiscal year; clamped to the calendar's ends."""
        if year < date.min.year:
            return date.min
        if year > date.max.year:
            return date.max
        return date(year, self.month, min(self.day, monthrange(year, self.month)[1]))

    def year_of(self, day: date) -> int:
        """The fiscal year a day falls in."""
        return day.year if day >= self.year_start(day.year) else day.year - 1

    def start(self, index: int) -> date:
        """The first day of a period counted through all years: year * periods + number - 1."""
        year, number = divmod(index, self.periods)
        begin = self.year_start(year)
        if self.period == "four_weeks":
            return add_days(begin, 28 * number)
        return add_months(begin, number * 12 // self.periods)

    def index_of(self, day: date) -> int:
        """The running number of the period a day falls in."""
        index = self.year_of(day) * self.periods + self.periods - 1
        while self.start(index) > day:
            index -= 1
        return index


def add_days(day: date, days: int) -> date:
    """A day moved by days, held at the calendar's ends."""
    ordinal = day.toordinal() + days
    return date.fromordinal(min(max(ordinal, 1), date.max.toordinal()))


def add_months(day: date, months: int) -> date:
    """A day moved by months: at most to the month's last day, held at the calendar's ends."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    if year < date.min.year:
        return date.min
    if year > date.max.year:
        return date.max
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))


def add_hours(instant: datetime, seconds: int) -> datetime:
    """An instant moved by seconds, held at the calendar's ends."""
    try:
        return instant + timedelta(seconds=seconds)
    except OverflowError:
        return _LAST_INSTANT if seconds > 0 else _FIRST_INSTANT


@lru_cache(maxsize=64)
def fiscal_calendar(dates: DateSettings) -> FiscalCalendar:
    """The fiscal calendar of the settings; raises ConfigProblem when they make none."""
    try:
        month, day = (int(part) for part in dates.fiscal_year_start.split("-"))
        date(2000, month, day)
    except ValueError as error:
        message = f"fiscal_year_start is MM-DD such as 04-06, not “{dates.fiscal_year_start}”"
        raise ConfigProblem(message) from error
    if dates.fiscal_period not in FISCAL_PERIODS:
        names = ", ".join(FISCAL_PERIODS)
        raise ConfigProblem(f"fiscal_period is one of {names}, not “{dates.fiscal_period}”")
    return FiscalCalendar(month, day, dates.fiscal_period)


def week_start(dates: DateSettings) -> int:
    """The weekday a week starts on, Monday being 0; raises ConfigProblem for another word."""
    try:
        return WEEK_DAYS.index(dates.week_starts_on.casefold())
    except ValueError as error:
        message = f"week_starts_on is a day such as sunday, not “{dates.week_starts_on}”"
        raise ConfigProblem(message) from error


@dataclass(frozen=True, slots=True)
class _Frame:
    """Now, and the calendar it is seen in."""

    now: datetime
    dates: DateSettings
    zone: ZoneInfo
    today: date

    def days(self, first: date | None, last: date | None) -> Span:
        """Whole days, both included."""
        return day_span(first, last, self.zone)

    def until_now(self, first: date) -> Span:
        until = self.today.toordinal() + 1
        start = midnight(first, self.zone)
        return Span(start, following_tick(self.now), first.toordinal(), until)

    def from_now(self, last: date) -> Span:
        end = self.days(None, last).end
        return Span(self.now, end, self.today.toordinal(), last.toordinal() + 1)

    def hours(self, seconds: int) -> Span:
        other = add_hours(self.now, seconds)
        begin, end = min(self.now, other), max(self.now, other)
        first, last = local_day(begin, self.zone), local_day(end, self.zone)
        return Span(begin, following_tick(end), first.toordinal(), last.toordinal() + 1)

    def before(self, day: date) -> Span:
        return Span(None, midnight(day, self.zone), None, day.toordinal())

    def older(self, seconds: int) -> Span:
        end = add_hours(self.now, -seconds)
        return Span(None, end, None, local_day(end, self.zone).toordinal())

    def weeks(self, offset: int) -> Span:
        back = (self.today.weekday() - week_start(self.dates)) % 7
        first = add_days(self.today, 7 * offset - back)
        return self.days(first, add_days(first, 6))

    def months(self, offset: int) -> Span:
        first = add_months(self.today.replace(day=1), offset)
        return self.days(first, add_days(add_months(first, 1), -1))

    def years(self, offset: int) -> Span:
        first = add_months(self.today.replace(month=1, day=1), 12 * offset)
        return self.days(first, add_days(add_months(first, 12), -1))

    def fiscal_periods(self, offset: int, count: int) -> Span:
        calendar = fiscal_calendar(self.dates)
        index = calendar.index_of(self.today) + offset
        return self.days(calendar.start(index), add_days(calendar.start(index + count), -1))

    def fiscal_years(self, offset: int, count: int) -> Span:
        calendar = fiscal_calendar(self.dates)
        year = calendar.year_of(self.today) + offset
        first, following = calendar.year_start(year), calendar.year_start(year + count)
        return self.days(first, add_days(following, -1))


def day_span(first: date | None, last: date | None, zone: ZoneInfo) -> Span:
    """Whole days in `zone`, both included; None leaves that end open."""
    start = None if first is None else midnight(first, zone)
    end = None if last is None or last == date.max else midnight(add_days(last, 1), zone)
    return Span(
        start,
        end,
        None if first is None else first.toordinal(),
        None if last is None else last.toordinal() + 1,
    )


_O = Operator
_FIXED: Mapping[Operator, Callable[[_Frame], Span]] = {
    _O.YESTERDAY: lambda f: f.days(add_days(f.today, -1), add_days(f.today, -1)),
    _O.TODAY: lambda f: f.days(f.today, f.today),
    _O.TOMORROW: lambda f: f.days(add_days(f.today, 1), add_days(f.today, 1)),
    _O.LAST_SEVEN_DAYS: lambda f: f.until_now(add_days(f.today, -7)),
    _O.NEXT_SEVEN_DAYS: lambda f: f.from_now(add_days(f.today, 7)),
    _O.LAST_WEEK: lambda f: f.weeks(-1),
    _O.THIS_WEEK: lambda f: f.weeks(0),
    _O.NEXT_WEEK: lambda f: f.weeks(1),
    _O.LAST_MONTH: lambda f: f.months(-1),
    _O.THIS_MONTH: lambda f: f.months(0),
    _O.NEXT_MONTH: lambda f: f.months(1),
    _O.LAST_YEAR: lambda f: f.years(-1),
    _O.THIS_YEAR: lambda f: f.years(0),
    _O.NEXT_YEAR: lambda f: f.years(1),
    _O.LAST_FISCAL_PERIOD: lambda f: f.fiscal_periods(-1, 1),
    _O.THIS_FISCAL_PERIOD: lambda f: f.fiscal_periods(0, 1),
    _O.NEXT_FISCAL_PERIOD: lambda f: f.fiscal_periods(1, 1),
    _O.LAST_FISCAL_YEAR: lambda f: f.fiscal_years(-1, 1),
    _O.THIS_FISCAL_YEAR: lambda f: f.fiscal_years(0, 1),
    _O.NEXT_FISCAL_YEAR: lambda f: f.fiscal_years(1, 1),
}
_COUNTED: Mapping[Operator, Callable[[_Frame, int], Span]] = {
    _O.LAST_X_HOURS: lambda f, x: f.hours(-3600 * x),
    _O.LAST_X_DAYS: lambda f, x: f.until_now(add_days(f.today, -x)),
    _O.LAST_X_WEEKS: lambda f, x: f.until_now(add_days(f.today, -7 * x)),
    _O.LAST_X_MONTHS: lambda f, x: f.until_now(add_months(f.today, -x)),
    _O.LAST_X_YEARS: lambda f, x: f.until_now(add_months(f.today, -12 * x)),
    _O.NEXT_X_HOURS: lambda f, x: f.hours(3600 * x),
    _O.NEXT_X_DAYS: lambda f, x: f.from_now(add_days(f.today, x)),
    _O.NEXT_X_WEEKS: lambda f, x: f.from_now(add_days(f.today, 7 * x)),
    _O.NEXT_X_MONTHS: lambda f, x: f.from_now(add_months(f.today, x)),
    _O.NEXT_X_YEARS: lambda f, x: f.from_now(add_months(f.today, 12 * x)),
    _O.OLDERTHAN_X_MINUTES: lambda f, x: f.older(60 * x),
    _O.OLDERTHAN_X_HOURS: lambda f, x: f.older(3600 * x),
    _O.OLDERTHAN_X_DAYS: lambda f, x: f.before(add_days(f.today, -x)),
    _O.OLDERTHAN_X_WEEKS: lambda f, x: f.before(add_days(f.today, -7 * x)),
    _O.OLDERTHAN_X_MONTHS: lambda f, x: f.before(add_months(f.today, -x)),
    _O.OLDERTHAN_X_YEARS: lambda f, x: f.before(add_months(f.today, -12 * x)),
    _O.LAST_X_FISCAL_PERIODS: lambda f, x: f.fiscal_periods(-x, x),
    _O.LAST_X_FISCAL_YEARS: lambda f, x: f.fiscal_years(-x, x),
    _O.NEXT_X_FISCAL_PERIODS: lambda f, x: f.fiscal_periods(1, x),
    _O.NEXT_X_FISCAL_YEARS: lambda f, x: f.fiscal_years(1, x),
}
RELATIVE_OPERATORS = frozenset({*_FIXED, *_COUNTED})
"""Operators whose span moves with the time of evaluation."""

_NAMED = frozenset(
    {
        _O.IN_FISCAL_YEAR,
        _O.IN_FISCAL_PERIOD_AND_YEAR,
        _O.IN_OR_AFTER_FISCAL_PERIOD_AND_YEAR,
        _O.IN_OR_BEFORE_FISCAL_PERIOD_AND_YEAR,
    }
)
SPAN_OPERATORS = RELATIVE_OPERATORS | _NAMED
"""Operators that mean one stretch of time and take no date."""


def span_of(operator: Operator, value: Value, now: datetime, dates: DateSettings) -> Span:
    """The stretch of time that an operator of SPAN_OPERATORS means at `now` (aware).

    `value` is what `parse_value` gives for the operator. Raises ConfigProblem for settings that
    make no calendar; never for a date: everything is held at the ends of the calendar.
    """
    zone = zone_of(dates.time_zone)
    instant = to_utc(now, zone) or now
    frame = _Frame(instant, dates, zone, local_day(instant, zone))
    if operator in _FIXED:
        return _FIXED[operator](frame)
    if operator in _COUNTED:
        return _COUNTED[operator](frame, value if isinstance(value, int) else 0)
    return _named_span(operator, value, frame)


def _named_span(operator: Operator, value: Value, frame: _Frame) -> Span:
    calendar = fiscal_calendar(frame.dates)
    if not isinstance(value, tuple):
        year = value if isinstance(value, int) else 0
        following = calendar.year_start(year + 1)
        return frame.days(calendar.year_start(year), add_days(following, -1))
    number, year = (item if isinstance(item, int) else 0 for item in value)
    index = year * calendar.periods + number - 1
    last = add_days(calendar.start(index + 1), -1)
    if operator is Operator.IN_OR_AFTER_FISCAL_PERIOD_AND_YEAR:
        return frame.days(calendar.start(index), None)
    if operator is Operator.IN_OR_BEFORE_FISCAL_PERIOD_AND_YEAR:
        return frame.days(None, last)
    return frame.days(calendar.start(index), last) if number <= calendar.periods else EMPTY


def moment_span(operator: Operator, moment: date, dates: DateSettings) -> Span:
    """The stretch of time for eq, gt, ge, lt, le, on, on-or-before, on-or-after with a date.

    `moment` is an instant in UTC or a day; for a column of instants a day means its midnight.
    """
    zone = zone_of(dates.time_zone)
    if isinstance(moment, datetime):
        instant, day = moment, local_day(moment, zone)
    else:
        instant, day = midnight(moment, zone), moment
    ordinal = day.toordinal()
    following = following_tick(instant)
    if operator in _DAY_OPERATORS:
        first = None if operator is Operator.ON_OR_BEFORE else day
        return day_span(first, None if operator is Operator.ON_OR_AFTER else day, zone)
    after = operator in {Operator.GT, Operator.GE, Operator.EQ}
    before = operator in {Operator.LT, Operator.LE, Operator.EQ}
    skips, includes = operator is Operator.GT, operator is not Operator.LT
    return Span(
        (following if skips else instant) if after else None,
        (following if includes else instant) if before else None,
        ordinal + skips if after else None,
        ordinal + includes if before else None,
    )


_DAY_OPERATORS = frozenset({Operator.ON, Operator.ON_OR_BEFORE, Operator.ON_OR_AFTER})


def is_in_fiscal_period(moment: date, number: int, dates: DateSettings) -> bool:
    """Whether an instant in UTC or a day falls in the fiscal period of that number, of any year."""
    day = moment
    if isinstance(moment, datetime):
        day = local_day(moment, zone_of(dates.time_zone))
    calendar = fiscal_calendar(dates)
    return calendar.index_of(day) % calendar.periods == number - 1
