"""The parts of a rule set as the rules file writes them; how they fit together is in `rule_set`."""

from collections import abc
from datetime import timedelta
from typing import Annotated, Literal, Self, cast

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    PlainSerializer,
    StrictBool,
    StrictInt,
    Tag,
    WithJsonSchema,
    model_validator,
)
from pydantic_core import PydanticCustomError

from engine.conditions.language.json_schema import CONDITION_MARK
from engine.conditions.language.model import Condition
from engine.conditions.language.parsing import parse_condition
from engine.conditions.language.printing import print_condition
from engine.errors import InvalidDocument, Problem
from engine.rules.texts import (
    check_clock_time,
    check_day,
    check_duration,
    check_time_zone,
    check_working_time,
    parse_working_time,
)


def problems_error(problems: abc.Sequence[Problem]) -> PydanticCustomError:
    """One pydantic error that carries several problems with their paths below the failing field."""
    listed = [(problem.path, problem.message) for problem in problems]
    summary = "; ".join(problem.message for problem in problems)
    return PydanticCustomError("problems", "{summary}", {"summary": summary, "problems": listed})


def _read_condition(raw: object) -> object:
    if isinstance(raw, Condition):
        return raw
    try:
        return parse_condition(raw)
    except InvalidDocument as error:
        raise problems_error(error.problems) from error


ConditionField = Annotated[
    Condition,
    BeforeValidator(_read_condition),
    PlainSerializer(print_condition),
    WithJsonSchema(CONDITION_MARK),
]


Text = Annotated[str, Field(strict=True, min_length=1)]


TimeZone = Annotated[str, Field(strict=True), AfterValidator(check_time_zone)]


DurationText = Annotated[str, Field(strict=True), AfterValidator(check_duration)]


WorkingTime = Annotated[str, Field(strict=True), AfterValidator(check_working_time)]


MonthDay = Annotated[str, Field(strict=True, pattern=r"^(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$")]


Day = Annotated[str, Field(strict=True), AfterValidator(check_day)]


ClockTime = Annotated[str, Field(strict=True), AfterValidator(check_clock_time)]


Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]


EVERY_DAY: tuple[Weekday, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


Hours = Annotated[StrictInt, Field(ge=1, le=120)]


Positive = Annotated[StrictInt, Field(ge=1)]


class RulesModel(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)


class Step(RulesModel):
    """One step of a sequence: exactly one activity or a wait; `within` is the time to do it in."""

    email: Text | None = None
    phone_call: Text | None = None
    task: Text | None = None
    text_message: Text | None = None
    automated_email: Text | None = None
    automated_text_message: Text | None = None
    linkedin: Text | None = None
    wait: DurationText | None = None
    within: DurationText | None = None

    def _kinds(self) -> list[str]:
        return [
            name
            for name in type(self).model_fields
            if name != "within" and getattr(self, name) is not None
        ]

    @model_validator(mode="after")
    def _check(self) -> Self:
        kinds = self._kinds()
        if len(kinds) != 1:
            names = ", ".join(name for name in type(self).model_fields if name != "within")
            raise ValueError(f"a step has exactly one of {names}")
        if kinds == ["wait"] and self.within is not None:
            raise ValueError("`within` belongs to activities; a wait says its length itself")
        return self

    @property
    def kind(self) -> str:
        """The field that is set: email, phone_call … or wait."""
        return self._kinds()[0]

    @property
    def text(self) -> str:
        """What the seller reads, or the length of a wait."""
        return cast("str", getattr(self, self.kind))


class Sequence(RulesModel):
    """The activities a segment's rows go through; `sequence_id` is the tenant's msdyn_sequence.

    `exit_on_reply` and `exit_when` (a condition on the row) end it early.
    """

    name: Text
    table: Text
    sequence_id: Text | None = None
    active: StrictBool = True
    description: str | None = None
    steps: tuple[Step, ...] = ()
    exit_on_reply: StrictBool = False
    exit_when: ConditionField | None = None


class Fallback(RulesModel):
    """Who gets a row that no rule could give away: exactly one seller or team, by id or name."""

    seller: Text | None = None
    team: Text | None = None

    @model_validator(mode="after")
    def _check(self) -> Self:
        if (self.seller is None) == (self.team is None):
            raise ValueError("a fallback is exactly one of seller or team")
        return self


class ScheduledRuns(RulesModel):
    """When a segment's unassigned rows are tried again: at most `rows` a run, oldest first.

    Times are wall-clock times of the rule set's zone. Microsoft's are one or two a day.
    """

    at: tuple[ClockTime, ...]
    days: tuple[Weekday, ...] = EVERY_DAY
    starts_on: Day | None = None
    rows: Annotated[StrictInt, Field(ge=1, le=1000)] = 500

    @model_validator(mode="after")
    def _check(self) -> Self:
        if not self.at or not self.days:
            raise ValueError("`at` needs at least one time of the day, and `days` one day")
        return self


class Segment(RulesModel):
    """A named group of rows; the default one has no `when` and is tried last.

    `exit` overrides the rule set's policy for rows that leave this segment and match no other.
    """

    name: Text
    table: Text
    priority: Positive | None = None
    active: StrictBool = True
    default: StrictBool = False
    description: str | None = None
    segment_id: Text | None = None
    when: ConditionField | None = None
    sequence: Text | None = None
    accept_from_other_segments: StrictBool = False
    route_on_move: StrictBool = False
    exit: Literal["keep", "clear"] | None = None
    fallback: Fallback | None = None
    scheduled_runs: ScheduledRuns | None = None


class Selection(RulesModel):
    """Sellers, teams or queues: exactly one of a list (ids or names) and a condition."""

    named: tuple[Text, ...] | None = None
    matching: ConditionField | None = None

    @model_validator(mode="after")
    def _check(self) -> Self:
        if (self.named is None) == (self.matching is None):
            raise ValueError("exactly one of named and matching is needed")
        if self.named == ():
            raise ValueError("`named` is empty: name at least one")
        return self


class AnySeller(RulesModel):
    """Every eligible seller."""

    any_seller: Literal[True]


class Sellers(RulesModel):
    """Listed or matching sellers."""

    sellers: Selection


class Teams(RulesModel):
    """Listed or matching teams."""

    teams: Selection


class Queues(RulesModel):
    """Listed or matching queues."""

    queues: Selection


class AccountColumn(RulesModel):
    """Insights: the user, or the team's members, that a column of the account points to."""

    account_column: Text
    primary: ConditionField | None = None
    secondary: tuple[ConditionField, ...] = ()


class AccessTeam(RulesModel):
    """Insights: the members of the insight's access team."""

    access_team: Literal[True]
    primary: ConditionField | None = None
    secondary: tuple[ConditionField, ...] = ()


ASSIGN_TO_KINDS = ("any_seller", "sellers", "teams", "queues", "account_column", "access_team")


def _assign_to_kind(raw: object) -> str | None:
    """The tag of an `assign_to`: the one key that names its kind."""
    if isinstance(raw, abc.Mapping):
        return next((f"<{kind}>" for kind in ASSIGN_TO_KINDS if kind in raw), None)
    return next((f"<{kind}>" for kind in ASSIGN_TO_KINDS if hasattr(raw, kind)), None)


AssignTo = Annotated[
    Annotated[AnySeller, Tag("<any_seller>")]
    | Annotated[Sellers, Tag("<sellers>")]
    | Annotated[Teams, Tag("<teams>")]
    | Annotated[Queues, Tag("<queues>")]
    | Annotated[AccountColumn, Tag("<account_column>")]
    | Annotated[AccessTeam, Tag("<access_team>")],
    Discriminator(
        _assign_to_kind,
        custom_error_type="assign_to",
        custom_error_message=f"assign_to is one of {', '.join(ASSIGN_TO_KINDS)}",
    ),
]


class Retry(RulesModel):
    """How rows that wait under a rule are tried again: how soon, how long, and how often.

    `attempts` counts every try, the first included: 1 = never again by itself, as in the original.
    """

    every_minutes: Annotated[StrictInt, Field(ge=1, le=10_080)] | None = None
    for_hours: Positive | None = None
    attempts: Positive | None = None

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self == Retry.model_construct():
            raise ValueError("at least one of every_minutes, for_hours and attempts is needed")
        return self


class TakeBack(RulesModel):
    """When a seller loses a row that nobody touched for `after` of the seller's working time.

    It goes to somebody who did not have it yet, at most `hops` times. `touched_by` says whose
    change counts as a touch, us excepted; a later instant in `touch_column` counts as well.
    """

    after: WorkingTime
    hops: Positive = 2
    touched_by: Literal["anyone", "owner"] = "anyone"
    touch_column: Text | None = None

    @property
    def delay(self) -> timedelta:
        """`after` as a length of time."""
        return parse_working_time(self.after)


class Rule(RulesModel):
    """An assignment rule: whom rows of one segment go to.

    `when_several` decides among several teams or queues; `round_robin` and `load_balancing` (teams)
    go beyond the original. `sticky_owner` tries the account's owner first, `capacity_units` is what
    one row costs under this rule (the table's figure when absent).
    """

    name: Text
    table: Text
    segment: Text
    active: StrictBool = True
    description: str | None = None
    order: StrictInt | None = None
    when: ConditionField | None = None
    created_within_hours: Hours | None = None
    assign_to: AssignTo
    distribute_by: Literal["round_robin", "load_balancing"] | None = None
    when_several: Literal["none", "random", "round_robin", "load_balancing"] | None = None
    available_within_hours: Hours | None = None
    respect_capacity: StrictBool = False
    sticky_owner: StrictBool = False
    capacity_units: Positive | None = None
    retry: Retry | None = None
    take_back: TakeBack | None = None


class Fairness(RulesModel):
    """Calibration of newcomers and returners, off unless it stands in the file (see `fairness`).

    `absence_days` of time off in a row make a returner; a head start melts over `ramp_days`.
    """

    absence_days: Positive = 5
    ramp_days: Positive = 14
