"""Runs every benchmark, or those named: `python -m tests.benchmarks evaluation distribution`."""

import importlib
import sys
from pathlib import Path

PARTS = ("evaluation", "distribution", "decision", "pages", "connector", "ledger", "emulator")


def main(names: list[str]) -> None:
    """Run the benchmarks of these names, or all that are there."""
    here = Path(__file__).parent
    for name in names or [part for part in PARTS if (here / f"{part}.py").exists()]:
        importlib.import_module(f"tests.benchmarks.{name}").run()
        sys.stdout.write("\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1:])
