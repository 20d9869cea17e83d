"""Rows handed over a few at a time."""

from datetime import timedelta

from connector.cycle.review.pacing import Pace
from tests.support.fake_dataverse import START, FakeClock


def test_slices_come_when_their_time_has_come_and_work_counts() -> None:
    clock = FakeClock()
    waits: list[float] = []

    def wait(seconds: float) -> bool:
        waits.append(seconds)
        clock.advance(timedelta(seconds=seconds))
        return False

    pace = Pace(rows_per_minute=60, clock=clock, wait=wait, most_rows=100)
    taken: list[list[int]] = []
    for rows in pace.slices(range(12)):
        taken.append(list(rows))
        clock.advance(timedelta(seconds=2))
    assert taken == [[0, 1, 2, 3, 4], [5, 6, 7, 8, 9], [10, 11]]
    assert waits == [0, 3, 3]
    assert clock.now() == START + timedelta(seconds=12)


def test_work_that_takes_longer_is_not_made_up_for_by_a_rush() -> None:
    clock = FakeClock()
    waits: list[float] = []

    def wait(seconds: float) -> bool:
        waits.append(seconds)
        return False

    for _ in Pace(rows_per_minute=12, clock=clock, wait=wait, most_rows=100).slices(range(3)):
        clock.advance(timedelta(minutes=1))
    assert waits == [0, 0, 0]


def test_a_stop_ends_it_between_two_slices() -> None:
    answers = iter([False, True])
    pace = Pace(
        rows_per_minute=1, clock=FakeClock(), wait=lambda _seconds: next(answers), most_rows=100
    )
    assert [list(rows) for rows in pace.slices("abc")] == [["a"]]


def test_without_a_pace_rows_go_at_once_in_slices_that_fit_into_memory() -> None:
    pace = Pace(rows_per_minute=None, clock=FakeClock(), wait=lambda _seconds: True, most_rows=3)
    assert [list(rows) for rows in pace.slices("abc")] == [["a", "b", "c"]]
    rows = range(7)
    assert [len(part) for part in pace.slices(rows)] == [3, 3, 1]
    assert [row for part in pace.slices(rows) for row in part] == list(rows)


def test_a_fast_pace_goes_in_slices_that_fit_into_memory_too() -> None:
    pace = Pace(rows_per_minute=10**6, clock=FakeClock(), wait=lambda _seconds: False, most_rows=3)
    assert [len(part) for part in pace.slices(range(5))] == [3, 2]
