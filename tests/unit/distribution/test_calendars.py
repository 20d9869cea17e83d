"""Calendars from plain data, with every problem at its place."""

from collections.abc import Mapping
from datetime import date, timedelta

import pytest

from engine.calendars.calendar_data import clock_time, parse_calendar
from engine.errors import InvalidDocument
from engine.sellers import Calendar


def problems(data: Mapping[str, object] | str) -> list[tuple[tuple[int | str, ...], str]]:
    with pytest.raises(InvalidDocument) as caught:
        parse_calendar(data, ("calendar",))
    return [(problem.path, problem.message) for problem in caught.value.problems]


def test_a_full_calendar_is_read() -> None:
    data = {
        "time_zone": "Europe/London",
        "weekly": {
            "mon": [["08:00", "12:00"], ["13:00", "17:00"]],
            "Tuesday": [["22:00", "24:00"]],
        },
        "breaks": {"mon": [["10:00", "10:15:30"]]},
        "time_off": [["2026-12-24", "2026-12-26"], "2026-12-31"],
        "closures": ["2027-01-02"],
        "country": "GB",
        "subdivision": "ENG",
    }
    assert parse_calendar(data) == Calendar(
        time_zone="Europe/London",
        weekly={"mon": (("08:00", "12:00"), ("13:00", "17:00")), "tue": (("22:00", "24:00"),)},
        breaks={"mon": (("10:00", "10:15:30"),)},
        time_off=(
            (date(2026, 12, 24), date(2026, 12, 26)),
            (date(2026, 12, 31), date(2026, 12, 31)),
        ),
        closures=frozenset({date(2027, 1, 2)}),
        country="GB",
        subdivision="ENG",
    )


def test_everything_may_be_left_out_or_null() -> None:
    assert parse_calendar({}, time_zone="Asia/Tokyo") == Calendar(time_zone="Asia/Tokyo")
    nothing = dict.fromkeys(("time_zone", "weekly", "breaks", "time_off", "country"))
    assert parse_calendar(nothing) == Calendar()
    assert parse_calendar({"weekly": {}}).weekly == {}


@pytest.mark.parametrize(
    ("data", "path", "message"),
    [
        ("mon", (), "a calendar is an object"),
        ({"time_zon": "UTC"}, ("time_zon",), "did you mean 'time_zone'?"),
        ({"xyz": 1}, ("xyz",), "known are time_zone"),
        ({"time_zone": "Europe/Londn"}, ("time_zone",), "did you mean 'Europe/London'?"),
        ({"time_zone": "Nowhere"}, ("time_zone",), "use a name such as Europe/London"),
        ({"time_zone": "../etc"}, ("time_zone",), "is not a time zone"),
        ({"time_zone": "Europe"}, ("time_zone",), "is not a time zone"),
        ({"time_zone": ""}, ("time_zone",), "is not a time zone"),
        ({"weekly": []}, ("weekly",), "by weekday"),
        ({"weekly": {"moon day": []}}, ("weekly", "moon day"), "is not a weekday"),
        ({"weekly": {"m": []}}, ("weekly", "m"), "is not a weekday"),
        ({"weekly": {"mon": "08:00"}}, ("weekly", "mon"), "this is a list"),
        ({"weekly": {"mon": [["8", "17:00"]]}}, ("weekly", "mon", 0), "not a pair of times"),
        ({"weekly": {"mon": [["08:00"]]}}, ("weekly", "mon", 0), "not a pair of times"),
        ({"weekly": {"mon": [7]}}, ("weekly", "mon", 0), "not a pair of times"),
        ({"breaks": {"mon": [["12:00", "25:00"]]}}, ("breaks", "mon", 0), "not a pair of times"),
        ({"time_off": "2026-12-24"}, ("time_off",), "this is a list"),
        ({"time_off": [["2026-12-24"]]}, ("time_off", 0), "a first and a last day"),
        ({"time_off": [["2026-12-26", "2026-12-24"]]}, ("time_off", 0), "in this order"),
        ({"time_off": [["2026-12-24", "x"]]}, ("time_off", 0, 1), "is not a day"),
        ({"time_off": ["2026-13-01"]}, ("time_off", 0), "is not a day"),
        ({"closures": ["soon"]}, ("closures", 0), "is not a day"),
        ({"country": 44}, ("country",), "is not a code"),
        ({"country": "ZZ"}, ("country",), "no public holidays are known for 'ZZ'"),
        ({"country": "GB", "subdivision": "ZZ"}, ("country",), "'GB ZZ'"),
        ({"subdivision": "ENG"}, ("subdivision",), "needs its country"),
    ],
)
def test_a_problem_is_named_at_its_place(
    data: Mapping[str, object] | str, path: tuple[int | str, ...], message: str
) -> None:
    [(found, text)] = problems(data)
    assert found == ("calendar", *path)
    assert message in text


def test_all_problems_are_found_at_once() -> None:
    data = {"time_zone": "Mars", "weekly": {"mon": [["a", "b"], ["c", "d"]]}, "closures": [1]}
    assert len(problems(data)) == 4


@pytest.mark.parametrize(
    ("text", "expected"),
    [("00:00", 0), ("08:30", 30600), ("8:30", 30600), ("08:30:15", 30615), ("24:00", 86400)],
)
def test_times_of_day_are_read(text: str, expected: int) -> None:
    assert clock_time(text) == timedelta(seconds=expected)


@pytest.mark.parametrize("text", ["", "8:3", "0830", "24:01", "08:00Z", "08:00:00.5", "noon"])
def test_other_texts_are_no_time_of_day(text: str) -> None:
    with pytest.raises(ValueError, match=r".*"):
        clock_time(text)
