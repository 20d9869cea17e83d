"""What counts as a touch, from the row alone."""

from datetime import UTC, datetime

import pytest

from engine.decisions.decision import Stage
from engine.policies.take_backs import is_touched_by_change, is_touched_by_column
from engine.rules.models import TakeBack
from tests.support.builders import ANY, INSIGHT, NOW, eq, guid, record, rules, seller, team
from tests.unit.assignment.deciding import decider, owner, owners

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
    chosen = decider(rules(ANY), [seller(1, "Miriam"), seller(2, "Sanjay"), seller(3, "Susana")])
    taken = frozenset({guid(1), guid(2), guid(99)})
    found = [chosen.decide(record(number), NOW, passed_over=taken) for number in range(2)]
    assert [owner(one) for one in found] == ["Susana", "Susana"]
    assert owners(chosen, 3) == ["Miriam", "Sanjay", "Susana"]


def test_who_is_passed_over_is_no_fallback() -> None:
    nobody = ANY | {"when": eq("address1_city", "Nowhere")}
    chosen = decider(rules(nobody, fallback={"seller": "Miriam"}), [seller(1, "Miriam")])
    found = chosen.decide(record(), NOW, passed_over=frozenset({guid(1)}))
    assert (owner(found), found.routing_status) == (None, 4)
    assert owner(chosen.decide(record(), NOW)) == "Miriam"


def test_who_is_passed_over_is_neither_primary_nor_secondary() -> None:
    part = {"name": "I", "table": INSIGHT, "segment": "Insights"}
    target = {"assign_to": {"account_column": "ownerid"}}
    rule_set = rules(
        part | target, segments=[{"name": "Insights", "table": INSIGHT, "default": True}]
    )
    group = team(50, "Contoso", members=(guid(1), guid(2)))
    chosen = decider(rule_set, [seller(1, "Miriam"), seller(2, "Sanjay")], teams=[group])
    account = {"msdyn_relatedrecord": {"accountid": guid(60), "_ownerid_value": guid(50)}}
    for number in range(9):
        found = chosen.decide(
            record(number, INSIGHT, **account),
            NOW,
            passed_over=frozenset({guid(2)}),
            trace=True,
        )
        assert (owner(found), found.secondary) == ("Miriam", ())
        assert found.trace is not None
        stages = {one.target.name: one.stage for one in found.trace.rules[0].candidates}
        assert stages == {"Miriam": Stage.CHOSEN, "Sanjay": Stage.HAD_IT}


def test_a_trace_says_who_had_the_row_before() -> None:
    chosen = decider(rules(ANY), [seller(1, "Miriam"), seller(2, "Sanjay")])
    found = chosen.decide(record(), NOW, trace=True, passed_over=frozenset({guid(1)}))
    assert found.trace is not None
    stages = {one.target.name: one.stage for one in found.trace.rules[0].candidates}
    assert stages == {"Sanjay": Stage.CHOSEN, "Miriam": Stage.HAD_IT}
