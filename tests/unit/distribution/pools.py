"""Pools of sellers, and places in them."""

from collections.abc import Iterable

from engine.distribution.members import PoolMembers
from engine.distribution.model import DistributionSettings
from engine.distribution.pool import SellerPool
from engine.distribution.standings import Standings
from engine.sellers import Directory, read_clocks, read_consumed


def open_pool(directory: Directory, settings: DistributionSettings | None = None) -> SellerPool:
    """A pool over a directory that carries its own clocks and counts."""
    members = PoolMembers(directory, settings or DistributionSettings())
    return SellerPool(members, read_clocks(directory), read_consumed(directory))


def open_standings(directory: Directory, settings: DistributionSettings) -> Standings:
    """The standings of a directory that carries its own clocks and counts."""
    members = PoolMembers(directory, settings)
    return Standings(members, read_clocks(directory), read_consumed(directory))


def positions_of(pool: SellerPool, names: Iterable[str]) -> frozenset[int]:
    """The places of these people, each of whom is in the pool."""
    places = [pool.position_of(name) for name in names]
    known = frozenset(place for place in places if place is not None)
    assert len(known) == len(set(places)), "somebody is not in the pool"
    return known
