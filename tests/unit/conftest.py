"""Unit tests answer for themselves: nothing that the engine remembered for an earlier one helps."""

import pytest

from engine.conditions.moments import zone_of
from engine.conditions.patterns import like
from engine.conditions.periods import fiscal_calendar


@pytest.fixture(autouse=True)
def _nothing_remembered() -> None:
    for remembering in (like, zone_of, fiscal_calendar):
        remembering.cache_clear()
