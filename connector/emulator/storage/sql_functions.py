"""SQL Server's LIKE and local dates as SQLite functions; operators that use them are elsewhere."""

import re
import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

from connector.emulator.storage.sql_names import fold

WILDCARDS = frozenset("%_[")


def register_functions(connection: sqlite3.Connection) -> None:
    """Make `dataverse_like`, `dataverse_fold` and `dataverse_local` known to a connection.

    Their arguments are (pattern, text), (text) and (instant, zone).
    """
    connection.create_function("dataverse_like", 2, like, deterministic=True)
    connection.create_function("dataverse_fold", 1, folded, deterministic=True)
    connection.create_function("dataverse_local", 2, local_text, deterministic=True)


def like(pattern: str | None, text: str | None) -> int | None:
    """Whether `text` matches a LIKE pattern without case; None when either is null."""
    if pattern is None or text is None:
        return None
    return 1 if _matcher(pattern)(str(text).casefold()) else 0


def folded(text: str | None) -> str | None:
    """A text as equality sees it, null as it is."""
    return None if text is None else fold(str(text))


def local_text(instant: str | None, zone: str) -> str | None:
    """A stored instant as wall-clock text in a zone; dates pass through."""
    if instant is None or len(instant) <= 10:
        return instant
    moment = datetime.strptime(instant, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    return moment.astimezone(ZoneInfo(zone)).strftime("%Y-%m-%dT%H:%M:%S")


def has_wildcards(text: str) -> bool:
    """Whether LIKE would read some character of `text` as a wildcard."""
    return not WILDCARDS.isdisjoint(text)


@lru_cache(maxsize=512)
def _matcher(pattern: str) -> Callable[[str], bool]:
    folded = pattern.casefold()
    literal = folded.strip("%")
    if not has_wildcards(literal):
        return _literal_matcher(folded, literal)
    expression = re.compile(_translate(folded), re.DOTALL)
    return lambda text: expression.fullmatch(text) is not None


def _literal_matcher(pattern: str, literal: str) -> Callable[[str], bool]:
    if not literal:
        return (lambda _text: True) if pattern else (lambda text: not text)
    match (pattern.startswith("%"), pattern.endswith("%")):
        case (True, True):
            return lambda text: literal in text
        case (False, True):
            return lambda text: text.startswith(literal)
        case (True, False):
            return lambda text: text.endswith(literal)
        case _:
            return lambda text: text == literal


def _translate(pattern: str) -> str:
    pieces: list[str] = []
    position = 0
    while position < len(pattern):
        character = pattern[position]
        position += 1
        if character == "%":
            if not pieces or pieces[-1] != ".*":
                pieces.append(".*")
        elif character == "_":
            pieces.append(".")
        elif character == "[" and (end := pattern.find("]", position + 1)) > 0:
            pieces.append(_character_class(pattern[position:end]))
            position = end + 1
        else:
            pieces.append(re.escape(character))
    return "".join(pieces)


def _character_class(content: str) -> str:
    negated = content.startswith("^") and len(content) > 1
    members = content[1:] if negated else content
    ranges: list[str] = []
    position = 0
    while position < len(members):
        if position + 2 < len(members) and members[position + 1] == "-":
            low, high = sorted((members[position], members[position + 2]))
            ranges.append(f"{re.escape(low)}-{re.escape(high)}")
            position += 3
        else:
            ranges.append(re.escape(members[position]))
            position += 1
    return f"[{'^' if negated else ''}{''.join(ranges)}]"
