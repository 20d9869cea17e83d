"""Whether the service may start next to Microsoft's own assignment rules."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pytest

from connector.environment.microsoft_rules import raise_if_rules_active
from connector.errors import UnsafeStart
from connector.ports import IS_ACTIVE, Comparison
from engine.errors import ConfigProblem


class Rules:
    """A reader that knows one table."""

    def __init__(self, *names: str) -> None:
        self.names = names
        self.asked: list[Sequence[Comparison]] = []

    def read_rows(self, table: str, columns: Any, **options: Any) -> Iterator[Mapping[str, object]]:
        assert table == "msdyn_assignmentrule"
        self.asked.append(options["where"])
        return iter([{"msdyn_name": name} for name in self.names])


def known(table: str) -> Any:
    return table


def unknown(table: str) -> Any:
    raise ConfigProblem(f"no table {table}")


def test_active_rules_refuse_the_start_and_are_named() -> None:
    with pytest.raises(UnsafeStart, match=r"2 active assignment rules.*East, West.*COEXIST"):
        raise_if_rules_active(Rules("West", "East"), known)  # type: ignore[arg-type]


def test_only_active_ones_are_asked_for_and_none_is_fine() -> None:
    reader = Rules()
    raise_if_rules_active(reader, known)  # type: ignore[arg-type]
    assert reader.asked == [(IS_ACTIVE,)]


def test_an_environment_without_the_table_is_fine() -> None:
    reader = Rules("Ignored")
    raise_if_rules_active(reader, unknown)  # type: ignore[arg-type]
    assert reader.asked == []
