"""The rule set as a frozen value; reading it from a file with positions is in `settings`.

The only module of the engine that uses pydantic: shape and ranges are checked here, columns and names in
`engine.check`.
"""

from collections.abc import Sequence
from typing import Annotated, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema, model_validator
from pydantic_core import PydanticCustomError

from engine.conditions.model import Condition
from engine.conditions.parsing import parse_condition
from engine.errors import InvalidDocument


def _read_condition(raw: object) -> object:
    """Turn a condition's plain data into a tree; its problems keep their paths for the file reader."""
    try:
        return parse_condition(raw)
    except InvalidDocument as error:
        problems = [(problem.path, problem.message) for problem in error.problems]
        raise PydanticCustomError("condition", "{summary}", {"summary": str(error), "problems": problems}) from error


ConditionField = Annotated[Condition, BeforeValidator(_read_condition), WithJsonSchema({"$ref": "#/$defs/Condition"})]


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)
