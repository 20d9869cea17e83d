"""FetchXML text patterns: `%`, `_`, `[a-f]`, `[^a-f]`, as "Use wildcard characters in conditions"
has them.

`begins-with`, `ends-with` and their negatives take wildcards too: they are `like 'x%'` and `like
'%x'`.
"""

import re
from collections.abc import Callable
from functools import lru_cache

_WILDCARDS = re.compile(r"[%_\[]")

TextTest = Callable[[str], bool]


@lru_cache(maxsize=1024)
def like(pattern: str) -> TextTest:
    """A test for folded text against a folded pattern, in time linear in the text.

    `_` and a bracket stand for one character of the folded text; an unclosed `[` is an ordinary
    character; `[%]`, `[_]` and `[[]` are the wildcard characters themselves.
    """
    parts = _split(pattern)
    tests = [re.compile("".join(part), re.DOTALL) for part in parts]
    if len(tests) == 1:
        return lambda text: tests[0].fullmatch(text) is not None
    head, middle, tail, width = tests[0], tests[1:-1], tests[-1], len(parts[-1])

    def matches(text: str) -> bool:
        found = head.match(text)
        for part in middle:
            found = found and part.search(text, found.end())
        start = len(text) - width
        return found is not None and found.end() <= start and tail.match(text, start) is not None

    return matches


def is_literal(pattern: str) -> bool:
    """Whether the pattern holds no wildcard."""
    return _WILDCARDS.search(pattern) is None


def _split(pattern: str) -> list[list[str]]:
    """The pieces between the `%` signs, each a list of regular expressions for one character."""
    pieces: list[list[str]] = [[]]
    at = 0
    while at < len(pattern):
        character = pattern[at]
        close = pattern.find("]", at + 2) if character == "[" else -1
        if character == "%":
            pieces.append([])
        elif character == "_":
            pieces[-1].append(".")
        elif close > 0:
            pieces[-1].append(_bracket(pattern[at + 1 : close]))
            at = close
        else:
            pieces[-1].append(re.escape(character))
        at += 1
    return pieces


def _bracket(inside: str) -> str:
    negated = inside.startswith("^") and len(inside) > 1
    members = inside[1:] if negated else inside
    ranges: list[str] = []
    at = 0
    while at < len(members):
        is_range = members[at + 1 : at + 2] == "-" and at + 2 < len(members)
        first, last = members[at], members[at + 2] if is_range else members[at]
        if first <= last:
            ranges.append(f"{re.escape(first)}-{re.escape(last)}")
        at += 3 if is_range else 1
    if not ranges:
        return "." if negated else "(?!)."
    return f"[{'^' if negated else ''}{''.join(ranges)}]"
