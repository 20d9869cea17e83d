"""Throws broken rules files, directories and rows at the simulation, many a second.

By hand: `python -m tests.property.fuzz_rules --count 100000 --seed 1`. Every case is a rules file, a
directory and some rows, each made from a sound one by a few random changes of its values or its
text. Only the documented errors may come out; the case that raises anything else is printed.
"""

import argparse
import copy
import json
import random
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from connector.cli.printing.output import encode_line
from connector.simulation.directory_file import write_directory
from connector.simulation.records import read_json_lines
from connector.simulation.replay import Simulation
from engine.checks.directory import lint_directory
from engine.checks.lint import lint_rule_set
from engine.conditions.language.operators import FACTS, Family, ValueKind, family_of
from engine.errors import ConfigProblem
from engine.standard_tables import STANDARD_TABLES
from settings.rules_file import load_rules_file
from tests.support.builders import guid

NOW = datetime(2026, 3, 29, 1, 30, tzinfo=UTC)
LABEL = "@OData.Community.Display.V1.FormattedValue"
COLUMNS = (
    *("subject", "address1_city", "revenue", "leadsourcecode", "decisionmaker", "createdon"),
    *("estimatedclosedate", "ownerid", "_ownerid_value", "leadid", "parentaccountid"),
    *("new_custom", "new_custom.new_deep", "numberofemployees", "statecode", "fullname"),
)
PAIRS = (("subject", "address1_city"), ("revenue", "budgetamount"), ("new_a", "createdon"))
PEOPLE = ("fullname", "title", "new_skill", "systemuserid", "address1_city")
NAVIGATIONS = ("new_rows", "new_row", "new_rows.new_more")
FETCHXML = (
    "<filter type='or'><condition attribute='subject' operator='like' value='%a[^b]_%'/></filter>",
    (
        "<link-entity name='task' from='regardingobjectid' to='leadid' link-type='outer' alias='t'/>"
        "<filter><condition entityname='t' attribute='activityid' operator='null'/></filter>"
    ),
    (
        "<fetch><entity name='lead'><filter><condition attribute='revenue' operator='between'>"
        "<value>1</value><value>5</value></condition></filter></entity></fetch>"
    ),
)
ODD: tuple[Any, ...] = (
    *(None, True, False, 0, 1, -1, 7, 2**70, 0.1, -1e308, "", " ", "7", "Web", "Trade Shw"),
    *("2026-11-23", "2026-03-29T01:30:00Z", "9999-12-31T23:59:59Z", "0001-01-01", "2026-02-30"),
    *("İstanbul", "ß", "\U0001f600", "\ud800", "\x00", "a\nb", "%", "[", "[^", "[]a", "$(subject)"),
    *([], {}, [1, 2], ["a", None], [[]], {"all": []}, {"a": 1}, "Europe/London", "now", "null"),
    *("00000000-0000-4000-8000-000000000001", "{5B1D7C0E-AAAA-4BBB-8CCC-0123456789AB}"),
)


def condition(rng: random.Random, depth: int = 3) -> dict[str, Any]:
    """A condition that is mostly sound in its shape."""
    kind = rng.randrange(12 if depth else 7)
    if kind < 5:
        return _comparison(rng)
    if kind == 5:
        column, other = rng.choice(PAIRS)
        return {"column": column, "operator": rng.choice(("eq", "ne", "gt")), "value_of": other}
    if kind == 6:
        return {"fetchxml": rng.choice(FETCHXML)}
    if kind < 10:
        children = [condition(rng, depth - 1) for _ in range(rng.randrange(1, 4))]
        return {rng.choice(("all", "any")): children}
    if kind == 10:
        return {"not": condition(rng, depth - 1)}
    where = {"where": condition(rng, depth - 1)} if rng.random() < 0.7 else {}
    return {"related": rng.choice(NAVIGATIONS), "exists": rng.random() < 0.5, **where}


def _comparison(rng: random.Random) -> dict[str, Any]:
    column = rng.choice(COLUMNS)
    family = _family(column)
    fitting = [name for name, facts in FACTS.items() if family is None or family in facts.families]
    operator = rng.choice(fitting if rng.random() < 0.97 else tuple(FACTS))
    value = _value(rng, FACTS[operator].takes, family)
    comparison = {"column": column, "operator": operator.value}
    return comparison if value is None else {**comparison, "value": value}


def _family(column: str) -> Family | None:
    known = STANDARD_TABLES["lead"].columns.get(column.removeprefix("_").removesuffix("_value"))
    return None if known is None else family_of(known.type)


SCALARS: dict[Family | None, tuple[Any, ...]] = {
    Family.NUMBER: (7, 0.1, -3, "7"),
    Family.CHOICE: (7, 1, "1", "Web"),
    Family.DATE: ("2026-03-29", "2026-03-29T01:30:00Z", "2026-03-29T01:30:00.5+14:00"),
    Family.REFERENCE: (guid(1), guid(50)),
}


def _value(rng: random.Random, takes: ValueKind, family: Family | None) -> Any:
    scalar = rng.choice(SCALARS.get(family, ("a", "ß", "%", "7", "2026-03-29")))
    match takes:
        case ValueKind.NONE:
            return None
        case ValueKind.LIST:
            return [scalar, scalar if rng.random() < 0.9 else rng.choice(ODD)]
        case ValueKind.PAIR:
            return [scalar, scalar]
        case ValueKind.PERIOD_AND_YEAR:
            return [rng.randrange(-1, 15), rng.choice((2026, 1, 9999))]
        case ValueKind.SCALAR | ValueKind.DAY:
            return scalar
        case _:
            return rng.randrange(1, 5)


def _seller_condition(rng: random.Random) -> dict[str, Any]:
    if rng.random() < 0.5:
        operator = rng.choice(("eq", "ne", "in"))
        return {"attribute": "Language", "operator": operator, "value": ["German"]}
    column = rng.choice(PEOPLE)
    if rng.random() < 0.5:
        return {"column": column, "operator": "ne", "value_of": "record.subject"}
    operator = rng.choice(("eq", "ne", "under", "eq-or-above", "in", "like"))
    return {"column": column, "operator": operator, "value": rng.choice((guid(1), "a%", "Ann"))}


def rules(rng: random.Random) -> dict[str, Any]:
    """A rule set that is mostly sound."""
    segments: list[dict[str, Any]] = [
        {
            "name": f"S{number}",
            "table": "lead",
            "priority": number + 1,
            "segment_id": guid(800 + number),
            "when": condition(rng),
            "accept_from_other_segments": rng.random() < 0.5,
            "route_on_move": rng.random() < 0.5,
        }
        for number in range(rng.randrange(3))
    ]
    segments.append({"name": "All", "table": "lead", "default": True})
    listed = [_rule(rng, number, segments) for number in range(rng.randrange(4))]
    more = {
        "time_zone": rng.choice(("UTC", "Europe/London", "Pacific/Apia")),
        "round_robin_scope": rng.choice(("organization", "rule")),
        "on_rule_failure": rng.choice(("next_rule", "stop")),
        "fiscal_period": rng.choice(("quarter", "month", "four_weeks")),
        "default_capacity": rng.choice((None, 0, 3)),
    }
    return {"version": 1, "segments": segments, "rules": listed, **more}


def _rule(rng: random.Random, number: int, segments: list[dict[str, Any]]) -> dict[str, Any]:
    whom = rng.choice(
        (
            {"any_seller": True},
            {"sellers": {"named": ["Ann", guid(2)]}},
            {"sellers": {"matching": _seller_condition(rng)}},
            {"teams": {"matching": {"column": "name", "operator": "like", "value": "n%"}}},
            {"queues": {"named": ["Red"]}},
        )
    )
    optional: dict[str, Any] = {
        "when": condition(rng),
        "created_within_hours": rng.choice((1, 120)),
        "available_within_hours": rng.choice((1, 48)),
        "respect_capacity": True,
        "distribute_by": rng.choice(("round_robin", "load_balancing")),
        "order": rng.randrange(3),
    }
    if "teams" in whom or "queues" in whom:
        for key in ("available_within_hours", "respect_capacity", "distribute_by"):
            del optional[key]
    chosen = {key: value for key, value in optional.items() if rng.random() < 0.3}
    segment = rng.choice(segments)["name"]
    return {
        "name": f"R{number}",
        "table": "lead",
        "segment": segment,
        "assign_to": whom,
        **chosen,
    }


def directory(rng: random.Random) -> dict[str, Any]:
    """Sellers, a team and a queue."""
    calendar = {
        "time_zone": rng.choice(("UTC", "Europe/London", "America/New_York")),
        "weekly": {rng.choice(("mon", "sat", "sun")): [["22:00", "06:00"], ["08:00", "12:00"]]},
        "time_off": [["2026-03-28", "2026-03-29"]],
    }
    ann = {
        "systemuserid": guid(1),
        "fullname": "Ann",
        "attributes": {"Language": ["German"]},
        "capacity": {"max": rng.randrange(3), "consumed": {"lead": rng.randrange(3)}},
        "calendar": calendar,
        "last_assigned_at": "2026-03-29T01:00:00Z",
    }
    bob = {"systemuserid": guid(2), "fullname": "Bob", "_parentsystemuserid_value": guid(1)}
    team = {"teamid": guid(20), "name": "North", "teamtype": 0, "members": [guid(1)]}
    return {
        "sellers": [ann, bob],
        "teams": [team],
        "queues": [{"queueid": guid(30), "name": "Red"}],
    }


def row(rng: random.Random, number: int) -> dict[str, Any]:
    """An open lead."""
    return {
        "@odata.type": "#Microsoft.Dynamics.CRM.lead",
        "leadid": guid(number),
        "statecode": rng.choice((0, 0, 0, 1)),
        "createdon": "2026-03-28T23:30:00Z",
        "subject": rng.choice(("a", "AB", "ß", "")),
        "revenue": rng.choice((0, 7, 0.1, None)),
        "leadsourcecode": rng.choice((7, 8, None)),
        f"leadsourcecode{LABEL}": "Trade Show",
        "decisionmaker": rng.random() < 0.5,
        "estimatedclosedate": "2026-03-29",
        "_ownerid_value": rng.choice((guid(1), guid(9), None)),
        "_createdby_value": guid(1),
        "new_rows": rng.choice((None, [], [{"subject": "a", "new_more": [{"revenue": 7}]}])),
        "new_row": rng.choice((None, {"subject": "a", "createdon": "2026-03-29T01:30:00Z"})),
        "_msdyn_segmentid_value": rng.choice((None, guid(800), guid(801), guid(899))),
        "parentaccountid": rng.choice((None, {"accountid": guid(50), "industrycode": 6})),
        "Lead_Tasks": rng.choice(([], [{"subject": "a", "activityid": guid(60)}], None)),
    }


def damage(rng: random.Random, document: Any, times: int) -> Any:
    """The document with some of its values removed, replaced, doubled or moved elsewhere."""
    document = copy.deepcopy(document)
    for _ in range(times):
        holder, key = _pick(rng, document)
        if holder is None:
            return rng.choice(ODD)
        change = rng.randrange(5)
        if change == 0:
            del holder[key]
        elif change == 1 and isinstance(holder, list):
            holder.insert(key, copy.deepcopy(holder[key]))
        elif change == 2 and isinstance(holder, dict):
            holder[rng.choice(("x", "when", "value", "operator", "", "namé"))] = holder.pop(key)
        elif change == 3:
            holder[key] = condition(rng, 1)
        else:
            holder[key] = copy.deepcopy(rng.choice(ODD))
    return document


def _pick(rng: random.Random, document: Any) -> tuple[Any, Any]:
    """A random place of a document: what holds it, and its key there."""
    places: list[tuple[Any, Any]] = []
    waiting = [document]
    while waiting:
        holder = waiting.pop()
        if isinstance(holder, dict):
            places += [(holder, key) for key in holder]
            waiting += holder.values()
        elif isinstance(holder, list):
            places += [(holder, index) for index in range(len(holder))]
            waiting += holder
    return rng.choice(places) if places else (None, None)


def _spell(document: Any) -> str:
    return json.dumps(document, ensure_ascii=True)


def scratch(rng: random.Random, text: str) -> str:
    """The text with some of its characters removed, doubled or replaced."""
    for _ in range(rng.randrange(1, 4)):
        at = rng.randrange(len(text) + 1)
        new = rng.choice(("", "", "\n", ":", "-", "{", "]", '"', "\t", "&a", "*a", "!!x", "é", "#"))
        text = text[:at] + new + text[at + rng.randrange(3) :]
    return text


def _write(rng: random.Random, file: Path, document: Any, *, text_share: float) -> None:
    text = _spell(document)
    if rng.random() < text_share:
        text = scratch(rng, text)
    file.write_text(text, encoding="utf-8", errors="replace")


def run_case(rng: random.Random, folder: Path) -> str:
    """One case; what came of it: refused, decided, or decided with bad lines."""
    is_yaml = rng.random() < 0.1
    rules_file = folder / ("rules.yaml" if is_yaml else "rules.json")
    people_file, rows_file = folder / "directory.json", folder / "rows.jsonl"
    broken = damage(rng, rules(rng), rng.choice((0, 0, 1, 1, 2, 4)))
    _write(rng, rules_file, broken, text_share=0.1)
    _write(
        rng, people_file, damage(rng, directory(rng), rng.choice((0, 0, 0, 1, 2))), text_share=0.02
    )
    rows = [damage(rng, row(rng, number), rng.choice((0, 1, 2))) for number in range(100, 103)]
    lines = "\n".join(_spell(each) for each in rows)
    rows_file.write_text(scratch(rng, lines) if rng.random() < 0.1 else lines, encoding="utf-8")
    try:
        simulation = Simulation(rules_file, people_file, now=rng.choice((NOW, None)))
    except ConfigProblem:
        return "refused"
    for line in simulation.decide_rows(read_json_lines(rows_file), trace=rng.random() < 0.3):
        encode_line(line)
    after = simulation.snapshot()
    write_directory(simulation.directory_file, after, folder / "after.json")
    if rng.random() < 0.1:
        rule_set = load_rules_file(rules_file).rule_set
        lint_rule_set(rule_set, STANDARD_TABLES)
        lint_directory(rule_set, after, STANDARD_TABLES, NOW)
    return "decided, some lines bad" if simulation.bad_lines else "decided"


def fuzz(count: int, seed: int, report: Callable[[str], None]) -> Counter[str]:
    """Run `count` cases, each with a seed of its own; `report` hears of what should not be."""
    found: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as folder:
        for number in range(count):
            try:
                outcome = run_case(random.Random(f"{seed}/{number}"), Path(folder))
            except Exception as error:  # noqa: BLE001  whatever it is, it is a defect
                outcome = "defect"
                report(f"case {seed}/{number}: {type(error).__name__}: {error}")
            found[outcome] += 1
    return found


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args()
    found = fuzz(chosen.count, chosen.seed, _say)
    for outcome, number in found.most_common():
        _say(f"{number:8} {outcome}")
    raise SystemExit(1 if found["defect"] else 0)


if __name__ == "__main__":
    main()
