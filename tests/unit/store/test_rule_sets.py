"""Rule sets that cycles ran under."""

from datetime import timedelta

from connector.store.opening import SqlStore
from tests.support.state_values import NOW


def test_rule_sets_are_found_by_time_and_checksum(store: SqlStore) -> None:
    hours = [NOW + timedelta(hours=number) for number in range(4)]
    with store.begin() as session:
        for at, checksum in zip(hours, ("a", "a", "b", "a"), strict=True):
            session.note_rule_set(checksum, at, lambda at=at: {"at": str(at)})  # type: ignore[misc]
        assert session.find_rule_set(at=NOW - timedelta(seconds=1)) is None
        assert session.find_rule_set(checksum="c") is None
        found = [session.find_rule_set(at=at) for at in hours]
        assert [one.in_force_since for one in found if one] == [NOW, NOW, hours[2], hours[3]]
        assert [one.checksum for one in found if one] == ["a", "a", "b", "a"]
        old = session.find_rule_set(checksum="b")
        assert old is not None
        assert old.document == {"at": str(hours[2])}
