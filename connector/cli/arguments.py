"""What people type or paste: ids that are whole GUIDs, files whose folders are there."""

from pathlib import Path

from engine.errors import ConfigProblem
from engine.records import GUID


def parse_id(text: str, *, what: str, where: str) -> str:
    """An id in small letters and without braces.

    Raises ConfigProblem when the text is no GUID: `what` names it, `where` is the command that
    prints whole ones.
    """
    found = text.strip().strip("{}").lower()
    if GUID.fullmatch(found) is None:
        raise ConfigProblem(
            f'"{text}" is not the id of a {what}: ids have 36 characters, and `{where}` prints them'
        )
    return found


def raise_if_no_folder(file: Path | None) -> None:
    """Raise ConfigProblem when a file, None = none, could not be written for want of its folder."""
    if file is not None and not file.parent.is_dir():
        raise ConfigProblem(
            f"{file} cannot be written: there is no folder {file.parent}; make it, or name another"
        )
