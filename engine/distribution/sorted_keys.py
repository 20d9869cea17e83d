"""Everybody in the order of their keys, kept at little cost; who asks is in `smallest_key`."""

from bisect import bisect_left, insort
from collections import OrderedDict


class Order:
    """The ranks that are not blocked, by ascending key, in shelves of equal high bits.

    Within a shelf only the low bits (clock and order) differ. Who was just assigned has the
    greatest of them and goes to the end at once; anything else leaves its shelf to be sorted when
    it is next walked along. `_greatest` is never below the greatest key of a shelf.
    """

    def __init__(self, keys: list[int], blocked: int, shift: int) -> None:
        self._keys = keys
        self._blocked = blocked
        self._shift = shift
        self._shelves: dict[int, OrderedDict[int, None]] = {}
        self._highs: list[int] = []
        self._unsorted: set[int] = set()
        self._greatest: dict[int, int] = {}
        ascending = sorted((key, rank) for rank, key in enumerate(keys) if key < blocked)
        for key, rank in ascending:
            self._place(rank, key >> shift)
        self.count = len(ascending)

    def move(self, rank: int, old: int, key: int) -> None:
        """The key of `rank` was `old` and is `key` now (and so in the list of keys already)."""
        before, after = old >> self._shift, key >> self._shift
        if before == after:
            if key < self._greatest[after]:
                self._unsorted.add(after)
            else:
                self._greatest[after] = key
            self._shelves[after].move_to_end(rank)
            return
        if old < self._blocked:
            self._remove(rank, before)
        if key < self._blocked:
            self._place(rank, after)
            self.count += 1

    def _place(self, rank: int, high: int) -> None:
        key = self._keys[rank]
        if high not in self._shelves:
            self._shelves[high] = OrderedDict()
            self._greatest[high] = key
            insort(self._highs, high)
        if key < self._greatest[high]:
            self._unsorted.add(high)
        else:
            self._greatest[high] = key
        self._shelves[high][rank] = None

    def _remove(self, rank: int, high: int) -> None:
        self.count -= 1
        shelf = self._shelves[high]
        del shelf[rank]
        if not shelf:
            del self._shelves[high], self._greatest[high]
            del self._highs[bisect_left(self._highs, high)]
            self._unsorted.discard(high)

    def first(self, flags: bytes) -> int:
        """The first rank whose flag is set; -1 where there is none."""
        for high in self._highs:
            if self._unsorted and high in self._unsorted:
                self._sort(high)
            for rank in self._shelves[high]:
                if flags[rank]:
                    return rank
        return -1

    @property
    def shelf_count(self) -> int:
        """How many shelves there are to go along."""
        return len(self._highs)

    def steps_to(self, rank: int) -> int:
        """How many ranks are looked at before this one (all of them for -1)."""
        ranks = (each for high in self._highs for each in self._shelves[high])
        return next((steps for steps, each in enumerate(ranks) if each == rank), self.count)

    def _sort(self, high: int) -> None:
        self._unsorted.discard(high)
        ranks = sorted(self._shelves[high], key=self._keys.__getitem__)
        self._shelves[high] = OrderedDict.fromkeys(ranks)
