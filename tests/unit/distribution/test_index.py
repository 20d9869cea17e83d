"""Each way of finding the smallest key gives the same answer, and the pool changes its way."""

import random
from collections.abc import Mapping
from random import Random

import pytest

import engine.distribution.smallest_key as pools
from engine.distribution.smallest_key import KeyTable, SmallestKeyIndex
from engine.distribution.sorted_keys import Order

COUNT = 40
MASK = (1 << COUNT.bit_length()) - 1
SHIFT = 20
BLOCKED = 1 << 40


def smallest(table: KeyTable, members: list[int]) -> int:
    keys = [table.keys[rank] for rank in members if table.keys[rank] < BLOCKED]
    return min(keys) & MASK if keys else -1


def table_of(rng: Random) -> KeyTable:
    return KeyTable([new_key(rng, rank) for rank in range(COUNT)], MASK, BLOCKED, SHIFT)


def new_key(rng: Random, rank: int) -> int:
    if rng.random() < 0.2:
        return BLOCKED
    return (rng.randrange(3) << SHIFT) | (rng.randrange(1 << 12) << COUNT.bit_length()) | rank


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize(
    "costs",
    [
        pytest.param({}, id="as-it-is"),
        pytest.param({"_PATIENCE": 0, "_FEW": 2}, id="impatient"),
        pytest.param({"_PATIENCE": 0, "_MEMBER": 10_000, "_UPKEEP": 0}, id="walks"),
        pytest.param({"_PATIENCE": 0, "_STEP": 10_000, "_MEMBER": 1}, id="minima"),
        pytest.param({"_PATIENCE": 10**9, "_FEW": 0}, id="heaps"),
        pytest.param({"_PATIENCE": 0, "_MEMBER": 0, "_FEW": 0}, id="free-minima"),
        pytest.param({"_CALLS_BETWEEN_SAMPLES": 1, "_PATIENCE": 0}, id="wavering"),
        pytest.param({"_CALLS_BETWEEN_SAMPLES": 1, "_PATIENCE": 0, "_STALE": 1}, id="falling"),
    ],
)
def test_every_way_finds_the_smallest_key(
    monkeypatch: pytest.MonkeyPatch, costs: Mapping[str, int], seed: int
) -> None:
    for name, value in costs.items():
        monkeypatch.setattr(pools, name, value)
    rng = random.Random(seed)
    table = table_of(rng)
    sets = [rng.sample(range(COUNT), rng.choice([0, 1, 3, 12, 25, COUNT])) for _ in range(8)]
    made = [SmallestKeyIndex(table, members) for members in sets]
    for step in range(400):
        number = rng.randrange(len(sets))
        assert made[number].first() == smallest(table, sets[number])
        for _ in range(rng.choice([0, 1, 1, 5])):
            rank = rng.randrange(COUNT)
            table.set(rank, new_key(rng, rank))
        if step == 200:
            made.append(SmallestKeyIndex(table, sets[0]))
            sets.append(sets[0])


def test_the_order_follows_keys_that_come_move_and_go() -> None:
    keys = [10, 20, 130, BLOCKED]
    order = Order(keys, BLOCKED, 6)
    assert walk(order) == [0, 1, 2]
    move(order, keys, 2, 25)
    assert walk(order) == [0, 1, 2]
    move(order, keys, 2, BLOCKED)
    move(order, keys, 3, 15)
    assert walk(order) == [0, 3, 1]
    move(order, keys, 1, 12)
    assert walk(order) == [0, 1, 3]
    move(order, keys, 0, 200)
    assert (walk(order), order.count) == ([1, 3, 0], 3)
    assert order.steps_to(0) == 2
    assert order.steps_to(-1) == 3
    assert order.first(bytes(4)) == -1


def move(order: Order, keys: list[int], rank: int, key: int) -> None:
    old, keys[rank] = keys[rank], key
    order.move(rank, old, key)


def walk(order: Order) -> list[int]:
    """Everybody in order: each time the first who has not been seen yet."""
    flags, seen = bytearray([1] * 4), []
    while (rank := order.first(bytes(flags))) >= 0:
        seen.append(rank)
        flags[rank] = 0
    return seen


def test_heaps_stay_where_pools_do_not_overlap() -> None:
    table = KeyTable([rank << 10 | rank for rank in range(60)], 1023, 1 << 60, 50)
    made = [SmallestKeyIndex(table, range(start, start + 20)) for start in (0, 20, 40)]
    serve(table, made, 2_000)
    assert {pool.first.__name__ for pool in made} == {"_by_heap"}


def test_heaps_give_way_where_pools_overlap() -> None:
    rng = random.Random(5)
    table = KeyTable([rank << 10 | rank for rank in range(1_000)], 1023, 1 << 60, 50)
    made = [SmallestKeyIndex(table, rng.sample(range(1_000), 300)) for _ in range(200)]
    serve(table, made, 3_000)
    ways = [pool.first.__name__ for pool in made]
    assert ways.count("_by_walk") > 150


def test_nobody_keeps_an_order_that_changes_much_more_often_than_it_is_asked() -> None:
    table = KeyTable([rank << 10 | rank for rank in range(1_000)], 1023, 1 << 60, 50)
    pool = SmallestKeyIndex(table, range(1_000))
    for number in range(4_000):
        rank = number % 1_000
        if number % 5 == 0:
            table.calls += 1
            rank = pool.first()
        table.set(rank, (10_000 + number) << 10 | rank)
    assert table.order is None


def test_keeping_an_order_costs_by_changes_and_a_walk_by_calls() -> None:
    table = KeyTable([rank << 10 | rank for rank in range(1_000)], 1023, 1 << 60, 50)
    assert table.walk_cost(10) == 60 * 100
    table.set(3, 5 << 20 | 3)
    assert table.walk_cost(10) == 1_500 + 60 * 100
    table.calls = 3
    assert table.walk_cost(10) == 500 + 60 * 100
    table.lose(10**9)
    assert table.walk_cost(10) == 6_025


def serve(table: KeyTable, made: list[SmallestKeyIndex], count: int) -> None:
    """Give to each pool in turn; who gets something goes to the end of the line."""
    for number in range(count):
        table.calls += 1
        rank = made[number % len(made)].first()
        table.set(rank, (10_000 + number) << 10 | rank)


def test_a_pool_whose_walks_are_long_gives_them_up() -> None:
    table = KeyTable([rank << 10 | rank for rank in range(1_000)], 1023, 1 << 60, 50)
    pool = SmallestKeyIndex(table, range(980, 1_000))
    table.lose(10**9)
    pool._walk_if_cheaper(10**9)
    assert pool.first.__name__ == "_by_walk"
    assert {pool.first() for _ in range(40)} == {980}
    assert pool.first.__name__ != "_by_walk"
