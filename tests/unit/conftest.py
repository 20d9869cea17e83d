"""Unit tests answer for themselves: nothing that the engine remembered for an earlier one helps."""

import pytest

from engine.conditions.evaluation.patterns import like
from engine.conditions.evaluation.periods import fiscal_calendar
from engine.conditions.language.moments import zone_of


@pytest.fixture(autouse=True)
def _nothing_remembered() -> None:
    for remembering in (like, zone_of, fiscal_calendar):
        remembering.cache_clear()
