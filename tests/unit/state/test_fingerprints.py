"""Fingerprints see every change of a watched column, and none of another."""

from hypothesis import given
from hypothesis import strategies as st

from connector.state.fingerprints import build_fingerprint, find_changed_columns, name_watched_set

COLUMNS = ("a", "b", "c")
KNOWN = "c42fa0356aede52244b60000000000"
VALUES = st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=5))
ROWS = st.fixed_dictionaries(dict.fromkeys(COLUMNS, VALUES))


def _plain(value: object) -> object:
    return None if value is None or value == "" else (type(value), value)


@given(before=ROWS, after=ROWS)
def test_exactly_the_changed_columns_are_found(
    before: dict[str, object], after: dict[str, object]
) -> None:
    found = find_changed_columns(
        build_fingerprint(before, COLUMNS), COLUMNS, build_fingerprint(after, COLUMNS), COLUMNS
    )
    assert set(found) == {name for name in COLUMNS if _plain(before[name]) != _plain(after[name])}


def test_null_absent_and_empty_text_are_the_same() -> None:
    assert (
        build_fingerprint({}, ("a",))
        == build_fingerprint({"a": None}, ("a",))
        == build_fingerprint({"a": ""}, ("a",))
    )


def test_only_columns_of_both_sets_are_compared() -> None:
    before = build_fingerprint({"a": 1, "b": 2}, ("a", "b"))
    after = build_fingerprint({"b": 3, "c": 4}, ("b", "c"))
    assert find_changed_columns(before, ("a", "b"), after, ("b", "c")) == ("b",)
    assert find_changed_columns("", (), after, ("b", "c")) == ()


def test_a_known_fingerprint_stays_as_it_is_in_stores() -> None:
    assert build_fingerprint({"a": "UK", "b": 7}, ("a", "b", "c")) == KNOWN


def test_the_name_of_a_set_depends_on_its_columns_and_their_order() -> None:
    assert name_watched_set(("a", "b")) == name_watched_set(("a", "b"))
    names = {name_watched_set(columns) for columns in (("a", "b"), ("b", "a"), ("a",), ("ab",))}
    assert len(names) == 4
