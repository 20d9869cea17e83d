"""Files with expected text; `make golden` rewrites them instead of comparing."""

import os
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
    assert actual == expected, f"{path.name} differs; `make golden` rewrites it"
