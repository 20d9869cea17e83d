"""The directory file: reading, refusing, writing back."""

import json
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from connector.simulation.directory_file import parse_time, read_directory, write_directory
from engine.errors import ConfigProblem
from engine.sellers import Calendar

ID = "0000000A-0000-4000-8000-000000000001"
MORNING = datetime(2026, 11, 23, 9, tzinfo=UTC)


def write(path: Path, data: object) -> Path:
    path.write_text(json.dumps(data), encoding="utf-8")
    return path


def problems_of(tmp_path: Path, data: object) -> list[str]:
    path = write(tmp_path / "directory.json", data)
    with pytest.raises(ConfigProblem) as caught:
        read_directory(path)
    return [line.removeprefix(f"{path}:") for line in str(caught.value).splitlines()]


def test_a_seller_has_columns_and_what_work_assignment_adds(tmp_path: Path) -> None:
    entry = {
        "systemuserid": ID,
        "fullname": "Miriam",
        "isdisabled": True,
        "address1_city": "Seattle",
        "attributes": {"Language": ["English", "German"], "Level": "3"},
        "assignable": False,
        "capacity": {"max": 50, "consumed": {"lead": 20}},
        "last_assigned_at": "2026-11-23T10:00:00+01:00",
        "last_assigned_at_by_rule": {"To London": "2026-11-23T09:00:00Z"},
        "assignment_order": 7,
        "weight": 2,
        "turns_taken": 1,
        "joined_at": "2026-11-23T09:00:00Z",
        "head_start": 3,
        "readable_tables": ["lead"],
        "calendar": {
            "time_zone": "Europe/London",
            "weekly": {"mon": [["08:00", "17:00"]]},
            "time_off": [["2026-12-24", "2026-12-26"]],
        },
    }
    path = write(tmp_path / "directory.json", {"sellers": [entry]})
    (seller,) = read_directory(path).directory.sellers
    assert seller.id == ID.lower()
    assert seller.name == "Miriam"
    assert seller.is_disabled
    assert not seller.is_assignable
    assert seller.row == {
        "systemuserid": ID,
        "fullname": "Miriam",
        "isdisabled": True,
        "address1_city": "Seattle",
    }
    assert seller.attributes == {"Language": ("English", "German"), "Level": ("3",)}
    assert (seller.max_capacity, seller.consumed) == (50, {"lead": 20})
    assert seller.last_assigned_at == seller.last_assigned_at_by_rule["To London"] == MORNING
    assert (seller.assignment_order, seller.weight, seller.turns_taken) == (7, 2, 1)
    assert (seller.joined_at, seller.head_start) == (MORNING, 3)
    assert seller.readable_tables == frozenset({"lead"})
    assert seller.calendar == Calendar(
        time_zone="Europe/London",
        weekly={"mon": (("08:00", "17:00"),)},
        time_off=((date(2026, 12, 24), date(2026, 12, 26)),),
    )


def test_a_bare_seller_is_enabled_assignable_and_always_free(tmp_path: Path) -> None:
    path = write(tmp_path / "directory.json", {"sellers": [{"systemuserid": ID}]})
    (seller,) = read_directory(path).directory.sellers
    assert seller.name == ID
    assert (seller.is_disabled, seller.is_assignable) == (False, True)
    assert (seller.max_capacity, seller.last_assigned_at, seller.calendar) == (None, None, None)


def test_a_calendar_without_a_zone_takes_the_one_given(tmp_path: Path) -> None:
    data = {"sellers": [{"systemuserid": ID, "calendar": {"weekly": {}}}]}
    path = write(tmp_path / "directory.json", data)
    (seller,) = read_directory(path, time_zone="Asia/Tokyo").directory.sellers
    assert seller.calendar is not None
    assert seller.calendar.time_zone == "Asia/Tokyo"


def test_teams_and_queues_are_read(tmp_path: Path) -> None:
    data = {
        "teams": [
            {"teamid": "{" + ID + "}", "name": "London", "teamtype": 1, "members": [ID], "x": 1}
        ],
        "queues": [{"queueid": ID, "name": "Overflow"}, {"queueid": "q2"}],
    }
    directory = read_directory(write(tmp_path / "directory.json", data)).directory
    (team,) = directory.teams
    assert (team.id, team.name, team.team_type) == (ID.lower(), "London", 1)
    assert team.members == (ID.lower(),)
    assert team.row["x"] == 1
    assert [(queue.id, queue.name) for queue in directory.queues] == [
        (ID.lower(), "Overflow"),
        ("q2", "q2"),
    ]


def test_managers_and_listed_parents_make_hierarchies(tmp_path: Path) -> None:
    data = {
        "sellers": [
            {"systemuserid": "a", "_parentsystemuserid_value": "b"},
            {"systemuserid": "b", "parentsystemuserid": "c"},
            {"systemuserid": "c", "_parentsystemuserid_value": None},
        ],
        "hierarchies": {"account": {ID: "top", "top": None}},
    }
    found = read_directory(write(tmp_path / "directory.json", data)).hierarchies
    assert found == {
        "systemuser": {"a": "b", "b": "c"},
        "account": {ID.lower(): "top", "top": None},
    }


@pytest.mark.parametrize(
    ("entry", "problem"),
    [
        ({"isdisabled": "no"}, '"isdisabled" is true or false'),
        ({"assignable": 1}, '"assignable" is true or false'),
        ({"capacity": 5}, '"capacity" is an object'),
        ({"capacity": {"max": "5"}}, '"max" is a whole number'),
        ({"capacity": {"max": -5}}, '"max" is at least 0'),
        ({"capacity": {"consumed": []}}, '"consumed" is an object'),
        ({"capacity": {"consumed": {"lead": 1.5}}}, '"lead" is a whole number'),
        ({"attributes": ["German"]}, '"attributes" is an object'),
        ({"attributes": {"L": [1]}}, 'the values of "L" are a list of texts'),
        ({"last_assigned_at": "2026-11-23 09:00"}, '"last_assigned_at" is an instant'),
        ({"last_assigned_at": "2026-11-23T09:00:00"}, '"last_assigned_at" is an instant'),
        ({"last_assigned_at": 5}, '"last_assigned_at" is an instant'),
        ({"last_assigned_at_by_rule": {"R": "x"}}, '"R" is an instant'),
        ({"assignment_order": True}, '"assignment_order" is a whole number'),
        ({"weight": 0}, '"weight" is at least 1'),
        ({"readable_tables": "lead"}, '"readable_tables" is a list of texts'),
        ({"calendar": {"time_zone": "Mars"}}, "'Mars' is not a time zone"),
        ({"calendar": {"weekly": {"mon": [["8", "9"]]}}}, "is not a pair of times"),
        ({"calendar": {"time_off": [["2026-12-26", "2026-12-24"]]}}, "is not a first and a last"),
    ],
)
def test_what_a_seller_cannot_be_is_told_with_its_place(
    tmp_path: Path, entry: dict[str, Any], problem: str
) -> None:
    (found,) = problems_of(tmp_path, {"sellers": [{"systemuserid": ID, **entry}]})
    assert problem in found
    assert found.startswith("1:")


def test_everything_wrong_is_told_at_once(tmp_path: Path) -> None:
    path = tmp_path / "directory.json"
    path.write_text(
        '{"sellers": [\n {"fullname": "A"},\n 5,\n {"systemuserid": "x"},\n'
        ' {"systemuserid": "x"}],\n "teams": {},\n "queues": [{"queueid": ""}],\n'
        ' "hierarchies": []}',
        encoding="utf-8",
    )
    with pytest.raises(ConfigProblem) as caught:
        read_directory(path)
    assert str(caught.value).replace(f"{path}:", "").splitlines() == [
        '2:2: "systemuserid" is missing; it is the id, a text',
        "3:2: an object is needed here",
        "5:19: the id x stands here a second time",
        '6:11: "teams" is a list',
        '7:25: "queueid" is missing; it is the id, a text',
        '8:17: "hierarchies" is an object',
    ]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("[]", '1:1: a directory is an object with "sellers", "teams" and "queues"'),
        ('{"sellers": [}', "1:14: this is not JSON: Expecting value."),
        ('{"sellers": [NaN]}', "NaN"),
        ('{"sellers": 7}', '1:13: "sellers" is a list'),
        ('{"territories": ["\\ud800"]}', "1:18: an escape here stands for half a character"),
    ],
)
def test_a_file_that_is_no_directory_is_refused(tmp_path: Path, content: str, words: str) -> None:
    path = tmp_path / "directory.json"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(ConfigProblem) as caught:
        read_directory(path)
    assert words in str(caught.value)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigProblem) as caught:
        read_directory(tmp_path / "none.json")
    assert str(caught.value).endswith("none.json cannot be read: No such file or directory.")


def test_a_directory_is_written_back_in_the_shape_it_had(tmp_path: Path) -> None:
    data = {
        "sellers": [
            {"systemuserid": ID, "fullname": "Ada", "phone": "5", "capacity": {"max": 9}},
            {"systemuserid": "b", "last_assigned_at": None, "assignment_order": 0},
        ],
        "teams": [{"teamid": "t", "members": []}],
        "remark": {"kept": True},
    }
    source = read_directory(write(tmp_path / "directory.json", data))
    ada, other = source.directory.sellers
    moved = replace(
        ada,
        last_assigned_at=MORNING,
        last_assigned_at_by_rule={"R": MORNING},
        assignment_order=4,
        consumed={"lead": 2},
    )
    target = tmp_path / "after.json"
    write_directory(source, replace(source.directory, sellers=(moved, other)), target)
    assert json.loads(target.read_text(encoding="utf-8")) == {
        "sellers": [
            {
                "systemuserid": ID,
                "fullname": "Ada",
                "phone": "5",
                "capacity": {"max": 9, "consumed": {"lead": 2}},
                "last_assigned_at": "2026-11-23T09:00:00Z",
                "last_assigned_at_by_rule": {"R": "2026-11-23T09:00:00Z"},
                "assignment_order": 4,
            },
            {"systemuserid": "b", "last_assigned_at": None, "assignment_order": 0},
        ],
        "teams": [{"teamid": "t", "members": []}],
        "remark": {"kept": True},
    }
    again = read_directory(target).directory
    assert replace(again.sellers[0], row={}) == replace(moved, row={})


def test_a_directory_that_cannot_be_written_is_a_problem(tmp_path: Path) -> None:
    source = read_directory(write(tmp_path / "directory.json", {}))
    with pytest.raises(ConfigProblem) as caught:
        write_directory(source, source.directory, tmp_path / "none" / "after.json")
    assert "cannot be written: No such file or directory" in str(caught.value)


@pytest.mark.parametrize("text", ["2026-11-23T09:00:00Z", "2026-11-23t10:00:00.000+01:00"])
def test_an_instant_has_a_zone(text: str) -> None:
    assert parse_time(text) == MORNING


@pytest.mark.parametrize("text", ["2026-11-23", "2026-11-23T09:00:00", "nine", "20261123"])
def test_anything_else_is_no_instant(text: str) -> None:
    with pytest.raises(ValueError):
        parse_time(text)
