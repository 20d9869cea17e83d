"""The known name that a misspelt one may mean, for messages; what is known is the caller's."""

from collections.abc import Iterable
from difflib import get_close_matches

LIKENESS = 0.6
"""From 0, nothing in common, to 1, the same letters in the same order."""


def find_nearest(name: str, known: Iterable[str], *, likeness: float = LIKENESS) -> str | None:
    """The known name with most letters of `name`; None when none is near. Case counts."""
    near = get_close_matches(name, list(known), n=1, cutoff=likeness)
    return near[0] if near else None


def ask_nearest(name: str, known: Iterable[str], *, quotes: str = '""', folds: bool = False) -> str:
    """The nearest name as a question to end a message with; "" when none is near.

    With `folds` case does not count; the name is shown as it is known.
    """
    shown = {each.casefold() if folds else each: each for each in known}
    near = find_nearest(name.casefold() if folds else name, shown)
    return "" if near is None else f"; did you mean {quotes[0]}{shown[near]}{quotes[1]}?"
