"""Finds the smallest key among a set of members in whichever of three ways has been cheapest.

It knows integers only; what the keys mean is in `keys`, what moves them in `rankings`.
"""

from collections.abc import Callable, Iterable
from heapq import heapify, heappop, heappush, heapreplace
from operator import itemgetter

from engine.distribution.sorted_keys import Order

_STALE = 300
"""Nanoseconds that an outdated top of a heap costs, about."""
_MEMBER = 30
"""Nanoseconds a member that a plain minimum costs, about."""
_STEP = 60
"""Nanoseconds a step of the walk along everybody costs, about."""
_SHELF = 250
"""Nanoseconds that going over to the next shelf costs, about."""
_UPKEEP = 1500
"""Nanoseconds a change that keeping everybody in order costs, about."""
_FEW = 8
"""Up to so many members a plain minimum is always the cheapest."""
_PATIENCE = 20_000
"""Nanoseconds lost against the alternative before a pool, or a table, changes its way."""
_CALLS_BETWEEN_SAMPLES = 16


class KeyTable:
    """The key of each rank; the low bits of a key (`mask`) are its rank.

    A rank whose key is `blocked` is nobody's smallest. Heaps notice by themselves when a key has
    grown; `shrunk` tells them which ranks got a smaller one, since the table's `age` began.
    `changes` counts, and `changed` says for each rank at which count its key changed last. `calls`
    counts what was asked of all pools.
    """

    def __init__(self, keys: Iterable[int], mask: int, blocked: int, shift: int) -> None:
        self.keys = list(keys)
        self.mask = mask
        self.blocked = blocked
        self.order: Order | None = None
        self.shrunk: list[int] = []
        self.age = 0
        self.changes = 0
        self.calls = 0
        self.changed = [0] * len(self.keys)
        self._shift = shift
        self._lost = 0

    def set(self, rank: int, key: int) -> None:
        """Give `rank` another key."""
        keys = self.keys
        old = keys[rank]
        if key == old:
            return
        keys[rank] = key
        self.changes += 1
        self.changed[rank] = self.changes
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
            upkeep = _UPKEEP * self.changes // max(1, self.calls)
            return upkeep + _STEP * len(self.keys) // members
        return (_STEP * self.order.count + _SHELF * self.order.shelf_count) // members


class SmallestKeyIndex:
    """A fixed set of ranks; `first()` is the rank with the smallest key, -1 when all are blocked.

    There are three ways. A minimum over the members costs by their number. A lazy heap, whose top
    is good when it is its rank's current key and else is replaced, costs by the members that
    changed since the last call: little where pools share few members. A walk along everybody in
    order until a member comes costs by how rare members are, and the order has to be kept. The
    pool starts with minima, sees how many members change between calls, goes over to what should
    be cheapest, and leaves that again when it proves to be dear.
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
        "_seen",
        "_stale",
        "_table",
        "first",
    )

    def __init__(self, table: KeyTable, members: Iterable[int]) -> None:
        self._table = table
        self._members = tuple(members)
        self._heap: list[int] = []
        self._age = -1
        self._read = 0
        self._lost = 0
        self._calls = 0
        self._stale = 0
        self._rest = 1
        self._seen = table.changes
        self._minimum_cost = _MEMBER * len(self._members)
        self._pick: Callable[[list[int]], Iterable[int]] | None = None
        self._flags = b""
        self._order = table.order
        self.first: Callable[[], int] = self._by_few
        if len(self._members) > _FEW:
            self.first = self._by_minimum
            if table.order is not None:
                self._walk_if_cheaper(self._minimum_cost)

    def _by_few(self) -> int:
        blocked = self._table.blocked
        key = min(self._values(self._table.keys), default=blocked)
        return key & self._table.mask if key < blocked else -1

    def _by_minimum(self) -> int:
        if self._calls >= self._rest:
            self._think()
        self._calls += 1
        return self._by_few()

    def _think(self) -> None:
        """Go over to the way that should be the cheapest, by what happened since the last time."""
        table, seen = self._table, self._seen
        stale = sum(change > seen for change in self._values(table.changed))
        heap_cost = stale * _STALE // self._calls
        gain = min(heap_cost, self._minimum_cost) - table.walk_cost(len(self._members))
        table.lose(gain * self._calls)
        self._seen = table.changes
        self._calls = 0
        self._rest = 2 * self._rest
        self._lost = 0
        if heap_cost < self._minimum_cost and gain <= 0:
            self._age = -1
            self.first = self._by_heap
        else:
            self._walk_if_cheaper(self._minimum_cost)

    def _walk_if_cheaper(self, cost: int) -> None:
        table = self._table
        if table.order is not None and table.walk_cost(len(self._members)) < cost:
            self._order = table.order
            self._flags = self._flags or _flags(self._members, len(table.keys))
            self.first = self._by_walk

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
                self._stale += stale
                self._calls += 1
                if self._calls > _CALLS_BETWEEN_SAMPLES:
                    self._count_stale()
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
            self._heap = [key for key in self._values(table.keys) if key < table.blocked]
            heapify(self._heap)
            self._lost += self._minimum_cost if self._age >= 0 else 0
        else:
            self._flags = self._flags or _flags(self._members, len(table.keys))
            for rank in unread:
                if self._flags[rank] and table.keys[rank] < table.blocked:
                    heappush(heap, table.keys[rank])
        self._age, self._read = table.age, len(table.shrunk)

    def _count_stale(self) -> None:
        """Compare what the heap cost since the last look with the cheapest other way."""
        other = min(self._minimum_cost, self._table.walk_cost(len(self._members)))
        lost = self._stale * _STALE - other * self._calls
        self._stale = self._calls = 0
        self._table.lose(lost)
        self._give_up_after(lost)

    def _by_walk(self) -> int:
        order = self._order
        rank = -1 if order is None else order.first(self._flags)
        self._calls += 1
        if order is not None and self._calls > _CALLS_BETWEEN_SAMPLES:
            self._calls = 0
            lost = _STEP * order.steps_to(rank) - self._minimum_cost
            self._give_up_after(lost * _CALLS_BETWEEN_SAMPLES)
        return rank

    def _give_up_after(self, lost: int) -> None:
        """Note what the present way lost; after too much of it, go back to minima for a while."""
        self._lost = max(0, self._lost + lost)
        if self._lost > _PATIENCE:
            self._heap = []
            self._calls = 0
            self._rest *= 2
            self._seen = self._table.changes
            self.first = self._by_minimum

    def _values(self, table: list[int]) -> Iterable[int]:
        """The members' entries of a list by rank."""
        if self._pick is None:
            self._pick = _picker(self._members)
        return self._pick(table)


def _flags(members: Iterable[int], count: int) -> bytes:
    """One byte a rank, 1 for members: quicker to ask than a set that is not in the cache."""
    flags = bytearray(count)
    for rank in members:
        flags[rank] = 1
    return bytes(flags)


def _picker(members: tuple[int, ...]) -> Callable[[list[int]], Iterable[int]]:
    """A function that takes the members' entries out of a list by rank."""
    if len(members) > 1:
        return itemgetter(*members)
    return lambda table: [table[rank] for rank in members]
