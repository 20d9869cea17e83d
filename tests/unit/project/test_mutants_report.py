"""What `make mutants` prints at its end."""

import io
import sys

import pytest

from tests.support.mutants import main, print_report, tally

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
