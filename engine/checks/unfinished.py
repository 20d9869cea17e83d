"""Checks the conditions of a rules file whose shape is wrong elsewhere, to say all at once."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple, cast

from engine.checks.conditions import check_condition
from engine.conditions.language.parsing import parse_condition
from engine.errors import InvalidDocument, Path, Problem
from engine.schema import Schema

TABLES = {"sellers": "systemuser", "teams": "team", "queues": "queue"}


class _Raw(NamedTuple):
    """A condition as plain data, with its path and tables."""

    path: Path
    data: object
    table: str
    record_table: str


def check_unfinished(data: object, schema: Schema) -> list[Problem]:
    """What the tables rule out in every condition that can be read; shapes are not looked at."""
    return [
        problem
        for kind, key in (("segments", "when"), ("rules", "when"), ("sequences", "exit_when"))
        for path, item in _items(data, kind)
        for raw in _conditions(item, path, key)
        for problem in _check(raw, schema)
    ]


def _items(data: object, kind: str) -> Iterator[tuple[Path, Mapping[str, object]]]:
    listed = _mapping(data).get(kind)
    for index, item in enumerate(cast("list[object]", listed) if isinstance(listed, list) else []):
        yield (kind, index), _mapping(item)


def _conditions(item: Mapping[str, object], path: Path, key: str) -> Iterator[_Raw]:
    table = str(item.get("table"))
    if key in item:
        yield _Raw((*path, key), item[key], table, table)
    for kind, chosen in _mapping(item.get("assign_to")).items():
        matching = _mapping(chosen).get("matching")
        if kind in TABLES and matching is not None:
            yield _Raw((*path, "assign_to", kind, "matching"), matching, TABLES[kind], table)


def _check(raw: _Raw, schema: Schema) -> Iterator[Problem]:
    try:
        condition = parse_condition(raw.data)
    except InvalidDocument:
        for path, child in _children(raw.data):
            yield from _check(raw._replace(path=(*raw.path, *path), data=child), schema)
        return
    found = check_condition(
        condition,
        schema.get(raw.table),
        schema,
        record_table=schema.get(raw.record_table),
    )
    for problem in found:
        yield Problem((*raw.path, *problem.path), problem.message)


def _children(data: object) -> Iterator[tuple[Path, object]]:
    """The parts of a condition that cannot be read as a whole."""
    for key, value in _mapping(data).items():
        if key in {"all", "any"} and isinstance(value, list):
            for index, child in enumerate(cast("list[object]", value)):
                yield (key, index), child
        elif key == "not":
            yield (key,), value


def _mapping(data: object) -> Mapping[str, object]:
    return cast("Mapping[str, object]", data) if isinstance(data, dict) else {}
