"""The two ends of `make mutants`: the folder that mutmut runs in, and killed and survived mutants by module.

mutmut takes the files to mutate and the tests to run from a pyproject.toml where it runs, so files that are asked
for get a folder of their own. A mutant on which the tests never end counts as killed; one that no test reaches
counts as survived.
"""

import re
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TESTS = {
    "connector/cycle/": ("tests/cycle",),
    "connector/dataverse/": ("tests/wire",),
    "connector/store/": ("tests/unit/store",),
    "engine/": (
        "tests/unit/conditions",
        "tests/unit/assignment",
        "tests/unit/distribution",
        "tests/unit/checks",
    ),
}
"""The tests that the mutants of a package have to fear: those that the gate runs and that need no process."""
_LINKS = ("connector", "engine", "settings", "tests", "deploy", "docs", "README.md")
_SECTION = re.compile(r"(?ms)^\[tool\.mutmut\]\n.*?(?=^\[)")
KILLED = frozenset({"killed", "timeout", "segfault"})


def prepare_folder(files: Sequence[str], folder: Path) -> Path:
    """Make a folder where mutmut mutates these files alone, with links to all that it copies.

    Raises ValueError for a file whose tests nobody has named.
    """
    tests = [test for area, named in TESTS.items() for test in named if _any_in(files, area)]
    unknown = [file for file in files if not file.startswith(tuple(TESTS))]
    if unknown:
        raise ValueError(f"no tests are named for {', '.join(unknown)}: add them to {__file__}")
    folder.mkdir(parents=True, exist_ok=True)
    for name in _LINKS:
        if (ROOT / name).exists() and not (folder / name).exists():
            (folder / name).symlink_to(ROOT / name)
    settings = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    text, count = _SECTION.subn(lambda _: _write_section(files, tests), settings)
    if count != 1:
        raise ValueError("pyproject.toml has no section [tool.mutmut]")
    (folder / "pyproject.toml").write_text(text, encoding="utf-8")
    return folder


def _any_in(files: Sequence[str], area: str) -> bool:
    return any(file.startswith(area) for file in files)


def _write_section(files: Sequence[str], tests: Sequence[str]) -> str:
    sources = sorted({file.split("/")[0] for file in files})
    copied = [name for name in _LINKS if name not in {*sources, "tests"}]
    return f"""[tool.mutmut]
source_paths = {sources}
only_mutate = {list(files)}
also_copy = {copied}
pytest_add_cli_args = ["-p", "no:randomly", "-p", "no:cacheprovider", "-n", "0"]
pytest_add_cli_args_test_selection = {list(tests)}
process_isolation = "forkserver"

"""


def tally(lines: Iterable[str]) -> dict[str, Counter[str]]:
    """How many mutants of each module came to which end."""
    found: dict[str, Counter[str]] = {}
    for line in lines:
        name, separator, status = line.strip().rpartition(": ")
        if separator:
            found.setdefault(name.rpartition(".")[0], Counter())[status] += 1
    return found


def print_report(found: dict[str, Counter[str]]) -> str:
    """A table with the modules in alphabetical order and their sum in the last line."""
    lines = [f"{'module':<36}{'mutants':>9}{'killed':>9}{'survived':>10}{'share':>9}"]
    for module, ends in sorted(found.items()):
        lines.append(_print_line(module, ends))
    lines.append(_print_line("all", sum(found.values(), Counter[str]())))
    return "\n".join(lines)


def _print_line(name: str, ends: Counter[str]) -> str:
    count = ends.total()
    killed = sum(ends[status] for status in KILLED)
    share = f"{100 * killed / count:.1f} %" if count else "-"
    return f"{name:<36}{count:>9,}{killed:>9,}{count - killed:>10,}{share:>9}"


def main() -> int:
    """Exit 1 when a mutant was not tried: the run was broken off."""
    found = tally(sys.stdin)
    sys.stdout.write(f"{print_report(found)}\n")
    untried = sum(ends["not checked"] for ends in found.values())
    if untried:
        sys.stderr.write(f"{untried:,} mutants were not tried: run `make mutants` again\n")
    return 1 if untried or not found else 0


def print_folder(files: Sequence[str]) -> int:
    """Print where mutmut is to run: here for what pyproject.toml names, else below `mutants`."""
    folder = prepare_folder(files, ROOT / "mutants" / "asked_for") if files else ROOT
    sys.stdout.write(f"{folder}\n")
    return 0


if __name__ == "__main__":
    sys.exit(print_folder(sys.argv[2:]) if sys.argv[1:2] == ["folder"] else main())
