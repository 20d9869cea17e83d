"""Reads and writes the directory file of a simulation: sellers, teams, queues and their clocks."""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path as FilePath
from typing import TypedDict, TypeVar, cast

from engine.calendars.calendar_data import parse_calendar
from engine.errors import ConfigProblem, InvalidDocument, Path, Problem
from engine.instants import print_instant
from engine.nearest import ask_nearest
from engine.records import GUID
from engine.sellers import Calendar, Directory, Queue, Seller, Team
from settings.documents import read_document

Entry = dict[str, object]
Value = TypeVar("Value")

_HALF_CHARACTER = re.compile(r"\\ud[89a-f]", re.IGNORECASE)
CLOCK_KEYS = frozenset(
    {
        "last_assigned_at",
        "last_assigned_at_by_rule",
        "assignment_order",
        "turns_taken",
        "joined_at",
        "head_start",
    }
)
OWN_KEYS = CLOCK_KEYS | {
    "attributes",
    "assignable",
    "capacity",
    "calendar",
    "members",
    "readable_tables",
    "weight",
}
"""Keys that are not columns of the row."""
KINDS = ("sellers", "teams", "queues", "hierarchies")
CAPACITY_KEYS = ("max", "consumed")


class _Clocks(TypedDict):
    """What a seller or a team got so far, under the names that both have for it."""

    last_assigned_at: datetime | None
    last_assigned_at_by_rule: Mapping[str, datetime]
    assignment_order: int
    turns_taken: int
    joined_at: datetime | None
    head_start: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DirectoryFile:
    """A directory as read, with the plain data it is written back into."""

    file: FilePath
    data: Mapping[str, object]
    directory: Directory
    hierarchies: Mapping[str, Mapping[str, str | None]]


def read_directory(file: FilePath, *, time_zone: str = "UTC") -> DirectoryFile:
    """Read a directory file; `time_zone` holds for calendars that name none.

    Raises ConfigProblem with one `file:line:column: message` for each problem.
    """
    data = _read_json(file)
    reader = _Reader(time_zone)
    directory = reader.read(data)
    hierarchies = reader.read_hierarchies(data)
    if reader.problems:
        raise read_document(file).explain(reader.problems)
    return DirectoryFile(file=file, data=data, directory=directory, hierarchies=hierarchies)


def write_directory(source: DirectoryFile, after: Directory, target: FilePath) -> None:
    """Write the directory in the shape it was read in, with the clocks and counts of `after`."""
    data = dict(source.data)
    for kind, key, people in (
        ("sellers", "systemuserid", after.sellers),
        ("teams", "teamid", after.teams),
    ):
        if data.get(kind):
            entries = cast("list[Entry]", data[kind])
            by_id = {person.id: person for person in people}
            data[kind] = [_update(entry, by_id[_fold_id(entry[key])]) for entry in entries]
    text = json.dumps(data, ensure_ascii=False, indent=2) + "\n"
    try:
        target.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ConfigProblem(f"{target} cannot be written: {error.strerror}.") from error


def parse_time(text: str) -> datetime:
    """Read an RFC 3339 instant; raises ValueError, also when the zone is missing."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None or "T" not in text.upper():
        raise ValueError("an instant with its zone, such as 2026-11-23T09:00:00Z, is needed")
    return moment.astimezone(UTC)


def _read_json(file: FilePath) -> dict[str, object]:
    try:
        text = file.read_bytes().decode("utf-8-sig")
        data: object = json.loads(text)
    except OSError as error:
        raise ConfigProblem(f"{file} cannot be read: {error.strerror}.") from error
    except (ValueError, RecursionError):
        data = read_document(file).data  # says what is wrong and where
    else:
        if _HALF_CHARACTER.search(text):
            data = read_document(file).data
    if not isinstance(data, dict):
        message = 'a directory is an object with "sellers", "teams" and "queues".'
        raise ConfigProblem(f"{file}:1:1: {message}")
    return cast("dict[str, object]", data)


def _fold_id(raw: object) -> str:
    """A GUID in the Web API's spelling; any other id as it is."""
    text = str(raw).strip("{}")
    return text.lower() if GUID.fullmatch(text) else text


def _update(entry: Entry, person: Seller | Team) -> Entry:
    """The entry with the person's clocks and counts; an absent one that is still empty stays so."""
    by_rule = {rule: print_instant(at) for rule, at in person.last_assigned_at_by_rule.items()}
    at = person.last_assigned_at
    state: Entry = {
        "last_assigned_at": None if at is None else print_instant(at),
        "last_assigned_at_by_rule": by_rule,
        "assignment_order": person.assignment_order,
        "turns_taken": person.turns_taken,
        "joined_at": None if person.joined_at is None else print_instant(person.joined_at),
        "head_start": person.head_start,
    }
    updated = _merge(entry, {key: value for key, value in state.items() if value or key in entry})
    if person.consumed or "capacity" in entry:
        capacity = cast("Entry", entry.get("capacity") or {})
        consumed = dict(person.consumed)
        if consumed or "consumed" in capacity:
            updated["capacity"] = {**capacity, "consumed": consumed}
    return updated


def _merge(entry: Entry, state: Entry) -> Entry:
    """The entry with the state's keys; a new one stands before those that come after it in the
    state, so that runs in a chain write the same bytes as one long run.
    """
    keys = list(entry)
    following = len(keys)
    for key in reversed(state):
        if key in entry:
            following = keys.index(key)
        else:
            keys.insert(following, key)
    return {key: state.get(key, entry.get(key)) for key in keys}


class _Reader:
    """Collects the problems of a directory; what cannot be read reads as its default."""

    def __init__(self, time_zone: str) -> None:
        self.problems: list[Problem] = []
        self._time_zone = time_zone

    def read(self, data: Mapping[str, object]) -> Directory:
        self._refuse_misspelt(data, (), KINDS)
        return Directory(
            sellers=self._each(data, "sellers", "systemuserid", self._read_seller),
            teams=self._each(data, "teams", "teamid", self._read_team),
            queues=self._each(data, "queues", "queueid", self._read_queue),
        )

    def read_hierarchies(self, data: Mapping[str, object]) -> dict[str, dict[str, str | None]]:
        """Who stands above whom: users by their manager, other tables as the file lists them."""
        found: dict[str, dict[str, str | None]] = {"systemuser": {}}
        listed = self._mapping(data.get("hierarchies"), ("hierarchies",))
        for table, parents in listed.items():
            below = self._mapping(parents, ("hierarchies", table))
            found[table] = {
                _fold_id(child): _fold_parent(parent) for child, parent in below.items()
            }
        for entry in self._entries(data, "sellers"):
            parent = entry.get("_parentsystemuserid_value", entry.get("parentsystemuserid"))
            if isinstance(parent, str):
                found["systemuser"][_fold_id(entry.get("systemuserid"))] = _fold_parent(parent)
        return found

    def _entries(self, data: Mapping[str, object], kind: str) -> list[Entry]:
        listed = data.get(kind)
        if not isinstance(listed, list):
            return []
        entries = cast("list[object]", listed)
        return [cast("Entry", entry) for entry in entries if isinstance(entry, dict)]

    def _each(
        self,
        data: Mapping[str, object],
        kind: str,
        key: str,
        read: Callable[[Entry, Path], Value],
    ) -> tuple[Value, ...]:
        listed = data.get(kind)
        if listed is None:
            return ()
        if not isinstance(listed, list):
            self._refuse((kind,), f'"{kind}" is a list')
            return ()
        seen: set[str] = set()
        found: list[Value] = []
        for index, entry in enumerate(cast("list[object]", listed)):
            if self._is_usable(entry, (kind, index), key, seen):
                found.append(read(cast("Entry", entry), (kind, index)))
        return tuple(found)

    def _is_usable(self, entry: object, at: Path, key: str, seen: set[str]) -> bool:
        if not isinstance(entry, dict):
            self._refuse(at, "an object is needed here")
            return False
        raw = cast("Entry", entry).get(key)
        if not isinstance(raw, str) or not raw:
            self._refuse((*at, key), f'"{key}" is missing; it is the id, a text')
            return False
        if _fold_id(raw) in seen:
            self._refuse((*at, key), f"the id {raw} stands here a second time")
            return False
        seen.add(_fold_id(raw))
        return True

    def _read_seller(self, entry: Entry, at: Path) -> Seller:
        capacity = self._capacity(entry, at)
        readable = self._texts(entry, "readable_tables", at)
        return Seller(
            id=_fold_id(entry["systemuserid"]),
            name=str(entry.get("fullname") or entry["systemuserid"]),
            row=_columns_of(entry),
            is_disabled=self._boolean(entry, "isdisabled", at, default=False),
            is_assignable=self._boolean(entry, "assignable", at, default=True),
            attributes=self._attributes(entry.get("attributes"), (*at, "attributes")),
            max_capacity=self._whole(capacity, "max", (*at, "capacity")),
            consumed=self._consumed(capacity, (*at, "capacity")),
            calendar=self._calendar(entry.get("calendar"), (*at, "calendar")),
            readable_tables=None if entry.get("readable_tables") is None else frozenset(readable),
            weight=self._whole(entry, "weight", at, least=1) or 1,
            **self._clocks(entry, at),
        )

    def _read_team(self, entry: Entry, at: Path) -> Team:
        capacity = self._capacity(entry, at)
        return Team(
            id=_fold_id(entry["teamid"]),
            name=str(entry.get("name") or entry["teamid"]),
            row=_columns_of(entry),
            team_type=self._whole(entry, "teamtype", at) or 0,
            members=tuple(map(_fold_id, self._texts(entry, "members", at))),
            max_capacity=self._whole(capacity, "max", (*at, "capacity")),
            consumed=self._consumed(capacity, (*at, "capacity")),
            weight=self._whole(entry, "weight", at, least=1) or 1,
            **self._clocks(entry, at),
        )

    def _read_queue(self, entry: Entry, at: Path) -> Queue:  # noqa: ARG002  one shape for all
        return Queue(
            id=_fold_id(entry["queueid"]),
            name=str(entry.get("name") or entry["queueid"]),
            row=_columns_of(entry),
        )

    def _clocks(self, entry: Entry, at: Path) -> _Clocks:
        by_rule = self._mapping(
            entry.get("last_assigned_at_by_rule"), (*at, "last_assigned_at_by_rule")
        )
        times = {
            rule: self._time(by_rule, rule, (*at, "last_assigned_at_by_rule")) for rule in by_rule
        }
        return {
            "last_assigned_at": self._time(entry, "last_assigned_at", at),
            "last_assigned_at_by_rule": {rule: at for rule, at in times.items() if at is not None},
            "assignment_order": self._whole(entry, "assignment_order", at) or 0,
            "turns_taken": self._whole(entry, "turns_taken", at) or 0,
            "joined_at": self._time(entry, "joined_at", at),
            "head_start": self._whole(entry, "head_start", at, least=None) or 0,
        }

    def _capacity(self, entry: Entry, at: Path) -> Mapping[str, object]:
        capacity = self._mapping(entry.get("capacity"), (*at, "capacity"))
        self._refuse_misspelt(capacity, (*at, "capacity"), CAPACITY_KEYS)
        return capacity

    def _refuse_misspelt(self, data: Mapping[str, object], at: Path, known: Sequence[str]) -> None:
        """A key of the file's own may stand beside ours; one that is nearly ours is a slip."""
        for key in data:
            question = ask_nearest(key, known)
            if question and key not in known:
                self._refuse((*at, key), f'"{key}" is not known here{question}')

    def _refuse(self, path: Path, message: str) -> None:
        self.problems.append(Problem(path, message))

    def _mapping(self, data: object, path: Path) -> Mapping[str, object]:
        if data is None:
            return {}
        if isinstance(data, dict):
            return cast("Mapping[str, object]", data)
        self._refuse(path, f'"{path[-1]}" is an object')
        return {}

    def _boolean(self, entry: Mapping[str, object], key: str, at: Path, *, default: bool) -> bool:
        value = entry.get(key)
        if value is None:
            return default
        if not isinstance(value, bool):
            self._refuse((*at, key), f'"{key}" is true or false')
            return default
        return value

    def _whole(
        self, entry: Mapping[str, object], key: str, at: Path, *, least: int | None = 0
    ) -> int | None:
        value = entry.get(key)
        if value is None:
            return None
        if not isinstance(value, int) or isinstance(value, bool):
            self._refuse((*at, key), f'"{key}" is a whole number')
            return None
        if least is not None and value < least:
            self._refuse((*at, key), f'"{key}" is at least {least}')
            return None
        return value

    def _time(self, entry: Mapping[str, object], key: str, at: Path) -> datetime | None:
        value = entry.get(key)
        if value is None:
            return None
        try:
            return parse_time(cast("str", value))
        except (TypeError, ValueError):
            self._refuse((*at, key), f'"{key}" is an instant such as 2026-11-23T09:00:00Z')
            return None

    def _attributes(self, data: object, at: Path) -> dict[str, tuple[str, ...]]:
        found: dict[str, tuple[str, ...]] = {}
        for name, values in self._mapping(data, at).items():
            listed = cast("Sequence[object]", values if isinstance(values, list) else [values])
            if not all(isinstance(value, str) for value in listed):
                self._refuse((*at, name), f'the values of "{name}" are a list of texts')
            found[name] = tuple(str(value) for value in listed)
        return found

    def _texts(self, entry: Mapping[str, object], key: str, at: Path) -> list[str]:
        listed: object = entry.get(key)
        if listed is None:
            return []
        texts = cast("list[object]", listed) if isinstance(listed, list) else [None]
        if not all(isinstance(text, str) for text in texts):
            self._refuse((*at, key), f'"{key}" is a list of texts')
            return []
        return [str(text) for text in texts]

    def _consumed(self, capacity: Mapping[str, object], at: Path) -> dict[str, int]:
        consumed = self._mapping(capacity.get("consumed"), (*at, "consumed"))
        where = (*at, "consumed")
        return {table: self._whole(consumed, table, where) or 0 for table in consumed}

    def _calendar(self, data: object, at: Path) -> Calendar | None:
        if data is None:
            return None
        try:
            return parse_calendar(data, at, time_zone=self._time_zone)
        except InvalidDocument as error:
            self.problems += error.problems
            return None


def _fold_parent(parent: object) -> str | None:
    return None if parent is None else _fold_id(parent)


def _columns_of(entry: Entry) -> Entry:
    return {key: value for key, value in entry.items() if key not in OWN_KEYS}
