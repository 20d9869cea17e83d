"""The rule set as a frozen value; reading it from a file with positions is in `settings`.

With `models` the only module of the engine that uses pydantic: shapes and ranges are checked there,
how the parts fit together in `consistency`, columns and people's names in `engine.checks`.
"""

import hashlib
import json
from collections import abc
from functools import cached_property
from typing import Annotated, Any, Literal, Self, cast

from pydantic import (
    Field,
    StrictBool,
    StrictInt,
    ValidationError,
    model_validator,
)
from pydantic.json_schema import DEFAULT_REF_TEMPLATE, GenerateJsonSchema, JsonSchemaMode
from pydantic_core import ErrorDetails
from typing_extensions import override

from engine.conditions.language.json_schema import CONDITION_SCHEMA, link_conditions
from engine.errors import InvalidDocument, Path, Problem
from engine.rules.consistency import find_inconsistencies
from engine.rules.messages import describe_problem
from engine.rules.models import (
    ASSIGN_TO_KINDS,
    Fairness,
    Fallback,
    MonthDay,
    Positive,
    Rule,
    RulesModel,
    Segment,
    Sequence,
    Text,
    TimeZone,
    problems_error,
)


class RuleSet(RulesModel):
    """A whole rules file, version 1.

    Settings beyond Microsoft's have Microsoft's behaviour as their default. Raises pydantic's
    ValidationError; `build_rule_set` raises InvalidDocument with every problem and its path.
    """

    version: Literal[1]
    time_zone: TimeZone = "UTC"
    week_starts_on: Literal[
        "sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"
    ] = "sunday"
    fiscal_year_start: MonthDay = "01-01"
    fiscal_period: Literal["year", "half_year", "quarter", "month", "four_weeks"] = "quarter"
    default_capacity: Annotated[StrictInt, Field(ge=0)] | None = None
    round_robin_scope: Literal["organization", "rule"] = "organization"
    on_rule_failure: Literal["next_rule", "stop"] = "next_rule"
    exit: Literal["keep", "clear"] = "keep"
    keep_with_creator: StrictBool = False
    load_balance_every_bucket: StrictBool = False
    capacity_units: dict[Text, Positive] = Field(default_factory=dict[str, int])
    use_weights: StrictBool = False
    weights: dict[Text, Positive] = Field(default_factory=dict[str, int])
    fallback: Fallback | None = None
    fairness: Fairness | None = None
    sequences: tuple[Sequence, ...] = ()
    segments: tuple[Segment, ...] = ()
    rules: tuple[Rule, ...] = ()

    @model_validator(mode="after")
    def _check(self) -> Self:
        problems = find_inconsistencies(self)
        if problems:
            raise problems_error(problems)
        return self

    @cached_property
    def checksum(self) -> str:
        """SHA-256 over the meaning: the same for another spelling, comment or description."""
        parts = {"sequences", "segments", "rules"}
        silent = {part: {"__all__": {"description"}} for part in parts}
        plain = self.model_dump(mode="json", exclude=silent, exclude_defaults=True)
        text = json.dumps(plain, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()

    def to_document(self) -> dict[str, object]:
        """Plain data that `build_rule_set` makes the same rule set of."""
        return self.model_dump(mode="json", exclude_defaults=True)

    @property
    def tables(self) -> tuple[str, ...]:
        """The tables with a segment, in file order."""
        return tuple(dict.fromkeys(segment.table for segment in self.segments))

    @property
    def counted_tables(self) -> frozenset[str]:
        """The tables whose open rows consume capacity: an active rule in an active segment."""
        active = {(segment.table, segment.name) for segment in self.segments if segment.active}
        return frozenset(
            rule.table
            for rule in self.rules
            if rule.active and (rule.table, rule.segment) in active
        )

    def segments_of(self, table: str) -> tuple[Segment, ...]:
        """The active segments of a table as they are tried: by priority, the default last."""
        own = [segment for segment in self.segments if segment.table == table and segment.active]
        return tuple(sorted(own, key=lambda segment: (segment.default, segment.priority or 0)))

    def rules_of(self, segment: Segment) -> tuple[Rule, ...]:
        """The active rules of a segment as they run: by `order`, then the rest as in the file."""
        own = [
            rule
            for rule in self.rules
            if (rule.table, rule.segment) == (segment.table, segment.name) and rule.active
        ]
        return tuple(sorted(own, key=lambda rule: (rule.order is None, rule.order or 0)))

    def find_rule(self, table: str, segment: str | None, name: str | None) -> Rule | None:
        """A rule of a segment by name, active or not."""
        wanted = (table, segment, name)
        return next(
            (rule for rule in self.rules if (rule.table, rule.segment, rule.name) == wanted), None
        )

    def find_sequence(self, segment: Segment) -> Sequence | None:
        """The segment's sequence, active or not."""
        wanted = (segment.table, segment.sequence)
        return next(
            (found for found in self.sequences if (found.table, found.name) == wanted), None
        )

    @classmethod
    @override
    def model_json_schema(
        cls,
        by_alias: bool | None = None,
        ref_template: str = DEFAULT_REF_TEMPLATE,
        schema_generator: type[GenerateJsonSchema] = GenerateJsonSchema,
        mode: JsonSchemaMode = "validation",
        **more: Any,
    ) -> dict[str, Any]:
        """The JSON Schema of a rules file; conditions are described in full, recursively."""
        schema = super().model_json_schema(
            by_alias is not False, ref_template, schema_generator, mode, **more
        )
        linked = cast("dict[str, Any]", link_conditions(schema))
        linked["$defs"]["Condition"] = CONDITION_SCHEMA
        return linked


def build_rule_set(data: object) -> RuleSet:
    """Validate plain data; raises InvalidDocument with all problems and the paths they stand at."""
    try:
        return RuleSet.model_validate(data)
    except ValidationError as error:
        raise InvalidDocument(list_problems(error)) from error


def list_problems(error: ValidationError) -> tuple[Problem, ...]:
    """A validation error of any model here as problems with document paths."""
    return tuple(problem for detail in error.errors() for problem in _problems_of(detail))


def _problems_of(detail: ErrorDetails) -> abc.Iterator[Problem]:
    path = tuple(part for part in detail["loc"] if not _is_tag(part))
    nested = cast("list[tuple[Path, str]]", detail.get("ctx", {}).get("problems", []))
    if not nested:
        message = describe_problem(detail["type"], detail["msg"], path, known=_known_keys())
        yield Problem(path, message)
    for below, message in nested:
        yield Problem((*path, *below), message)


def _is_tag(part: int | str) -> bool:
    """Whether a step of pydantic's path is a name of ours for a reader, not a key of the file."""
    return isinstance(part, str) and part.startswith("<") and part.endswith(">")


def _known_keys() -> set[str]:
    """Every key that some part of a rules file has."""
    models = RulesModel.__subclasses__()
    return {field for model in models for field in model.model_fields} | set(ASSIGN_TO_KINDS)
