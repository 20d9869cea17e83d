"""Files with expected text; `make golden` rewrites them instead of comparing."""

import os
from difflib import unified_diff
from itertools import islice
from pathlib import Path

DATA = Path(__file__).resolve().parents[1] / "data"
WRITES = os.environ.get("LEADROBIN_TEST_WRITE_GOLDEN") == "1"
"""Read when this is imported: tests themselves run without LEADROBIN_ names in the environment."""


def assert_golden(path: Path, actual: str) -> None:
    """Compare with the file, or write it."""
    if WRITES:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(actual, encoding="utf-8")
    expected = path.read_text(encoding="utf-8") if path.exists() else ""
    if actual != expected:
        raise AssertionError(
            f"{path.name} differs; `make golden` rewrites it\n{_first_differences(expected, actual)}"
        )


def _first_differences(expected: str, actual: str) -> str:
    """The first lines of a diff; pytest's own takes minutes for long texts."""
    lines = unified_diff(
        expected.splitlines(), actual.splitlines(), "file", "now", n=2, lineterm=""
    )
    return "\n".join(islice(lines, 60))
