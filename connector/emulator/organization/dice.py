"""Repeatable pseudo-random choices from a seed, by hashing: the only source of chance here."""

from collections.abc import Sequence
from hashlib import blake2b
from typing import TypeVar
from uuid import UUID

Item = TypeVar("Item")


class Dice:
    """A stream of choices: the same seed and name give the same stream on every machine."""

    def __init__(self, seed: int, name: str = "") -> None:
        self._key = f"{seed}/{name}".encode()
        self._count = 0

    def _bytes(self, size: int) -> bytes:
        self._count += 1
        return blake2b(self._key + self._count.to_bytes(8, "big"), digest_size=size).digest()

    def below(self, limit: int) -> int:
        """A whole number from 0 to limit - 1."""
        return int.from_bytes(self._bytes(8), "big") % limit

    def between(self, low: int, high: int) -> int:
        """A whole number from low to high, both included."""
        return low + self.below(high - low + 1)

    def chance(self, probability: float) -> bool:
        """True that often."""
        return self.below(1_000_000) < probability * 1_000_000

    def pick(self, items: Sequence[Item]) -> Item:
        """One of the items."""
        return items[self.below(len(items))]

    def shuffle(self, items: list[Item]) -> None:
        """Mix a list in place."""
        for last in range(len(items) - 1, 0, -1):
            other = self.below(last + 1)
            items[last], items[other] = items[other], items[last]

    def guid(self) -> str:
        """A version 4 GUID."""
        return str(UUID(bytes=self._bytes(16), version=4))
