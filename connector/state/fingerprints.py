"""Fingerprints of the columns that rules watch: enough to see a change without keeping a value."""

import hashlib
import json
from collections.abc import Sequence
from itertools import pairwise

from engine.records import Row

DIGEST_BYTES = 5
"""40 bits for a column: a change goes unseen once in a million million."""

_WIDTH = 2 * DIGEST_BYTES


def name_watched_set(columns: Sequence[str]) -> str:
    """A short name that is the same for the same columns in the same order."""
    return hashlib.blake2b("\n".join(columns).encode(), digest_size=16).hexdigest()


def build_fingerprint(row: Row, columns: Sequence[str]) -> str:
    """One hash for each column, in the order given; null, absent and empty text are the same."""
    return "".join(_hash_value(row.get(column)) for column in columns)


def find_changed_columns(
    before: str, columns_before: Sequence[str], after: str, columns_after: Sequence[str]
) -> tuple[str, ...]:
    """The columns in both sets whose value changed between two fingerprints."""
    known = dict(zip(columns_before, _split(before), strict=True))
    return tuple(
        column
        for column, digest in zip(columns_after, _split(after), strict=True)
        if column in known and known[column] != digest
    )


def _hash_value(value: object) -> str:
    if value is None or value == "":
        return "0" * _WIDTH
    text = json.dumps(value, sort_keys=True, ensure_ascii=False, default=str)
    return hashlib.blake2b(text.encode(), digest_size=DIGEST_BYTES).hexdigest()


def _split(fingerprint: str) -> list[str]:
    bounds = range(0, len(fingerprint) + 1, _WIDTH)
    return [fingerprint[start:end] for start, end in pairwise(bounds)]
