"""Pools of sellers, and places in them."""

from collections.abc import Iterable

from engine.distribution.pool import SellerPool


def positions_of(pool: SellerPool, names: Iterable[str]) -> frozenset[int]:
    """The places of these people, each of whom is in the pool."""
    places = [pool.position_of(name) for name in names]
    known = frozenset(place for place in places if place is not None)
    assert len(known) == len(set(places)), "somebody is not in the pool"
    return known
