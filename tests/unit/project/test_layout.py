"""How modules may relate: no circles, no re-exports, foreign data typed at the borders alone."""

import ast
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import grimp
import pytest

from tests.unit.project.test_house_rules import PACKAGES, ROOT, product_modules

MAY_EXPORT = frozenset({"engine/standard_tables/__init__.py"})
"""Packages whose `__init__` is more than a sentence: this one joins the tables of its modules."""


def test_no_modules_import_each_other_in_a_circle() -> None:
    graph = grimp.build_graph(*PACKAGES)
    imports = {name: graph.find_modules_directly_imported_by(name) for name in graph.modules}
    try:
        TopologicalSorter(imports).prepare()
    except CycleError as error:
        pytest.fail(" -> ".join(error.args[1]))


def test_no_package_exports_what_lives_elsewhere() -> None:
    exporting = [
        str(path.relative_to(ROOT))
        for path in product_modules()
        if path.stem == "__init__" and len(ast.parse(path.read_text(encoding="utf-8")).body) > 1
    ]
    assert set(exporting) - MAY_EXPORT == set()


def test_every_package_says_what_lives_there() -> None:
    silent = [
        str(path.relative_to(ROOT))
        for path in product_modules()
        if path.stem == "__init__" and not ast.get_docstring(ast.parse(path.read_text("utf-8")))
    ]
    assert silent == []


def patched_by_name(path: Path) -> Iterator[str]:
    """Places where a test replaces something that it names in a string."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.Call) or not node.args:
            continue
        called = ast.unparse(node.func).rpartition(".")[2]
        first = node.args[0]
        is_name = isinstance(first, ast.Constant) and str(first.value).startswith(PACKAGES)
        if called in {"setattr", "delattr", "patch"} and is_name:
            yield f"{path.relative_to(ROOT)}:{node.lineno}"


def test_no_test_replaces_what_it_names_in_a_string() -> None:
    tests = sorted((ROOT / "tests").rglob("*.py"))
    assert [place for path in tests for place in patched_by_name(path)] == []


def test_organization_is_spelled_as_dataverse_spells_it() -> None:
    other = "organi" + "sation"
    files = [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), *(ROOT / "deploy").rglob("*")]
    files += product_modules() + sorted((ROOT / "tests").rglob("*.py"))
    texts = ((path, path.read_text(encoding="utf-8")) for path in files if path.is_file())
    assert [str(path) for path, text in texts if other in text.lower()] == []


FOREIGN_DATA = frozenset(
    {
        "connector/dataverse/reads/row_decoding.py",  # builds a TypedDict at run time
        "connector/dataverse/sign_in/entra.py",  # MSAL carries no types
        "connector/dataverse/wire/payloads.py",  # JSON of the Web API
        "connector/dataverse/wire/transport.py",  # `PreparedRequest.prepare` carries no types
        "connector/emulator/protocol/json_shapes.py",  # JSON of strangers
        "connector/hints/service_bus.py",  # azure-servicebus is an extra, not there for checkers
        "connector/state/plan_document.py",  # JSON of the store and of plan files
        "connector/store/decisions.py",  # rows of SQL
        "connector/store/ledger.py",
        "connector/store/opening.py",  # keyword arguments of `create_engine`
        "connector/store/plans.py",
        "connector/store/statements.py",
        "engine/decisions/plain_data.py",  # traces as JSON
        "engine/rules/rule_set.py",  # a hook of pydantic
    }
)
"""The modules where data or libraries without types come in; nowhere else does `typing.Any` stand."""


def takes_anything(path: Path) -> bool:
    """Whether a module imports `typing.Any`."""
    return any(
        isinstance(node, ast.ImportFrom)
        and node.module == "typing"
        and any(alias.name == "Any" for alias in node.names)
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    )


def test_any_stands_at_the_borders_alone() -> None:
    found = {str(path.relative_to(ROOT)) for path in product_modules() if takes_anything(path)}
    assert found == FOREIGN_DATA
