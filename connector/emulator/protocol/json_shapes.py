"""Narrows JSON from outside to the shape a reader expects; None when it has another one."""

from collections.abc import Iterable
from typing import Any, cast


def as_object(value: object) -> dict[str, Any] | None:
    """A JSON object."""
    return cast("dict[str, Any]", value) if isinstance(value, dict) else None


def as_list(value: object) -> list[Any] | None:
    """A JSON array."""
    return list(cast("Iterable[Any]", value)) if isinstance(value, list) else None
