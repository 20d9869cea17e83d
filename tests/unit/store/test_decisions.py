"""The history of decisions."""

from dataclasses import replace
from datetime import timedelta

from connector.state.records import DecisionKind, Outcome, Previous
from connector.store.opening import SqlStore
from engine.records import EntityReference
from tests.support.state_values import MIRIAM, NOW, decision


def test_decisions_are_listed_newest_first(store: SqlStore) -> None:
    first = decision()
    second = replace(first, cycle_id="c2", outcome=Outcome.UNCHANGED, trace=None)
    undone = replace(first, kind=DecisionKind.UNDONE, previous=Previous(was_manual=True))
    taken = replace(undone, kind=DecisionKind.TAKEN_BACK, previous=Previous(owner=MIRIAM))
    with store.begin() as session:
        session.add_decisions([first, second])
        session.add_decisions([replace(found, cycle_id="c3") for found in (undone, taken)])
    with store.begin() as session:
        row = EntityReference(table="lead", id="1")
        later = session.list_decisions(cycle_id="c3")
        assert [replace(found, cycle_id="c1") for found in later] == [taken, undone]
        assert session.list_decisions(row=row) == [*later, second, first]
        assert session.list_decisions(cycle_id="c1") == [first]
        assert session.list_decisions(limit=2) == later
        assert session.list_decisions(row=EntityReference(table="account", id="1")) == []
        assert session.list_decisions(row=EntityReference(table="lead", id="2")) == []


def test_the_decisions_around_those_of_a_cycle_are_found_without_their_traces(
    store: SqlStore,
) -> None:
    earlier = [decision("1", "c1"), decision("1", "c2", outcome=Outcome.FAILED)]
    own = [
        decision("2", "c3"),
        *(decision("1", "c3") for _ in range(2)),
    ]
    others = [
        decision("1", "c4", table="account"),
        decision("3", "c4"),
    ]
    later = [decision("1", f"later {number}", outcome=Outcome.UNCHANGED) for number in range(1200)]
    in_vain = [decision("2", "c5", outcome=Outcome.REFUSED)]
    with store.begin() as session:
        session.add_decisions([*earlier, *own, *others, *later, *in_vain])
    with store.begin() as session:
        numbered = session.page_cycle("c3", after=0, limit=2)
        numbered = [*numbered, *session.page_cycle("c3", after=numbered[-1][0], limit=2)]
        assert [found for _, found in numbered] == [replace(one, trace=None) for one in own]
        recorded = session.list_recorded("c3", "plan of c3")
        assert sorted(recorded) == ["1", "1", "2"]
        assert session.list_recorded("c3", "another plan") == []
        latest = session.load_latest("lead", ["1", "2", "4"], {Outcome.APPLIED, Outcome.UNCHANGED})
        assert {row_id: found.cycle_id for row_id, found in latest.items()} == {
            "1": "later 1199",
            "2": "c3",
        }
        before = session.load_before(
            [number for number, _ in numbered], {Outcome.APPLIED, Outcome.UNCHANGED}
        )
        assert before == {"1": replace(earlier[0], trace=None)}


def test_decisions_come_in_pages_oldest_first(store: SqlStore) -> None:
    made = [decision(str(number)) for number in range(5)]
    with store.begin() as session:
        session.add_decisions(made)
        session.add_decisions([])
        first = session.page_decisions(after=0, limit=3)
        second = session.page_decisions(after=first[-1][0], limit=3)
        assert [found for _, found in [*first, *second]] == made
        assert session.page_decisions(after=second[-1][0], limit=3) == []


def test_only_old_decisions_of_the_table_are_forgotten(store: SqlStore) -> None:
    old = decision("1", decided_at=NOW - timedelta(days=1))
    kept = [decision("2"), replace(old, table="account")]
    with store.begin() as session:
        session.add_decisions([old, *kept])
        assert session.prune_decisions("lead", NOW) == 1
        assert session.list_decisions() == kept[::-1]
