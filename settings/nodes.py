"""The parts of a file with their places; reading is in `yaml_reader` and `json_reader`."""

import math
from dataclasses import dataclass

MAX_DEPTH = 60

Place = tuple[int, int]
"""Line and column, both from 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scalar:
    """A text, number, boolean or null."""

    place: Place
    value: str | int | float | bool | None
    size: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Items:
    """A list."""

    place: Place
    items: tuple["Node", ...]
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Entries:
    """A mapping; the place of a key is kept beside its value."""

    place: Place
    entries: dict[str, tuple[Place, "Node"]]
    size: int


Node = Scalar | Items | Entries


class Misplaced(Exception):  # noqa: N818  the house names what went wrong
    """Something wrong at a known place; `read_document` catches it."""

    def __init__(self, place: Place, message: str) -> None:
        self.place = place
        self.message = message
        super().__init__(message)


def refuse_depth(depth: int, place: Place) -> None:
    """Raise Misplaced where a file nests deeper than anything reasonable does."""
    if depth > MAX_DEPTH:
        raise Misplaced(place, f"this is nested more than {MAX_DEPTH} levels deep.")


def refuse_second(key: str, place: Place, entries: dict[str, tuple[Place, Node]]) -> None:
    """Raise Misplaced when the mapping has the key already."""
    if key in entries:
        line = entries[key][0][0]
        message = f'the key "{key}" stands here a second time, first on line {line}.'
        raise Misplaced(place, message)


def read_operator(key: str, value: Node) -> Node:
    """`operator: null` names the operator null."""
    if key == "operator" and isinstance(value, Scalar) and value.value is None:
        return Scalar(place=value.place, value="null")
    return value


def raise_if_not_finite(value: float, text: str, place: Place) -> float:
    """Let a number through, unless nothing can be compared with it."""
    if not math.isfinite(value):
        raise Misplaced(place, f"{text} is not a finite number; nothing can be compared with it.")
    return value
