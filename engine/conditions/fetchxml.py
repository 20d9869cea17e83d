"""FetchXML filter ⇄ condition tree."""

from engine.conditions.model import Condition
from engine.errors import InvalidDocument, Problem


def parse_fetchxml(text: str, *, depth_left: int = 50) -> Condition:
    """Read a filter."""
    raise InvalidDocument([Problem((), "FetchXML is not read yet")])
