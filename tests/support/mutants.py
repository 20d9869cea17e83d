"""Killed and survived mutants by module, from the list of `mutmut results --all true`; the end of `make mutants`.

A mutant on which the tests never end counts as killed; one that no test reaches counts as survived.
"""

import sys
from collections import Counter
from collections.abc import Iterable

KILLED = frozenset({"killed", "timeout", "segfault"})


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


if __name__ == "__main__":
    sys.exit(main())
