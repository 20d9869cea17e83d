"""Distribution beside its baselines: a look at every seller, and a plain lazy heap for each pool.

Run alone: `python -m tests.benchmarks.distribution`.
"""

import random
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from heapq import heapify, heapreplace
from time import process_time
from typing import NamedTuple, TypeVar

from engine.distribution.model import DistributionRequest, DistributionSettings, Method
from engine.distribution.pool import SellerPool
from engine.distribution.rankings import RankingKind
from engine.distribution.scan import scan
from engine.sellers import Directory, Seller
from tests.unit.distribution.pools import open_pool, open_standings

NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)
TERRITORIES, LANGUAGES, TIERS = 10, 5, 4
Signature = tuple[tuple[str, str], ...]
Asked = TypeVar("Asked")
METHODS: tuple[Method, ...] = ("round_robin", "load_balancing")
PARTS = 8


def run() -> None:
    """Measure everything and print each ratio beside its target."""
    say("distribution: choose and assign, records a second of processor time")
    for sellers, records, sample, target in ((200, 60_000, 1_500, 15), (5_000, 60_000, 60, 200)):
        for method in METHODS:
            compare_with_scan(sellers, Load(records, sample), target, method)
    compare_with_heaps(Overlap(sellers=5_000, pools=1_500, average=299), Load(300_000, 300_000), 3)


class Load(NamedTuple):
    """How many records the index gets, and how many of them the baseline gets too."""

    records: int
    sample: int


class Overlap(NamedTuple):
    """Pools drawn at random over the same sellers."""

    sellers: int
    pools: int
    average: int


def compare_with_scan(count: int, load: Load, target: int, method: Method) -> None:
    """Sellers found by attributes: 60 % territory and language, 25 % tier, 15 % everybody."""
    directory = directory_of(count)
    signatures = draw_signatures(load.records)
    found = {signature: matching(directory, signature) for signature in set(signatures)}
    give = giver(open_pool(directory), method)

    def indexed(signature: Signature) -> int:
        return give(found[signature])

    standings = open_standings(directory, DistributionSettings())

    def scanned(signature: Signature) -> int:
        position, _ = scan(standings, request_for(matching(directory, signature), method))
        standings.assign(position, rule="R", table="lead", now=NOW, owner=None)
        return position

    rates = compare(indexed, scanned, signatures, load)
    report(f"{count:>6,} sellers, {method}", "linear scan", rates, target)


def compare_with_heaps(overlap: Overlap, load: Load, target: int) -> None:
    """The worst overlap: nearly every heap's top is outdated when it is asked."""
    directory = directory_of(overlap.sellers)
    rng = random.Random(11)
    share = overlap.average / overlap.sellers
    candidates = [
        frozenset(at for at in range(overlap.sellers) if rng.random() < share)
        for _ in range(overlap.pools)
    ]
    asked = rng.choices(range(overlap.pools), k=load.records)
    give = giver(open_pool(directory), "round_robin")

    def indexed(number: int) -> int:
        return give(candidates[number])

    heaps = PlainHeaps(directory, candidates)
    rates = compare(indexed, heaps.choose, asked, load)
    report(f"{overlap.sellers:>6,} sellers, {overlap.pools:,} pools", "plain heap", rates, target)


def giver(pool: SellerPool, method: Method) -> Callable[[frozenset[int]], int]:
    """Give one row away as a rule does, which keeps its ranking; the position it went to."""
    ranking = pool.ranking(
        RankingKind(method == "load_balancing", None, None, respect_capacity=False)
    )

    def give(candidates: frozenset[int]) -> int:
        position = pool.first(ranking, candidates, NOW)
        pool.give(position, "R", "lead", NOW, None)
        return position

    return give


class PlainHeaps:
    """A lazy heap of packed keys for each pool beside the same bookkeeping: round robin only."""

    def __init__(self, directory: Directory, candidates: Sequence[frozenset[int]]) -> None:
        ids = [seller.id for seller in directory.sellers]
        self._position_of = sorted(range(len(ids)), key=ids.__getitem__)
        rank_of = {position: rank for rank, position in enumerate(self._position_of)}
        self._keys = list(range(len(ids)))
        self._heaps = [[rank_of[position] for position in each] for each in candidates]
        for heap in self._heaps:
            heapify(heap)
        self._order = 0
        self._standings = open_standings(directory, DistributionSettings())

    def choose(self, number: int) -> int:
        heap, keys = self._heaps[number], self._keys
        while True:
            top = heap[0]
            key = keys[top & 0xFFFF]
            if key == top:
                break
            heapreplace(heap, key)
        self._order += 1
        rank = top & 0xFFFF
        keys[rank] = self._order << 16 | rank
        position = self._position_of[rank]
        self._standings.assign(position, rule="R", table="lead", now=NOW, owner=None)
        return position


def directory_of(count: int) -> Directory:
    """Sellers with a territory, one or two languages, a tier and differing capacity; seeded."""
    rng = random.Random(7)
    return Directory(
        sellers=tuple(
            Seller(
                id=f"{rng.getrandbits(128):032x}",
                name=f"Seller {number}",
                row={},
                max_capacity=rng.randrange(1_000, 100_000),
                attributes={
                    "Territory": (f"T{rng.randrange(TERRITORIES)}",),
                    "Language": tuple(f"L{rng.randrange(LANGUAGES)}" for _ in range(2)),
                    "Tier": (f"C{rng.randrange(TIERS)}",),
                },
            )
            for number in range(count)
        )
    )


def draw_signatures(records: int) -> list[Signature]:
    """What each record asks of its seller."""
    rng = random.Random(3)
    kinds = rng.choices(("both", "tier", "everybody"), weights=(60, 25, 15), k=records)
    return [signature_of(kind, rng) for kind in kinds]


def signature_of(kind: str, rng: random.Random) -> Signature:
    if kind == "both":
        territory, language = rng.randrange(TERRITORIES), rng.randrange(LANGUAGES)
        return (("Territory", f"T{territory}"), ("Language", f"L{language}"))
    return (("Tier", f"C{rng.randrange(TIERS)}"),) if kind == "tier" else ()


def matching(directory: Directory, signature: Signature) -> frozenset[int]:
    """The sellers whose attributes have every value asked for."""
    return frozenset(
        position
        for position, seller in enumerate(directory.sellers)
        if all(value in seller.attributes[name] for name, value in signature)
    )


def request_for(candidates: frozenset[int], method: Method) -> DistributionRequest:
    return DistributionRequest("R", candidates, "lead", method, NOW)


def compare(
    ours: Callable[[Asked], int], theirs: Callable[[Asked], int], asked: Sequence[Asked], load: Load
) -> tuple[float, float]:
    """Rates of both, measured in turns so that a noisy machine troubles both alike."""
    spent = [0.0, 0.0]
    for part in range(PARTS):
        mine = asked[part * load.records // PARTS : (part + 1) * load.records // PARTS]
        both = asked[part * load.sample // PARTS : (part + 1) * load.sample // PARTS]
        answers = timed(ours, mine, spent, 0)
        expected = timed(theirs, both, spent, 1)
        if load.records == load.sample or part == 0:
            assert answers[: len(expected)] == expected, "index and baseline disagree"
    return load.records / spent[0], load.sample / spent[1]


def timed(
    choose: Callable[[Asked], int], asked: Sequence[Asked], spent: list[float], at: int
) -> list[int]:
    started = process_time()
    answers = [choose(each) for each in asked]
    spent[at] += process_time() - started
    return answers


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")


def report(scenario: str, baseline: str, rates: tuple[float, float], target: int) -> None:
    ours, theirs = rates
    verdict = "ok" if ours / theirs >= target else "BELOW"
    say(
        f"  {scenario:<32} {ours:>10,.0f}/s   {baseline} {theirs:>9,.0f}/s"
        f"   {ours / theirs:>7.1f} x (target {target} x) {verdict}"
    )


if __name__ == "__main__":
    run()
