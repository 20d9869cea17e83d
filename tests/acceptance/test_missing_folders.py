"""Files to be written into a folder that is not there: one sentence and exit 2, before any work."""

from pathlib import Path

import pytest

from tests.support.cli import run_cli
from tests.support.golden import DATA

Capture = pytest.CaptureFixture[str]

ID = "b968b49c-bea1-4c1b-8968-b49cbea14c1b"
EXAMPLE = Path(__file__).parents[2] / "deploy" / "rules.example.yaml"
SIMULATE = (
    *("simulate", "--rules", EXAMPLE, "--records", DATA / "simulate" / "records.jsonl"),
    *("--directory", DATA / "simulate" / "directory.json", "--directory-out"),
)


@pytest.mark.parametrize(
    "arguments",
    [
        ("store", "backup"),
        ("plan", "--out"),
        ("apply", "--out"),
        ("undo", ID, "--out"),
        ("history", "--export"),
        SIMULATE,
    ],
    ids=lambda arguments: arguments[0],
)
def test_a_file_in_a_missing_folder_is_refused_first(
    capsys: Capture,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: tuple[object, ...],
) -> None:
    monkeypatch.setenv("LEADROBIN_STORE__URL", f"sqlite:///{tmp_path / 'store.db'}")
    file = tmp_path / "nodir" / "out.jsonl"
    run = run_cli(capsys, *arguments, file)
    assert (run.code, run.out) == (2, "")
    assert run.err.startswith(f"{file} cannot be written: there is no folder {file.parent}")
    assert len(run.err.splitlines()) == 1
    assert not (tmp_path / "store.db").exists()
