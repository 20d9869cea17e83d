"""Finds the smallest key among a set of members in whichever of three ways has been cheapest.

It knows integers only; what the keys mean is in `keys`, what moves them in `lanes`.
"""

from collections.abc import Callable, Iterable
from heapq import heapify, heappop, heappush, heapreplace
from operator import itemgetter

from engine.distribution_order import Order

_STALE = 300
"""Nanoseconds that an outdated top of a heap costs, about."""
_MEMBER = 30
"""Nanoseconds a member that a plain minimum costs, about."""
_STEP = 60
"""Nanoseconds a step of the walk along everybody costs, about."""
_UPKEEP = 3000
"""Nanoseconds a change that keeping everybody in order costs, about."""
_FEW = 8
"""Up to so many members a plain minimum is always the cheapest."""
_PATIENCE = 20_000
"""Nanoseconds lost against the alternative before a pool, or a table, changes its way."""
_CALLS_BETWEEN_SAMPLES = 16
_CALLS_BEFORE_SECOND_THOUGHTS = 64


class KeyTable:
    """The key of each rank; the low bits of a key (`mask`) are its rank.

    A rank whose key is `blocked` is nobody's smallest. Heaps notice by themselves when a key has
    grown; `shrunk` tells them which ranks got a smaller one, since the table's `age` began.
    """

    def __init__(self, keys: Iterable[int], mask: int, blocked: int, shift: int) -> None:
        self.keys = list(keys)
        self.mask = mask
        self.blocked = blocked
        self.order: Order | None = None
        self._shift = shift
        self.shrunk: list[int] = []
        self.age = 0
        self._lost = 0

    def set(self, rank: int, key: int) -> None:
        """Give `rank` another key."""
        keys = self.keys
        old = keys[rank]
        if key == old:
            return
        keys[rank] = key
        if key < old:
            self._note_shrunk(rank)
        if self.order is not None:
            self.order.move(rank, old, key)

    def _note_shrunk(self, rank: int) -> None:
        if len(self.shrunk) >= len(self.keys):
            self.shrunk.clear()
            self.age += 1
        self.shrunk.append(rank)

    def lose(self, nanoseconds: int) -> None:
        """A pool lost so much for want of the order; enough of that and the order is kept."""
        self._lost = max(0, self._lost + nanoseconds)
        if self._lost > _PATIENCE and self.order is None:
            self.order = Order(self.keys, self.blocked, self._shift)

    def walk_cost(self, members: int) -> int:
        """What a walk should cost, with the upkeep of the order where nobody pays it yet."""
        if self.order is None:
            return _UPKEEP + _STEP * len(self.keys) // members
        return _STEP * self.order.count // members


class Pool:
    """A fixed set of ranks; `first()` is the rank with the smallest key, -1 when all are blocked.

    It starts with a lazy heap: the top is good when it is its rank's current key, else it is
    replaced and the next one looked at. Where many pools share members most tops are outdated;
    then a minimum over the members, or a walk along everybody in order until a member comes, is
    cheaper. The pool counts what its way costs and changes it once another one has proved better.
    """

    __slots__ = (
        "_age",
        "_calls",
        "_flags",
        "_heap",
        "_lost",
        "_members",
        "_minimum_cost",
        "_order",
        "_pick",
        "_read",
        "_rest",
        "_table",
        "first",
    )

    def __init__(self, table: KeyTable, members: Iterable[int]) -> None:
        self._table = table
        self._members = frozenset(members)
        self._heap: list[int] = []
        self._age = -1
        self._read = 0
        self._lost = 0
        self._calls = 0
        self._rest = _CALLS_BEFORE_SECOND_THOUGHTS
        self._minimum_cost = _MEMBER * len(self._members)
        self._pick: Callable[[list[int]], Iterable[int]] | None = None
        self._flags = b""
        self.first: Callable[[], int] = self._by_heap
        if len(self._members) <= _FEW or table.order is not None:
            self._leave_heap()

    def _by_heap(self) -> int:
        table = self._table
        keys, mask = table.keys, table.mask
        if self._age != table.age or self._read != len(table.shrunk):
            self._catch_up()
        heap = self._heap
        stale = 0
        while heap:
            top = heap[0]
            rank = top & mask
            key = keys[rank]
            if key == top:
                if stale:
                    self._count_stale(stale)
                return rank
            stale += 1
            if key < table.blocked:
                heapreplace(heap, key)
            else:
                heappop(heap)
        return -1

    def _catch_up(self) -> None:
        """Take in the keys that became smaller since the last call, or all where they are many."""
        table, heap = self._table, self._heap
        unread = table.shrunk[self._read :]
        if self._age != table.age or len(heap) + len(unread) > 2 * len(self._members):
            keys = self._current_keys()
            self._heap = [key for key in keys if key < table.blocked]
            heapify(self._heap)
            self._lost += self._minimum_cost if self._age >= 0 else 0
        else:
            for rank in unread:
                if rank in self._members and table.keys[rank] < table.blocked:
                    heappush(heap, table.keys[rank])
        self._age, self._read = table.age, len(table.shrunk)

    def _count_stale(self, stale: int) -> None:
        members = len(self._members)
        lost = stale * _STALE - min(self._minimum_cost, self._table.walk_cost(members))
        self._table.lose(lost)
        self._lost = max(0, self._lost + lost)
        if self._lost > _PATIENCE:
            self._heap = []
            self._leave_heap()

    def _leave_heap(self) -> None:
        """Go on by walk or minimum, whichever should be cheaper now."""
        self._lost = 0
        self._calls = 0
        members = len(self._members)
        walks = members > _FEW and self._table.walk_cost(members) < self._minimum_cost
        self.first = self._by_minimum
        if walks and self._table.order is not None:
            self._order = self._table.order
            self._flags = self._flags or _flags(self._members, len(self._table.keys))
            self.first = self._by_walk

    def _by_walk(self) -> int:
        rank = self._order.first(self._flags)
        self._calls += 1
        if self._calls > _CALLS_BETWEEN_SAMPLES:
            self._calls = 0
            self._count_steps(self._order.steps_to(rank))
        return rank

    def _count_steps(self, steps: int) -> None:
        """Take one call as a sample of the calls since the last one."""
        lost = _CALLS_BETWEEN_SAMPLES * (steps * _STEP - self._minimum_cost)
        self._lost = max(0, self._lost + lost)
        if self._lost > _PATIENCE:
            self._lost = 0
            self._calls = 0
            self._rest *= 2
            self.first = self._by_minimum

    def _by_minimum(self) -> int:
        table = self._table
        self._calls += 1
        if self._calls > self._rest:
            gain = self._minimum_cost - table.walk_cost(max(1, len(self._members)))
            table.lose(self._rest * gain)
            self._leave_heap()
        key = min(self._current_keys(), default=table.blocked)
        return key & table.mask if key < table.blocked else -1

    def _current_keys(self) -> Iterable[int]:
        if self._pick is None:
            self._pick = _picker(tuple(self._members))
        return self._pick(self._table.keys)


def _flags(members: Iterable[int], count: int) -> bytes:
    """One byte a rank, 1 for members: quicker to ask than a set that is not in the cache."""
    flags = bytearray(count)
    for rank in members:
        flags[rank] = 1
    return bytes(flags)


def _picker(members: tuple[int, ...]) -> Callable[[list[int]], Iterable[int]]:
    """A function that takes the members' keys out of the list of all keys."""
    if len(members) > 1:
        return itemgetter(*members)
    return lambda keys: [keys[rank] for rank in members]
