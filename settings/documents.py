"""A file as plain data that remembers its places; what it means is not known here."""

import re
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path as FilePath

from typing_extensions import override

from engine.errors import ConfigProblem, InvalidDocument, Path, Problem
from settings.json_reader import read_json
from settings.nodes import Entries, Items, Misplaced, Node, Place, Scalar
from settings.yaml_reader import read_yaml

_HALF = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class PlacedProblem:
    """A problem with its place in a file; as text `file:line:column: message`."""

    file: FilePath
    line: int
    column: int
    message: str

    @override
    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}: {self.message}"


class DocumentProblem(ConfigProblem):
    """A file cannot be used; every problem with its place, in the order of the file."""

    def __init__(self, problems: Iterable[PlacedProblem]) -> None:
        self.problems = tuple(sorted(set(problems)))
        super().__init__("\n".join(str(problem) for problem in self.problems))


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A file's content: plain data, and where each part of it stands."""

    file: FilePath
    root: Node

    @property
    def data(self) -> object:
        """Dicts, lists and scalars."""
        return build_plain(self.root)

    def place_of(self, path: Path, *, at_key: bool = False) -> Place:
        """The place of the longest prefix of `path` that exists; with `at_key` of its key."""
        node, place = self.root, self.root.place
        for part in path:
            found = _step_into(node, part)
            if found is None:
                return place
            key_place, node = found
            place = key_place if at_key else node.place
        return place

    def place_problems(self, problems: Iterable[Problem]) -> list[PlacedProblem]:
        """Every problem once, with its place, in the order of the file."""
        placed: set[PlacedProblem] = set()
        for problem in problems:
            line, column = self.place_of(problem.path, at_key=_is_about_key(problem))
            placed.add(
                PlacedProblem(file=self.file, line=line, column=column, message=problem.message)
            )
        return sorted(placed)

    def explain(self, problems: Iterable[Problem]) -> DocumentProblem:
        """The error to raise for problems found in the content."""
        return DocumentProblem(self.place_problems(problems))

    @contextmanager
    def explaining(self) -> Generator[None]:
        """Raise DocumentProblem in place of the InvalidDocument that the block raises."""
        try:
            yield
        except InvalidDocument as error:
            raise self.explain(error.problems) from error


def read_document(file: FilePath) -> Document:
    """Read a file, JSON by its suffix `.json`, YAML 1.2 (core schema) otherwise.

    Dates, `on`, `no` and `yes` are text; `operator: null` is the text null. Raises DocumentProblem
    for content that cannot be read, ConfigProblem for a file that cannot be.
    """
    text = _read_text(file)
    read = read_json if file.suffix.lower() == ".json" else read_yaml
    try:
        root = read(text)
        if "\\" in text:
            _refuse_half_characters(root)
    except Misplaced as error:
        raise _place_error(file, error.place, error.message) from error
    return Document(file=file, root=root)


def _refuse_half_characters(node: Node) -> None:
    """Raise Misplaced for text that an escape made half a character: it cannot be written."""
    match node:
        case Scalar(place=place, value=str(text)):
            _refuse_half_character(text, place)
        case Scalar():
            return
        case Items():
            for item in node.items:
                _refuse_half_characters(item)
        case Entries():
            for key, (place, value) in node.entries.items():
                _refuse_half_character(key, place)
                _refuse_half_characters(value)


def _refuse_half_character(text: str, place: Place) -> None:
    if _HALF.search(text):
        message = "an escape here stands for half a character; write the character itself."
        raise Misplaced(place, message)


def _place_error(file: FilePath, place: Place, message: str) -> DocumentProblem:
    line, column = place
    return DocumentProblem([PlacedProblem(file=file, line=line, column=column, message=message)])


def build_plain(node: Node) -> object:
    """A node as dicts, lists and scalars."""
    match node:
        case Scalar():
            return node.value
        case Items():
            return [build_plain(item) for item in node.items]
        case Entries():
            return {key: build_plain(value) for key, (_, value) in node.entries.items()}


def _step_into(node: Node, part: str | int) -> tuple[Place, Node] | None:
    if isinstance(node, Entries):
        return node.entries.get(str(part))
    if isinstance(node, Items) and isinstance(part, int) and part < len(node.items):
        return node.items[part].place, node.items[part]
    return None


def _is_about_key(problem: Problem) -> bool:
    return bool(problem.path) and f'"{problem.path[-1]}" is not known' in problem.message


def _read_text(file: FilePath) -> str:
    try:
        content = file.read_bytes()
    except OSError as error:
        raise ConfigProblem(f"{file} cannot be read: {error.strerror}.") from error
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = content[: error.start]
        line, column = before.count(b"\n") + 1, len(before) - before.rfind(b"\n")
        message = "this is not UTF-8; save the file as UTF-8."
        raise _place_error(file, (line, column), message) from error
