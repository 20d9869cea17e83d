"""Public holidays by country, from the `holidays` library; what they mean is in `availability`."""

from datetime import date
from functools import lru_cache

import holidays


@lru_cache(maxsize=1024)
def public_holidays(country: str, subdivision: str | None, year: int) -> frozenset[date]:
    """The days of `year` on which business is closed.

    Raises NotImplementedError for an unknown place.
    """
    return frozenset(holidays.country_holidays(country, subdiv=subdivision, years=year))
