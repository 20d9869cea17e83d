"""The rule set as a value: what is accepted, what is refused and where."""

import json
from typing import Any

import pytest

from engine.conditions.language.parsing import parse_condition
from engine.errors import InvalidDocument, Path
from engine.rules.models import Rule
from engine.rules.rule_set import RuleSet, build_rule_set
from tests.support.builders import ALL, ANY, eq, rules

UK = {"name": "UK", "table": "lead", "priority": 1, "when": eq("address1_country", "UK")}
STEPS = {"name": "S", "table": "lead", "steps": [{"email": "Hi", "within": "3 working days"}]}

TO_ANY = {
    "name": "R",
    "table": "lead",
    "segment": ALL["name"],
    "assign_to": {"any_seller": True},
}


def problems(document: object) -> list[tuple[Path, str]]:
    with pytest.raises(InvalidDocument) as caught:
        build_rule_set(document)
    return [(problem.path, problem.message) for problem in caught.value.problems]


def in_file(**parts: Any) -> dict[str, Any]:
    return {"version": 1, "segments": [ALL]} | parts


def test_defaults_are_microsofts_behaviour() -> None:
    rule_set = rules(ANY)
    assert rule_set.round_robin_scope == "organization"
    assert rule_set.on_rule_failure == "next_rule"
    assert rule_set.exit == "keep"
    assert (rule_set.week_starts_on, rule_set.fiscal_year_start) == ("sunday", "01-01")
    assert rule_set.fiscal_period == "quarter"
    assert rule_set.default_capacity is None
    assert rule_set.fairness is None
    assert not rule_set.keep_with_creator
    assert not rule_set.use_weights


BAD: list[tuple[dict[str, Any], Path, str]] = [
    (in_file(version=2), ("version",), "1"),
    (in_file(colour=1), ("colour",), "not known"),
    (in_file(segmnts=[]), ("segmnts",), 'did you mean "segments"'),
    (in_file(time_zone="Europe/Londn"), ("time_zone",), "not a time zone"),
    (in_file(time_zone="../etc"), ("time_zone",), "not a time zone"),
    (in_file(default_capacity=-1), ("default_capacity",), "greater"),
    (in_file(default_capacity="50"), ("default_capacity",), "integer"),
    (in_file(fiscal_year_start="13-01"), ("fiscal_year_start",), "match"),
    (in_file(exit="leave"), ("exit",), "keep"),
    (in_file(segments=[{"name": "S", "table": "lead", "priority": 1}]), ("segments", 0), "`when`"),
    (
        in_file(segments=[{"name": "S", "table": "lead", "when": eq("a", 1)}]),
        ("segments", 0),
        "`priority`",
    ),
    (in_file(segments=[ALL | {"when": eq("a", 1)}]), ("segments", 0, "when"), "default"),
    (in_file(segments=[UK, UK | {"name": "Two"}]), ("segments", 1, "priority"), '"UK"'),
    (in_file(segments=[UK, UK | {"priority": 2}]), ("segments", 1, "name"), "twice"),
    (
        in_file(segments=[ALL, ALL | {"name": "Two"}]),
        ("segments", 1, "default"),
        "default segment already",
    ),
    (
        in_file(
            segments=[
                ALL,
                UK | {"segment_id": "A"},
                UK | {"name": "B", "priority": 2, "segment_id": "a"},
            ]
        ),
        ("segments", 2, "segment_id"),
        "segment_id already",
    ),
    (
        in_file(segments=[ALL | {"sequence": "Nope"}]),
        ("segments", 0, "sequence"),
        'no sequence "Nope"',
    ),
    (
        in_file(
            segments=[ALL | {"sequence": "S"}],
            sequences=[STEPS | {"table": "opportunity"}],
        ),
        ("segments", 0, "sequence"),
        "for opportunity, not for lead",
    ),
    (in_file(sequences=[STEPS, STEPS]), ("sequences", 1, "name"), "twice"),
    (in_file(rules=[ANY, ANY]), ("rules", 1, "name"), "twice"),
    (
        in_file(
            segments=[ALL, UK],
            rules=[ANY, ANY | {"segment": "UK", "capacity_units": 2}],
        ),
        ("rules", 1, "name"),
        "rename one",
    ),
    (in_file(rules=[ANY | {"segment": "Nope"}]), ("rules", 0, "segment"), 'no segment "Nope"'),
    (
        in_file(rules=[ANY | {"table": "opportunity"}]),
        ("rules", 0, "segment"),
        "for lead, not for opportunity",
    ),
    (in_file(rules=[ANY | {"available_within_hours": 121}]), (*"rules", 0), "120"),
    (in_file(rules=[ANY | {"available_within_hours": 0}]), (*"rules", 0), "1"),
    (in_file(rules=[ANY | {"created_within_hours": 121}]), (*"rules", 0), "120"),
    (
        in_file(rules=[ANY | {"when": {"all": [eq("a", 1), {"column": "b", "operator": "zz"}]}}]),
        ("rules", 0, "when", "all", 1, "operator"),
        "zz",
    ),
    (in_file(rules=[ANY | {"assign_to": {}}]), ("rules", 0, "assign_to"), "any_seller"),
    (in_file(rules=[ANY | {"assign_to": None}]), ("rules", 0, "assign_to"), "any_seller"),
    (
        in_file(rules=[ANY | {"assign_to": {"any_seller": False}}]),
        ("rules", 0, "assign_to", "any_seller"),
        "True",
    ),
    (
        in_file(rules=[ANY | {"assign_to": {"sellers": {}}}]),
        ("rules", 0, "assign_to", "sellers"),
        "exactly one",
    ),
    (
        in_file(rules=[ANY | {"assign_to": {"sellers": {"named": []}}}]),
        ("rules", 0, "assign_to", "sellers"),
        "empty",
    ),
    (
        in_file(rules=[ANY | {"assign_to": {"sellers": {"named": ["A", 7]}}}]),
        ("rules", 0, "assign_to", "sellers", "named", 1),
        '"item 2"',
    ),
    (
        in_file(rules=[ANY | {"assign_to": {"account_column": "ownerid"}}]),
        ("rules", 0, "assign_to", "account_column"),
        "msdyn_salessuggestion only",
    ),
    (
        in_file(rules=[ANY | {"assign_to": {"access_team": True}}]),
        ("rules", 0, "assign_to", "access_team"),
        "msdyn_salessuggestion only",
    ),
    (
        in_file(
            rules=[ANY | {"assign_to": {"teams": {"named": ["T"]}}, "distribute_by": "round_robin"}]
        ),
        ("rules", 0, "distribute_by"),
        "no meaning",
    ),
    (
        in_file(rules=[ANY | {"assign_to": {"teams": {"named": ["T"]}}, "respect_capacity": True}]),
        ("rules", 0, "respect_capacity"),
        "no meaning",
    ),
    (in_file(rules=[ANY | {"when_several": "random"}]), ("rules", 0, "when_several"), "no meaning"),
    (
        in_file(
            rules=[ANY | {"assign_to": {"queues": {"named": ["Q"]}}, "when_several": "round_robin"}]
        ),
        ("rules", 0, "when_several"),
        "none or random",
    ),
    (in_file(fallback={}), ("fallback",), "exactly one"),
    (in_file(fallback={"seller": "A", "team": "B"}), ("fallback",), "exactly one"),
    (in_file(sequences=[STEPS | {"steps": [{}]}]), ("sequences", 0, "steps", 0), "exactly one"),
    (
        in_file(sequences=[STEPS | {"steps": [{"email": "a", "task": "b"}]}]),
        ("sequences", 0, "steps", 0),
        "exactly one",
    ),
    (
        in_file(sequences=[STEPS | {"steps": [{"wait": "2 days", "within": "1 day"}]}]),
        ("sequences", 0, "steps", 0),
        "says its length itself",
    ),
    (
        in_file(sequences=[STEPS | {"steps": [{"wait": "soon"}]}]),
        ("sequences", 0, "steps", 0, "wait"),
        "not a length of time",
    ),
    (in_file(segments=[{"table": "lead", "default": True}]), ("segments", 0, "name"), "missing"),
    (in_file(segments=7), ("segments",), "valid tuple"),
    (
        in_file(segments=[ALL | {"scheduled_runs": {"at": []}}]),
        ("segments", 0, "scheduled_runs"),
        "at least one time",
    ),
    (
        in_file(segments=[ALL | {"scheduled_runs": {"at": ["8:00"]}}]),
        ("segments", 0, "scheduled_runs", "at", 0),
        "write it as 08:30",
    ),
    (
        in_file(segments=[ALL | {"scheduled_runs": {"at": ["08:00"], "days": ["monday"]}}]),
        ("segments", 0, "scheduled_runs", "days", 0),
        "'mon'",
    ),
    (
        in_file(segments=[ALL | {"scheduled_runs": {"at": ["08:00"], "starts_on": "1 May"}}]),
        ("segments", 0, "scheduled_runs", "starts_on"),
        "write it as 2026-12-01",
    ),
    (
        in_file(rules=[TO_ANY | {"take_back": {"after": "2 days"}}]),
        ("rules", 0, "take_back", "after"),
        "working time",
    ),
    (
        in_file(
            rules=[
                TO_ANY
                | {"assign_to": {"teams": {"named": ["A"]}}, "take_back": {"after": "1 hour"}}
            ]
        ),
        ("rules", 0, "take_back"),
        "no meaning when assigning to teams",
    ),
    (in_file(rules=[TO_ANY | {"retry": {}}]), ("rules", 0, "retry"), "at least one of"),
    (
        in_file(rules=[TO_ANY | {"retry": {"every_minutes": 0}}]),
        ("rules", 0, "retry", "every_minutes"),
        "greater",
    ),
    (
        in_file(rules=[TO_ANY | {"retry": {"every_minuts": 30}}]),
        ("rules", 0, "retry", "every_minuts"),
        'did you mean "every_minutes"',
    ),
]


@pytest.mark.parametrize(("document", "path", "words"), BAD, ids=range(len(BAD)))
def test_a_mistake_is_named_at_its_place(document: Any, path: Path, words: str) -> None:
    found = problems(document)
    assert len(found) == 1, found
    if path[:5] == tuple("rules"):
        path = ("rules", 0, found[0][0][-1])
    assert found[0][0] == path
    assert words in found[0][1]


def test_a_document_that_is_no_mapping_is_refused() -> None:
    assert problems([]) == [((), '"the file": keys with their values are needed here')]


def test_all_mistakes_are_told_at_once() -> None:
    broken = in_file(
        rules=[ANY | {"segment": "A"}, ANY | {"name": "B", "segment": "B"}],
        segments=[ALL, UK | {"sequence": "S"}],
    )
    assert [path for path, _ in problems(broken)] == [
        ("segments", 1, "sequence"),
        ("rules", 0, "segment"),
        ("rules", 1, "segment"),
    ]


def test_one_priority_on_two_tables_is_no_clash() -> None:
    other = UK | {"table": "opportunity"}
    assert len(rules(segments=[UK, other]).segments) == 2


def test_segments_are_tried_by_priority_with_the_default_last() -> None:
    segments = [
        ALL | {"priority": 1},
        UK | {"priority": 3},
        UK | {"name": "Two", "priority": 2},
    ]
    inactive = UK | {"name": "Off", "priority": 4, "active": False}
    found = rules(segments=[*segments, inactive]).segments_of("lead")
    assert [segment.name for segment in found] == ["Two", "UK", "All"]


def test_rules_with_an_order_run_first_then_the_rest_as_in_the_file() -> None:
    rule_set = rules(
        ANY | {"name": "a"},
        ANY | {"name": "b", "order": 2},
        ANY | {"name": "c", "order": -1},
        ANY | {"name": "d"},
        ANY | {"name": "e", "active": False},
    )
    found = rule_set.rules_of(rule_set.segments[0])
    assert [rule.name for rule in found] == ["c", "b", "a", "d"]


def test_counted_tables_have_an_active_rule_in_an_active_segment() -> None:
    def table(name: str, *, segment: bool = True, rule: bool = True) -> tuple[Any, Any]:
        return (
            {"name": "All", "table": name, "default": True, "active": segment},
            ANY | {"table": name, "active": rule},
        )

    pairs = [table("lead"), table("account", segment=False), table("contact", rule=False)]
    rule_set = rules(*[pair[1] for pair in pairs], segments=[pair[0] for pair in pairs])
    assert rule_set.counted_tables == {"lead"}
    assert rule_set.tables == ("lead", "account", "contact")


def test_a_rule_set_survives_its_plain_data() -> None:
    rule_set = rules(
        ANY
        | {
            "when": {"not": {"any": [eq("a", 1), eq("b", "x")]}},
            "assign_to": {"sellers": {"matching": eq("address1_city", "London")}},
        },
        sequences=[STEPS],
        segments=[ALL | {"sequence": "S"}],
    )
    assert RuleSet.model_validate(rule_set.model_dump()) == rule_set
    assert RuleSet.model_validate(json.loads(rule_set.model_dump_json())) == rule_set
    assert RuleSet.model_validate(rule_set) is rule_set


def test_parts_may_be_built_before_the_whole() -> None:
    rule_set = rules(ANY)
    again = RuleSet(version=1, segments=rule_set.segments, rules=rule_set.rules)
    assert again == rule_set


def test_a_condition_may_be_a_tree_already() -> None:
    tree = parse_condition(eq("subject", "x"))
    rule = Rule.model_validate(ANY | {"when": tree})
    assert rule.when == tree


def test_the_checksum_follows_the_meaning_only() -> None:
    plain = rules(ANY | {"when": eq("subject", "x")})
    fetch = "<filter><condition attribute='subject' operator='eq' value='x'/></filter>"
    same = [
        rules(ANY | {"when": eq("subject", "x"), "description": "why"}),
        rules({**dict(reversed(list(ANY.items()))), "when": eq("subject", "x"), "active": True}),
    ]
    assert {rule_set.checksum for rule_set in same} == {plain.checksum}
    other = [
        rules(ANY | {"when": eq("subject", "y")}),
        rules(ANY | {"when": eq("subject", "x")}, exit="clear"),
        rules(),
    ]
    assert plain.checksum not in {rule_set.checksum for rule_set in other}
    assert len(rules(ANY | {"when": {"fetchxml": fetch}}).checksum) == 64


def test_a_known_rule_set_has_a_known_checksum() -> None:
    assert rules(ANY).checksum == EXPECTED_CHECKSUM


EXPECTED_CHECKSUM = "ce098e0c632a51cb5d2ede7986044427f7dda7cf856f8ede0eec4f4d4d7ec0b7"


def test_the_json_schema_describes_conditions_recursively() -> None:
    schema = RuleSet.model_json_schema()
    kinds = schema["$defs"]["Condition"]["anyOf"]
    assert kinds[0]["properties"]["all"]["items"] == {"$ref": "#/$defs/Condition"}
    when = schema["$defs"]["Rule"]["properties"]["when"]
    assert {"$ref": "#/$defs/Condition"} in when["anyOf"]
    text = json.dumps(schema)
    for reference in set(text.split('"#/$defs/')[1:]):
        assert reference.split('"')[0] in schema["$defs"]
    assert "last-x-days" in text


def test_a_step_knows_its_kind_and_text() -> None:
    steps = [{"phone_call": "Follow up"}, {"wait": "2 days"}]
    sequence = rules(sequences=[STEPS | {"steps": steps}]).sequences[0]
    assert [(step.kind, step.text) for step in sequence.steps] == [
        ("phone_call", "Follow up"),
        ("wait", "2 days"),
    ]
