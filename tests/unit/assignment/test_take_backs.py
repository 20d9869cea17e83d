"""What counts as a touch, from the row alone."""

from datetime import UTC, datetime

import pytest

from engine.policies.take_backs import is_touched_by_change, is_touched_by_column, pass_over
from engine.rules.models import TakeBack
from engine.sellers import Directory
from tests.support.builders import guid, seller

GIVEN = datetime(2026, 11, 26, 9, 30, tzinfo=UTC)
US, OWNER, OTHER = guid(9), guid(1), guid(2)


@pytest.mark.parametrize(
    ("touched_by", "modified_by", "is_touch"),
    [
        ("anyone", OWNER, True),
        ("anyone", OTHER, True),
        ("anyone", None, True),
        ("anyone", US, False),
        ("owner", OWNER, True),
        ("owner", OTHER, False),
        ("owner", US, False),
        ("owner", None, False),
    ],
)
def test_who_changed_a_row(touched_by: str, modified_by: str | None, is_touch: bool) -> None:
    policy = TakeBack.model_validate({"after": "1 hour", "touched_by": touched_by})
    row = {"_modifiedby_value": modified_by}
    assert is_touched_by_change(policy, row, owner_id=OWNER, our_id=US) is is_touch


@pytest.mark.parametrize(
    ("value", "is_touch"),
    [
        ("2026-11-26T09:30:01Z", True),
        ("2026-11-26T09:30:00Z", False),
        ("2026-11-26", True),
        ("2026-11-25", False),
        ("soon", False),
        ("2026-11-26T09:31:00", False),
        (None, False),
        (7, False),
    ],
)
def test_what_the_touch_column_says(value: object, is_touch: bool) -> None:
    policy = TakeBack(after="1 hour", touch_column="new_lastcall")
    assert is_touched_by_column(policy, {"new_lastcall": value}, GIVEN) is is_touch


def test_without_a_touch_column_no_column_counts() -> None:
    assert not is_touched_by_column(TakeBack(after="1 hour"), {"": "2027-01-01"}, GIVEN)


def test_exactly_those_named_are_passed_over() -> None:
    directory = Directory(sellers=(seller(1, "Miriam"), seller(2, "Sanjay")))
    assert pass_over(directory, frozenset()) is directory
    without = pass_over(directory, frozenset({guid(1)}))
    assert [found.had_it for found in without.sellers] == [True, False]
    assert pass_over(without, frozenset()) == directory
