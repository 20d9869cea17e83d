"""What is wrong with a part of a rules file, in words; finding it out is in `rule_set`."""

from collections.abc import Collection

from engine.errors import Path
from engine.nearest import ask_nearest

_SAID_IN_FULL = frozenset({"value_error", "assign_to"})


def describe_problem(kind: str, text: str, path: Path, *, known: Collection[str]) -> str:
    """A validation problem of one kind as a sentence; `known` are the keys a file can have."""
    last = path[-1] if path else "the file"
    name = last if isinstance(last, str) else f"item {last + 1}"
    if kind == "extra_forbidden" and name in known:
        return f'"{name}" has no place here; it belongs elsewhere in the file'
    if kind == "extra_forbidden":
        return f'"{name}" is not known here{ask_nearest(name, known)}'
    if kind == "missing":
        return f'"{name}" is missing'
    if kind == "model_type":
        return f'"{name}": keys with their values are needed here'
    said = text.removeprefix("Value error, ")
    return said if kind in _SAID_IN_FULL else f'"{name}": {said[0].lower()}{said[1:]}'
