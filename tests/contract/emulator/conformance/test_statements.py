"""The conformance list and its modules agree: a test for each statement, each statement its own."""

import ast
from pathlib import Path

import pytest

from tests.contract.emulator.conformance.statements import STATEMENTS

FOLDER = Path(__file__).parent


def named_in(module: str) -> set[str]:
    tree = ast.parse((FOLDER / f"test_{module}.py").read_text())
    names = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
    return {name for name in names if name.startswith("test_")}


def test_every_numbered_module_has_its_statements() -> None:
    numbered = {path.stem.removeprefix("test_") for path in FOLDER.glob("test_[0-9]*.py")}
    assert numbered == set(STATEMENTS)
    assert [int(module[:2]) for module in STATEMENTS] == list(range(1, 16))


@pytest.mark.parametrize("module", STATEMENTS)
def test_every_statement_has_a_test_of_its_own(module: str) -> None:
    named = list(STATEMENTS[module].values())
    assert len(named) == len(set(named))
    assert set(named) <= named_in(module)
