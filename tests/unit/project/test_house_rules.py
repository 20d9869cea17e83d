"""The measurable rules of the house: sizes, packaging, purity."""

import ast
import statistics
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
PACKAGES = ("connector", "engine", "settings")
FORBIDDEN_NAMES = {"utils", "helpers", "common", "base", "core", "manager", "service"}
MODULE_LINES = 500
FUNCTION_MEDIAN = 8
FUNCTION_95TH = 30


def product_modules() -> list[Path]:
    return [path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))]


def code_lines(node: ast.AST, source: list[str]) -> int:
    """Lines of a function without blank lines, comments and its docstring."""
    assert isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    body = node.body[1:] if ast.get_docstring(node) and len(node.body) > 1 else node.body
    lines = (
        range(node.lineno - 1, node.body[0].lineno - 1),
        range(body[0].lineno - 1, node.end_lineno or node.lineno),
    )
    numbers = {number for part in lines for number in part}
    return sum(1 for n in numbers if source[n].strip() and not source[n].strip().startswith("#"))


def functions() -> Iterator[tuple[int, str]]:
    for path in product_modules():
        source = path.read_text(encoding="utf-8").splitlines()
        for node in ast.walk(ast.parse("\n".join(source))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield (
                    code_lines(node, source),
                    f"{path.relative_to(ROOT)}:{node.lineno} {node.name}",
                )


def test_no_module_is_longer_than_the_hard_stop() -> None:
    sizes = {
        str(path.relative_to(ROOT)): len(path.read_text(encoding="utf-8").splitlines())
        for path in product_modules()
    }
    assert {name: size for name, size in sizes.items() if size > MODULE_LINES} == {}


def test_functions_stay_small() -> None:
    sizes = sorted(size for size, _ in functions())
    assert statistics.median(sizes) <= FUNCTION_MEDIAN
    assert sizes[int(len(sizes) * 0.95)] <= FUNCTION_95TH


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
