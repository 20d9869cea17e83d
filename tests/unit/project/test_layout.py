"""How modules may relate: no circles, no re-exports, foreign data typed at the borders alone."""

import ast
from graphlib import CycleError, TopologicalSorter

import grimp
import pytest

from tests.unit.project.test_house_rules import PACKAGES, ROOT, product_modules

MAY_EXPORT = frozenset({"engine/standard_tables/__init__.py"})
"""Packages whose `__init__` is more than a sentence: it joins the tables of its modules."""

BRITISH = ("organisation", "colour", "behaviour_", "normalisation")


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
