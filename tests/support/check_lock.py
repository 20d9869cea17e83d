"""Check (or rewrite with --write) the lock files against pyproject.toml; a part of `make check`.

A lock is fresh when resolving pyproject.toml with the lock's own pins as preferences gives the pins back.
The files carry hashes and no index address, so that they install from any mirror.
"""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
COMMON = (
    "--universal",
    "--python-version=3.11",
    "--generate-hashes",
    "--no-emit-index-url",
    "--no-emit-find-links",
    "--no-header",
    "--no-annotate",
    # pip looks for the newest release of `name[extra]` unless the lock names the extra as well.
    "--no-strip-extras",
    "--quiet",
)
LOCKS = {
    "requirements.lock": ("--all-extras", "--group=build"),
    "requirements-dev.lock": ("--all-extras", "--group=dev"),
}


def compile_lock(name: str, target: Path) -> None:
    """Resolve pyproject.toml into `target`, keeping pins that `target` already holds."""
    command = [
        str(Path(sys.executable).with_name("uv")),
        "pip",
        "compile",
        "pyproject.toml",
        *COMMON,
        *LOCKS[name],
        f"--output-file={target}",
    ]
    subprocess.run(command, check=True, cwd=ROOT)


def parse_pins(text: str) -> dict[str, str]:
    """Requirement lines by distribution and marker; hashes do not count."""
    lines = [line.rstrip(" \\") for line in text.splitlines() if re.match(r"^[A-Za-z0-9]", line)]
    return {line.split("==")[0] + line.partition(";")[2]: line for line in lines}


def check_lock(name: str, scratch: Path) -> list[str]:
    """Return what is wrong with one lock file, as sentences."""
    path = ROOT / name
    text = path.read_text(encoding="utf-8")
    problems = [
        f"{name}:{number}: carries an index address"
        for number, line in enumerate(text.splitlines(), 1)
        if "://" in line or line.startswith("--index")
    ]
    trial = scratch / name
    trial.write_text(text, encoding="utf-8")
    compile_lock(name, trial)
    old, new = parse_pins(text), parse_pins(trial.read_text(encoding="utf-8"))
    problems += [
        f"{name}: stale, run `make lock`: {line}"
        for line in sorted(set(new.values()) ^ set(old.values()))
    ]
    return problems


def main(arguments: list[str]) -> int:
    """Exit 0 when every lock is fresh."""
    if "--write" in arguments:
        for name in LOCKS:
            compile_lock(name, ROOT / name)
        return 0
    import tempfile

    with tempfile.TemporaryDirectory() as scratch:
        problems = [problem for name in LOCKS for problem in check_lock(name, Path(scratch))]
    sys.stderr.write("".join(f"{problem}\n" for problem in problems))
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
