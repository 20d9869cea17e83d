"""What `make mutants` prints at its end."""

import io
import sys
import tomllib
from pathlib import Path

import pytest

from tests.support.mutants import ROOT, TESTS, main, prepare_folder, print_report, tally

LISTED = """
    engine.routing.x__worse__mutmut_1: killed
    engine.routing.x__worse__mutmut_2: survived
    engine.routing.xǁRuleRunnerǁrun__mutmut_1: timeout
    engine.conditions.patterns.x_like__mutmut_1: no tests
"""


def test_mutants_are_counted_by_module_and_in_all() -> None:
    assert print_report(tally(LISTED.splitlines())).splitlines() == [
        "module                                mutants   killed  survived    share",
        "engine.conditions.patterns                  1        0         1    0.0 %",
        "engine.routing                              3        2         1   66.7 %",
        "all                                         4        2         2   50.0 %",
    ]


@pytest.mark.parametrize(
    ("listed", "code", "said"),
    [
        (LISTED, 0, ""),
        ("", 1, ""),
        (
            LISTED + "    engine.routing.x__worse__mutmut_3: not checked\n",
            1,
            "1 mutants were not tried: run `make mutants` again\n",
        ),
    ],
)
def test_a_run_that_was_broken_off_is_no_result(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    listed: str,
    code: int,
    said: str,
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(listed))
    assert main() == code
    assert capsys.readouterr().err == said


def test_files_that_are_asked_for_get_a_folder_with_their_tests(tmp_path: Path) -> None:
    folder = prepare_folder(["connector/store/leases.py"], tmp_path / "asked_for")
    found = tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))["tool"]
    assert found["mutmut"]["only_mutate"] == ["connector/store/leases.py"]
    assert found["mutmut"]["source_paths"] == ["connector"]
    assert found["mutmut"]["pytest_add_cli_args_test_selection"] == ["tests/unit/store"]
    assert found["pytest"]["ini_options"]["minversion"] == "9.0"
    assert (folder / "connector" / "store").is_dir()


def test_files_without_named_tests_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"settings/model\.py"):
        prepare_folder(["settings/model.py"], tmp_path)


def test_the_tests_that_are_named_exist() -> None:
    assert [test for named in TESTS.values() for test in named if not (ROOT / test).is_dir()] == []
