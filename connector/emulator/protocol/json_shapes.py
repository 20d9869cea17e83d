"""Narrows JSON from outside to the shape a reader expects; None when it has another one."""

from collections.abc import Iterable
from typing import Any, cast

# JSON from outside: whoever reads a value checks its shape first.
Json = Any


def as_object(value: object) -> dict[str, Json] | None:
    """A JSON object."""
    return cast("dict[str, Json]", value) if isinstance(value, dict) else None


def as_list(value: object) -> list[Json] | None:
    """A JSON array."""
    return list(cast("Iterable[Json]", value)) if isinstance(value, list) else None
