"""Broken rules files, directories and rows end in documented errors; see `fuzz_rules` for more."""

from tests.property.fuzz_rules import fuzz


def test_nothing_but_the_documented_errors_comes_out() -> None:
    defects: list[str] = []
    found = fuzz(250, 20261123, defects.append)
    assert defects == []
    assert found["refused"] > 25
    assert found["decided"] + found["decided, some lines bad"] > 25
