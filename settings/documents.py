"""A rules or expectations file as plain data that remembers its places; its meaning is elsewhere."""

from dataclasses import dataclass
from pathlib import Path as FilePath

from engine.errors import ConfigProblem, Path, Problem
from settings.json_reader import read_json
from settings.nodes import Entries, Items, Misplaced, Node, Place, Scalar
from settings.yaml_reader import read_yaml


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
            place = node.place
            if at_key:
                place = key_place
        return place

    def describe(self, problem: Problem) -> str:
        """`file:line:column: message`."""
        line, column = self.place_of(problem.path, at_key=_is_about_key(problem))
        return f"{self.file}:{line}:{column}: {problem.message}"

    def describe_all(self, problems: tuple[Problem, ...] | list[Problem]) -> str:
        """Every problem once, in the order of the file."""
        placed = {
            (self.place_of(problem.path, at_key=_is_about_key(problem)), self.describe(problem))
            for problem in problems
        }
        return "\n".join(line for _, line in sorted(placed))


def read_document(file: FilePath) -> Document:
    """Read a file, JSON by its suffix `.json`, YAML 1.2 (core schema) otherwise.

    Dates, `on`, `no` and `yes` are text; `operator: null` is the text null. Raises ConfigProblem,
    with the place as `file:line:column` where there is one.
    """
    text = _read_text(file)
    read = read_json if file.suffix.lower() == ".json" else read_yaml
    try:
        root = read(text)
    except Misplaced as error:
        line, column = error.place
        raise ConfigProblem(f"{file}:{line}:{column}: {error.message}") from error
    return Document(file=file, root=root)


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
        raise ConfigProblem(f"{file}:{line}:{column}: {message}") from error
