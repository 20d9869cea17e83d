"""What the cycle asks of the state: small protocols, each tried on both databases."""

from inspect import getmembers, isfunction
from pathlib import Path

import pytest

from connector.state import session as seams
from connector.store.opening import SqlSession

TESTS = Path(__file__).parent

NOUNS = [kind for kind in seams.StateSession.__bases__ if kind.__module__ == seams.__name__]


def list_methods(kind: type) -> list[str]:
    """What a protocol asks for by itself."""
    return [name for name, _ in getmembers(kind, isfunction) if not name.startswith("_")]


def test_a_session_is_the_union_of_its_nouns() -> None:
    methods = [name for noun in NOUNS for name in list_methods(noun)]
    assert len(methods) == len(set(methods))
    assert sorted(methods) == sorted(list_methods(seams.StateSession))


@pytest.mark.parametrize("noun", NOUNS, ids=lambda noun: noun.__name__)
def test_a_noun_has_two_to_five_methods(noun: type) -> None:
    assert 2 <= len(list_methods(noun)) <= 5


@pytest.mark.parametrize("name", list_methods(seams.StateSession))
def test_a_method_is_tried_where_its_module_is(name: str) -> None:
    """The tests of `connector/store/backlog.py` are in `test_backlog.py`, and call all of it."""
    module = getattr(SqlSession, name).__module__.rpartition(".")[2]
    assert f"session.{name}(" in (TESTS / f"test_{module}.py").read_text(encoding="utf-8")
