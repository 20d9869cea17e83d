"""Reads JSON into nodes that know their places; YAML is read elsewhere."""

import json
import re
from bisect import bisect_right

from settings.nodes import (
    Entries,
    Items,
    Misplaced,
    Node,
    Place,
    Scalar,
    raise_if_not_finite,
    read_operator,
    refuse_depth,
    refuse_second,
)

JSON_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[][{},:]|[^\s\][{},:"]+')


def read_json(text: str) -> Node:
    """Read JSON; raises Misplaced."""
    try:
        json.loads(text)
    except json.JSONDecodeError as error:
        raise Misplaced((error.lineno, error.colno), f"this is not JSON: {error.msg}.") from error
    except (RecursionError, ValueError) as error:
        raise Misplaced(
            (1, 1), "this JSON is nested too deeply or has a number too long."
        ) from error
    return _JsonReader(text).read(0)


class _JsonReader:
    """Walks over text that is known to be JSON and notes where everything stands."""

    def __init__(self, text: str) -> None:
        self._tokens = JSON_TOKEN.finditer(text)
        self._line_starts = [0, *(match.end() for match in re.finditer("\n", text))]

    def read(self, depth: int) -> Node:
        return self._read_from(next(self._tokens), depth)

    def _read_from(self, token: re.Match[str], depth: int) -> Node:
        place = self._place(token)
        refuse_depth(depth, place)
        if token.group() == "[":
            return self._read_items(place, depth)
        if token.group() == "{":
            return self._read_entries(place, depth)
        value = json.loads(token.group())
        if isinstance(value, float):
            raise_if_not_finite(value, token.group(), place)
        return Scalar(place=place, value=value)

    def _read_items(self, place: Place, depth: int) -> Items:
        items: list[Node] = []
        for token in self._tokens:
            if token.group() == "]":
                break
            if token.group() != ",":
                items.append(self._read_from(token, depth + 1))
        return Items(place=place, items=tuple(items), size=1 + sum(item.size for item in items))

    def _read_entries(self, place: Place, depth: int) -> Entries:
        entries: dict[str, tuple[Place, Node]] = {}
        for token in self._tokens:
            if token.group() == "}":
                break
            if token.group() == ",":
                continue
            key = str(json.loads(token.group()))
            refuse_second(key, self._place(token), entries)
            next(self._tokens)
            entries[key] = (self._place(token), read_operator(key, self.read(depth + 1)))
        size = 1 + sum(value.size for _, value in entries.values())
        return Entries(place=place, entries=entries, size=size)

    def _place(self, token: re.Match[str]) -> Place:
        line = bisect_right(self._line_starts, token.start()) - 1
        return line + 1, token.start() - self._line_starts[line] + 1
