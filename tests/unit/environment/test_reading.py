"""What a rule set comes to in the environment: when it is compiled and assembled anew."""

from dataclasses import replace

import pytest

from connector.environment.reading import People, Reading, Readings, RulesOverPeople
from engine.errors import ConfigProblem, InvalidDocument
from engine.rules.rule_set import build_rule_set
from engine.schema import Schema
from engine.sellers import Directory
from engine.standard_tables import STANDARD_TABLES
from tests.support.builders import ANY, rules, seller

PEOPLE = People(directory=Directory(sellers=(seller(1, "Miriam"),)), hierarchies={})


class Now:
    """The people as they are now."""

    def __init__(self) -> None:
        self.people = PEOPLE

    def __call__(self) -> People:
        return self.people


def test_the_same_people_read_again_change_nothing() -> None:
    now = Now()
    over = RulesOverPeople(rules(ANY), STANDARD_TABLES, now)
    before = over()
    now.people = replace(PEOPLE, directory=replace(PEOPLE.directory))
    assert over() is before


def test_other_people_are_assembled_without_compiling() -> None:
    now = Now()
    over = RulesOverPeople(rules(ANY), STANDARD_TABLES, now)
    before = over()
    now.people = replace(PEOPLE, directory=Directory(sellers=(seller(2, "Sanjay"),)))
    after = over()
    assert [each.name for each in after.directory.sellers] == ["Sanjay"]
    assert after.compiled is before.compiled


def test_another_hierarchy_is_compiled_anew() -> None:
    now = Now()
    over = RulesOverPeople(rules(ANY), STANDARD_TABLES, now)
    before = over()
    now.people = replace(PEOPLE, hierarchies={"systemuser": {"a": "b"}})
    after = over()
    assert after.compiled is not before.compiled
    assert after.compiled.hierarchies == {"systemuser": {"a": "b"}}


def test_who_leaves_though_the_rules_name_them_is_told_every_time() -> None:
    named = ANY | {"assign_to": {"sellers": {"named": ["Miriam"]}}}
    now = Now()
    over = RulesOverPeople(rules(named), STANDARD_TABLES, now)
    over()
    now.people = replace(PEOPLE, directory=Directory())
    for _ in range(2):
        with pytest.raises(InvalidDocument, match="Miriam"):
            over()
    now.people = PEOPLE
    assert over().directory.sellers


def reading(schema: Schema) -> Reading:
    rule_set = build_rule_set({"version": 1, "segments": [], "rules": []})
    return Reading(schema=schema, tables=(), rules=RulesOverPeople(rule_set, schema, Now()))


def test_a_reading_is_kept_while_the_definitions_are_the_same() -> None:
    known = [dict(STANDARD_TABLES)]
    readings = Readings(lambda: dict(known[0]), reading)
    first = readings()
    assert readings() is first
    lead = STANDARD_TABLES["lead"]
    known[0]["lead"] = replace(lead, columns={})
    assert readings().schema["lead"].columns == {}
    assert first.schema["lead"] == lead


def test_a_table_that_is_gone_is_told_and_the_next_reading_goes_on() -> None:
    gone = [True]

    def describe() -> Schema:
        if gone[0]:
            raise ConfigProblem("no such table")
        return STANDARD_TABLES

    readings = Readings(describe, reading)
    with pytest.raises(ConfigProblem):
        readings()
    gone[0] = False
    assert readings().schema == STANDARD_TABLES
