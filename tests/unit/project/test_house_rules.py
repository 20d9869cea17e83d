"""The measurable rules of the house: sizes, packaging, purity."""

import ast
import statistics
import subprocess
import sys
import tomllib
import zipfile
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
PACKAGES = ("connector", "engine", "settings")
FORBIDDEN_NAMES = {"utils", "helpers", "common", "base", "core", "manager"}
MODULE_LINES = 450
FOLDER_MODULES = 18
FUNCTION_MEDIAN = 7
FUNCTION_95TH = 20


def product_modules() -> list[Path]:
    return [
        path
        for package in PACKAGES
        for path in sorted((ROOT / package).rglob("*.py"))
        if "versions" not in path.parts
    ]


def body_lines(node: ast.FunctionDef | ast.AsyncFunctionDef, source: Sequence[str]) -> int:
    """Lines of a function's body without blank lines, comments and its docstring."""
    body = node.body[1:] if ast.get_docstring(node) and len(node.body) > 1 else node.body
    lines = source[body[0].lineno - 1 : node.end_lineno]
    return sum(1 for line in lines if line.strip() and not line.strip().startswith("#"))


def function_sizes(path: Path) -> Iterator[int]:
    source = path.read_text(encoding="utf-8").splitlines()
    for node in ast.walk(ast.parse("\n".join(source))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield body_lines(node, source)


def sizes_by_package() -> dict[str, list[int]]:
    """The sizes of all functions, sorted, by package and by the first folder inside it."""
    sizes: dict[str, list[int]] = defaultdict(list)
    for path in product_modules():
        parts = path.relative_to(ROOT).parent.parts
        for depth in range(1, min(len(parts), 2) + 1):
            sizes["/".join(parts[:depth])].extend(function_sizes(path))
    return {package: sorted(found) for package, found in sizes.items() if found}


def test_no_module_is_longer_than_the_hard_stop() -> None:
    sizes = {
        str(path.relative_to(ROOT)): len(path.read_text(encoding="utf-8").splitlines())
        for path in product_modules()
    }
    assert {name: size for name, size in sizes.items() if size > MODULE_LINES} == {}


def test_no_folder_has_more_modules_than_a_reader_can_take_in() -> None:
    folders = Counter(
        str(path.parent.relative_to(ROOT)) for path in product_modules() if path.stem != "__init__"
    )
    assert {name: count for name, count in folders.items() if count > FOLDER_MODULES} == {}


def test_functions_stay_small_in_every_package() -> None:
    sizes = sizes_by_package()
    assert {
        package: (statistics.median(found), found[int(len(found) * 0.95)])
        for package, found in sizes.items()
        if statistics.median(found) > FUNCTION_MEDIAN
        or found[int(len(found) * 0.95)] > FUNCTION_95TH
    } == {}


def test_no_module_has_a_name_that_says_nothing() -> None:
    assert [p for p in product_modules() if p.stem in FORBIDDEN_NAMES] == []


def test_every_package_is_typed() -> None:
    assert all((ROOT / package / "py.typed").exists() for package in PACKAGES)


def test_the_wheel_holds_exactly_the_three_packages(tmp_path: Path) -> None:
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    (wheel,) = tmp_path.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    top = {name.split("/")[0] for name in names}
    assert {name for name in top if not name.endswith(".dist-info")} == set(PACKAGES)
    assert any(name.endswith("entry_points.txt") for name in names)


def test_the_distribution_cannot_be_uploaded_by_accident() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert "Private :: Do Not Upload" in project["classifiers"]


@pytest.mark.parametrize("lock", ["requirements.lock", "requirements-dev.lock"])
def test_lock_files_carry_hashes_and_no_address(lock: str) -> None:
    text = (ROOT / lock).read_text(encoding="utf-8")
    assert "--hash=sha256:" in text
    assert "://" not in text
    assert "--index" not in text


@pytest.mark.parametrize(
    ("package", "statement", "contract"),
    [
        ("engine", "import requests", "engine is pure"),
        ("engine", "import random", "engine is pure"),
        ("engine", "import connector.ports", "connector > settings > engine"),
    ],
)
def test_a_forbidden_import_breaks_the_contracts(
    tmp_path: Path, package: str, statement: str, contract: str
) -> None:
    """Copies the packages, adds the import, and expects import-linter to name the broken contract."""
    for name in PACKAGES:
        subprocess.run(["cp", "-r", str(ROOT / name), str(tmp_path / name)], check=True)
    (tmp_path / "pyproject.toml").write_bytes((ROOT / "pyproject.toml").read_bytes())
    (tmp_path / package / "forbidden_probe.py").write_text(f"{statement}\n", encoding="utf-8")
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            "from importlinter.cli import lint_imports_command as c; c()",
            "--no-cache",
        ],
        cwd=tmp_path,
        env={"PYTHONPATH": str(tmp_path), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0
    assert contract in done.stdout
