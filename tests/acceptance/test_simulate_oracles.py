"""The worked examples of Microsoft's distribution pages, run through `simulate`.

"Understand lead and opportunity distribution" and "Configure assignment rules for insights" in the
Dynamics 365 Sales documentation; sellers keep the names they have there.
"""

import json
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.support.builders import guid, insight, lead, seller_entry
from tests.support.cli import Run, run_cli

Play = Callable[..., Run]
DAY = "2026-11-23"
"""A Monday."""


def at(clock: str, day: str = DAY) -> str:
    return f"{day}T{clock}:00Z"


def leads(count: int) -> list[dict[str, Any]]:
    return [lead(1000 + number) for number in range(count)]


def person(name: str, last: str | None = None, **fields: Any) -> dict[str, Any]:
    known = ("Miriam", "Sanjay", "Susana", "David", "Burt", "Maya", "Vivek", "Maria", "Sal", "Alex")
    number = known.index(name) + 1 if name in known else 20 + int(name[1:])
    clock = {} if last is None else {"last_assigned_at": at(last)}
    return seller_entry(number, name, **clock, **fields)


def capacity(available: int, used: int = 100) -> dict[str, Any]:
    return {"max": used + available, "consumed": {"lead": used}}


WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def free_in_days(days: int) -> dict[str, Any] | None:
    """A calendar of somebody free now (0) or from noon so many days on."""
    if days == 0:
        return None
    return {"weekly": {WEEKDAYS[days]: [["12:00", "18:00"]]}}


def rule_set(*rules: dict[str, Any], **settings: Any) -> dict[str, Any]:
    """Rules over all leads; each gets a name, a table and a segment unless it has its own."""
    named = [
        {"name": f"Rule {number}", "table": "lead", "segment": "All leads", **rule}
        for number, rule in enumerate(rules, start=1)
    ]
    segments = [
        {"name": f"All {table}s", "table": table, "default": True}
        for table in dict.fromkeys(rule["table"] for rule in named)
    ]
    for rule in named:
        rule["segment"] = f"All {rule['table']}s"
    return {"version": 1, "segments": segments, "rules": named, **settings}


ANY = {"assign_to": {"any_seller": True}}
BY_LOAD = {**ANY, "distribute_by": "load_balancing"}


@pytest.fixture
def play(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Play:
    """Run `simulate`; the directory after a run is the next one's unless one is given."""

    def run(
        rules: dict[str, Any],
        directory: Sequence[dict[str, Any]] | dict[str, Any] | None,
        records: Sequence[dict[str, Any]],
        *arguments: str,
    ) -> Run:
        if directory is not None:
            data = directory if isinstance(directory, dict) else {"sellers": list(directory)}
            (tmp_path / "directory.json").write_text(json.dumps(data), encoding="utf-8")
        (tmp_path / "rules.json").write_text(json.dumps(rules), encoding="utf-8")
        text = "".join(json.dumps(record) + "\n" for record in records)
        (tmp_path / "records.jsonl").write_text(text, encoding="utf-8")
        done = run_cli(
            capsys,
            "simulate",
            *("--rules", tmp_path / "rules.json"),
            *("--records", tmp_path / "records.jsonl"),
            *("--directory", tmp_path / "directory.json"),
            *("--directory-out", tmp_path / "directory.json"),
            *(arguments or ("--now", at("12:00"))),
        )
        assert done.code == 0, done.err
        return done

    return run


def owners(run: Run) -> list[str | None]:
    return [line["assigned_to"] and line["assigned_to"]["name"] for line in run.lines]


def change_directory(tmp_path: Path, change: Callable[[dict[str, Any]], None]) -> None:
    """Edit the directory between two runs, as a manual assignment or a closed row would."""
    path = tmp_path / "directory.json"
    data = json.loads(path.read_text(encoding="utf-8"))
    change({entry["fullname"]: entry for entry in data["sellers"]})
    path.write_text(json.dumps(data), encoding="utf-8")


THREE = (person("Miriam", "10:02"), person("Sanjay", "10:31"), person("Susana", "11:17"))


def test_o1a_whoever_waited_longest_gets_the_lead(play: Play) -> None:
    assert owners(play(rule_set(ANY), THREE, [lead(1)], "--now", at("11:20"))) == ["Miriam"]


@pytest.mark.parametrize(
    ("counts_opportunities", "orders"),
    [
        (
            False,
            (
                ("Sanjay", "Susana", "Miriam"),
                ("Sanjay", "Susana", "Miriam"),
                ("Susana", "Miriam", "Sanjay"),
                ("Susana", "Sanjay", "Miriam"),
            ),
        ),
        (
            True,
            (
                ("Sanjay", "Susana", "Miriam"),
                ("Sanjay", "Miriam", "Susana"),
                ("Miriam", "Susana", "Sanjay"),
                ("Susana", "Sanjay", "Miriam"),
            ),
        ),
    ],
)
def test_o1b_engine_and_manual_assignments_move_one_clock(
    play: Play, tmp_path: Path, counts_opportunities: bool, orders: tuple[tuple[str, ...], ...]
) -> None:
    """Manual assignments reach the engine as clocks, those of tables with rules only."""
    rules = rule_set(ANY, *([{**ANY, "table": "opportunity"}] if counts_opportunities else []))

    def order() -> tuple[str, ...]:
        saved = (tmp_path / "directory.json").read_text(encoding="utf-8")
        found = owners(play(rules, None, leads(3), "--now", at("18:00")))
        (tmp_path / "directory.json").write_text(saved, encoding="utf-8")
        return tuple(str(name) for name in found)

    assert owners(play(rules, THREE, [lead(1)], "--now", at("11:20"))) == ["Miriam"]
    assert order() == orders[0]
    if counts_opportunities:
        change_directory(
            tmp_path, lambda people: people["Susana"].update(last_assigned_at=at("13:50"))
        )
    assert order() == orders[1]
    assert owners(play(rules, None, [lead(2)], "--now", at("14:30"))) == ["Sanjay"]
    assert order() == orders[2]
    change_directory(tmp_path, lambda people: people["Miriam"].update(last_assigned_at=at("15:00")))
    assert order() == orders[3]


@pytest.mark.parametrize(("scope", "fourth"), [("organization", "Miriam"), ("rule", "Sanjay")])
def test_o2_rules_share_a_clock_unless_each_has_its_own(
    play: Play, scope: str, fourth: str
) -> None:
    rules = rule_set(
        *(
            {**ANY, "when": {"column": "subject", "operator": "eq", "value": str(number)}}
            for number in (1, 2, 3)
        ),
        round_robin_scope=scope,
    )
    rows = [lead(10 + n, subject=subject) for n, subject in enumerate(("1", "2", "3", "1"))]
    found = owners(play(rules, THREE, rows))
    assert found[0] == "Miriam"
    assert found[3] == fourth
    if scope == "organization":
        assert found == ["Miriam", "Sanjay", "Susana", "Miriam"]


def test_o3_a_lead_of_ones_own_counts_as_an_assignment(play: Play, tmp_path: Path) -> None:
    miriam = guid(1)
    own = lead(1, createdon=at("11:00"), _createdby_value=miriam, _ownerid_value=miriam)
    assert owners(play(rule_set(ANY), THREE[:2], [own])) == ["Sanjay"]
    assert owners(play(rule_set(ANY), None, leads(2))) == ["Miriam", "Sanjay"]


def test_o4_the_most_available_capacity_wins_and_ties_go_in_turn(
    play: Play, tmp_path: Path
) -> None:
    people = [
        person(name, last, capacity=capacity(available))
        for name, last, available in (
            ("Miriam", "09:00", 10),
            ("Sanjay", "09:01", 12),
            ("Susana", "09:02", 15),
        )
    ]
    found = owners(play(rule_set(BY_LOAD), people, leads(4)))
    assert found == ["Susana", "Susana", "Susana", "Sanjay"]
    change_directory(
        tmp_path, lambda people: people["Miriam"]["capacity"]["consumed"].update(lead=97)
    )
    assert owners(play(rule_set(BY_LOAD), None, [lead(9)])) == ["Miriam"]


FOUR = (
    ("Sanjay", "14:37", 0),
    ("Susana", "14:57", 4),
    ("David", "15:02", 1),
    ("Miriam", "14:35", -2),
)


@pytest.mark.parametrize(
    ("respects", "spare", "expected", "status"),
    [(True, 0, "Susana", 2), (False, 0, "Miriam", 2), (True, -5, None, 7)],
)
def test_o5_only_sellers_with_capacity_are_asked(
    play: Play, respects: bool, spare: int, expected: str | None, status: int
) -> None:
    people = [person(n, last, capacity=capacity(free + spare)) for n, last, free in FOUR]
    run = play(
        rule_set({**ANY, "respect_capacity": respects}), people, [lead(1)], "--now", at("16:00")
    )
    assert owners(run) == [expected]
    assert run.lines[0]["routing_status"] == status


@pytest.mark.parametrize(("hours", "expected"), [(48, None), (60, "Sanjay")])
def test_o6_the_window_cuts_exactly(play: Play, hours: int, expected: str | None) -> None:
    week = {day: [["08:00", "18:00"]] for day in WEEKDAYS[:5]}
    people = [
        person(
            "Sanjay",
            calendar={
                "weekly": {**week, "sat": [["08:00", "12:00"]]},
                "time_off": [["2026-11-28", "2026-11-28"]],
            },
        ),
        person("Susana", "09:00", calendar={"weekly": week}),
    ]
    friday_evening = at("20:30", "2026-11-27")
    rules = rule_set({**ANY, "available_within_hours": hours})
    run = play(rules, people, [lead(1)], "--now", friday_evening)
    assert owners(run) == [expected]
    assert run.lines[0]["routing_status"] == (2 if expected else 6)


FIVE = (
    ("Burt", 1, "14:37"),
    ("Maya", 1, "14:15"),
    ("Vivek", 0, "15:02"),
    ("Maria", 2, "15:10"),
    ("Sal", 0, "14:29"),
)


def five(**available: int) -> list[dict[str, Any]]:
    return [
        person(
            name,
            f"{int(last[:2]) - 8:02}:{last[3:]}",
            calendar=free_in_days(days),
            **({"capacity": capacity(available[name])} if name in available else {}),
        )
        for name, days, last in FIVE
    ]


WITHIN = {"available_within_hours": 120}


def test_o7_round_robin_stays_among_those_who_are_free_now(play: Play) -> None:
    run = play(rule_set({**ANY, **WITHIN}), five(), leads(4), "--now", at("09:00"))
    assert owners(run) == ["Sal", "Vivek", "Sal", "Vivek"]


def test_o8_load_balancing_stays_among_those_who_are_free_now(play: Play) -> None:
    people = five(Burt=14, Maya=20, Vivek=5, Maria=10, Sal=2)
    found = owners(play(rule_set({**BY_LOAD, **WITHIN}), people, leads(16), "--now", at("09:00")))
    assert found[:3] == ["Vivek"] * 3
    assert set(found) == {"Vivek", "Sal"}
    for length in range(3, 17):
        given = Counter(found[:length])
        assert abs((5 - given["Vivek"]) - (2 - given["Sal"])) <= 1


@pytest.mark.parametrize(
    ("burt", "maya", "expected"),
    [("06:37", "06:15", ["Maya", "Burt", "Maya"]), ("06:15", "06:37", ["Burt", "Maya", "Burt"])],
)
def test_o9_in_later_buckets_load_balancing_goes_in_turn(
    play: Play, burt: str, maya: str, expected: list[str]
) -> None:
    people = five(Burt=14, Maya=20, Vivek=-1, Maria=10, Sal=0)
    people[0]["last_assigned_at"], people[1]["last_assigned_at"] = at(burt), at(maya)
    rules = rule_set({**BY_LOAD, **WITHIN, "respect_capacity": True})
    assert owners(play(rules, people, leads(3), "--now", at("09:00"))) == expected


@pytest.mark.parametrize(("with_opportunities", "available"), [(False, 30), (True, 20)])
def test_o10_only_rows_of_tables_with_rules_use_capacity(
    play: Play, with_opportunities: bool, available: int
) -> None:
    alex = person("Alex", capacity={"max": 50, "consumed": {"lead": 20, "opportunity": 10}})
    more = [{**ANY, "table": "opportunity"}] if with_opportunities else []
    rules = rule_set({**ANY, "respect_capacity": True}, *more)
    found = owners(play(rules, [alex], leads(available + 1)))
    assert found == ["Alex"] * available + [None]


def test_p1_only_matching_sellers_count(play: Play, tmp_path: Path) -> None:
    people = [
        person("S1", "11:00", title="A"),
        person("S2", "10:00", title="B"),
        person("S3", "12:00", title="B"),
    ]
    assert owners(play(rule_set(ANY), people, [lead(1)], "--now", at("13:30"))) == ["S2"]
    matching = {"column": "title", "operator": "eq", "value": "B"}
    narrow = rule_set({"assign_to": {"sellers": {"matching": matching}}})
    assert owners(play(narrow, None, [lead(2)], "--now", at("14:00"))) == ["S3"]


def test_p2_closing_rows_brings_a_seller_to_the_front(play: Play, tmp_path: Path) -> None:
    people = [
        person("S1", "09:00", capacity=capacity(10)),
        person("S2", "09:01", capacity=capacity(12)),
        person("S3", "09:02", capacity=capacity(15)),
    ]
    found = owners(play(rule_set(BY_LOAD), people, leads(4)))
    assert found == ["S3", "S3", "S3", "S2"]
    change_directory(tmp_path, lambda people: people["S1"]["capacity"]["consumed"].update(lead=97))
    assert owners(play(rule_set(BY_LOAD), None, [lead(9)])) == ["S1"]


def test_p3_capacity_goes_before_round_robin(play: Play) -> None:
    people = [
        person(name, last, capacity=capacity(free))
        for name, last, free in (
            ("S1", "08:00", -2),
            ("S2", "07:00", 0),
            ("S3", "09:00", 4),
            ("S4", "10:00", 1),
        )
    ]
    run = play(rule_set({**ANY, "respect_capacity": True}), people, [lead(1)])
    assert owners(run) == ["S3"]


def five_plain(**available: int) -> list[dict[str, Any]]:
    clocks = (
        ("S1", 1, "06:00"),
        ("S2", 1, "05:00"),
        ("S3", 0, "07:00"),
        ("S4", 2, "08:00"),
        ("S5", 0, "05:30"),
    )
    return [
        person(
            name,
            last,
            calendar=free_in_days(days),
            **({"capacity": capacity(available[name])} if available else {}),
        )
        for name, days, last in clocks
    ]


def test_p4_availability_goes_before_round_robin(play: Play) -> None:
    run = play(rule_set({**ANY, **WITHIN}), five_plain(), leads(3), "--now", at("09:00"))
    assert owners(run) == ["S5", "S3", "S5"]


def test_p5_availability_goes_before_load_balancing(play: Play) -> None:
    people = five_plain(S1=14, S2=20, S3=5, S4=10, S5=2)
    run = play(rule_set({**BY_LOAD, **WITHIN}), people, [lead(1)], "--now", at("09:00"))
    assert owners(run) == ["S3"]


def test_p6_beyond_the_first_bucket_capacity_does_not_order(play: Play) -> None:
    people = five_plain(S1=14, S2=20, S3=-1, S4=10, S5=0)
    people[0]["last_assigned_at"], people[1]["last_assigned_at"] = at("05:00"), at("06:00")
    rules = rule_set({**BY_LOAD, **WITHIN, "respect_capacity": True})
    run = play(rules, people, leads(3), "--now", at("09:00"))
    assert owners(run) == ["S1", "S2", "S1"]


def contoso(number: int, account: dict[str, Any], **columns: Any) -> dict[str, Any]:
    """An insight about Contoso, whose account is related."""
    about = {"msdyn_name": "Contoso", "msdyn_potentialrevenue": 25000, **columns}
    return insight(number, msdyn_relatedrecord=account, createdon=at("10:00"), **about)


def insight_rules(assign_to: dict[str, Any], *conditions: dict[str, Any]) -> dict[str, Any]:
    when = [
        {"column": "msdyn_name", "operator": "eq", "value": "Contoso"},
        {"column": "msdyn_potentialrevenue", "operator": "le", "value": 30000},
        *conditions,
    ]
    table = "msdyn_salessuggestion"
    return {
        "version": 1,
        "segments": [{"name": "Contoso", "table": table, "priority": 1, "when": {"all": when}}],
        "rules": [
            {"name": "Insight", "table": table, "segment": "Contoso", "assign_to": assign_to}
        ],
    }


def test_i1_an_insight_goes_to_the_owner_of_its_account(play: Play) -> None:
    rules = insight_rules({"account_column": "ownerid"})
    rows = [
        contoso(50, {"accountid": guid(90), "_ownerid_value": guid(2)}),
        contoso(
            51, {"accountid": guid(90), "_ownerid_value": guid(2)}, msdyn_potentialrevenue=30001
        ),
    ]
    run = play(rules, THREE, rows)
    assert owners(run) == ["Sanjay", None]
    assert run.lines[0]["secondary"] == []
    assert run.lines[1]["segmentation_status"] == 3


def test_i2_titles_in_the_owning_team_make_primary_and_secondary(play: Play) -> None:
    condition = {
        "column": "msdyn_relatedrecord.new_segment",
        "operator": "eq",
        "value": "Enterprise",
    }
    title = {"column": "title", "operator": "eq"}
    rules = insight_rules(
        {
            "account_column": "owningteam",
            "primary": {**title, "value": "Area manager"},
            "secondary": [
                {**title, "value": "Specialist"},
                {**title, "value": "Sales representative"},
            ],
        },
        condition,
    )
    titles = ("Area manager", "Specialist", "Sales representative", "Accountant", "Area manager")
    people = [person(f"S{n}", title=text) for n, text in enumerate(titles, start=1)]
    members = [person["systemuserid"] for person in people[:4]]
    directory = {
        "sellers": people,
        "teams": [{"teamid": guid(70), "name": "Account team", "members": members}],
    }
    account = {"accountid": guid(90), "_owningteam_value": guid(70), "new_segment": "Enterprise"}
    run = play(rules, directory, [contoso(50, account)])
    assert owners(run) == ["S1"]
    assert [person["name"] for person in run.lines[0]["secondary"]] == ["S2", "S3"]
