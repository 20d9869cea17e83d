"""Ids that people type or paste: whole GUIDs, or a sentence about what is wrong with them."""

import re

from engine.errors import ConfigProblem

_GUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def parse_id(text: str, *, what: str, where: str) -> str:
    """An id in small letters and without braces.

    Raises ConfigProblem when the text is no GUID: `what` names it, `where` is the command that
    prints whole ones.
    """
    found = text.strip().strip("{}").lower()
    if _GUID.fullmatch(found) is None:
        raise ConfigProblem(
            f'"{text}" is not the id of a {what}: ids have 36 characters, and `{where}` prints them'
        )
    return found
