"""What users see stays the same: recorded transcripts, kept rows and answers are told again.

`make golden` records them anew; read the diff of tests/data/recorded like code.
"""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.golden import assert_golden
from tests.support.recorded import RECORDED
from tests.support.recorded_answers import tell_answers
from tests.support.recorded_files import tell_help, tell_rules, tell_settings, tell_simulation
from tests.support.recorded_history import tell_history
from tests.support.recorded_mishaps import tell_mishaps
from tests.support.recorded_ways import tell_ways


@pytest.mark.slow
def test_a_history_is_told_and_kept_as_before(tmp_path: Path, subtests: pytest.Subtests) -> None:
    for name, text in tell_history(tmp_path).items():
        with subtests.test(name):
            assert_golden(RECORDED / "history" / name, text)


@pytest.mark.slow
def test_other_settings_lead_to_the_same_requests_as_before(tmp_path: Path) -> None:
    assert_golden(RECORDED / "ways.txt", tell_ways(tmp_path))


@pytest.mark.slow
def test_mishaps_are_told_and_logged_as_before(tmp_path: Path) -> None:
    assert_golden(RECORDED / "mishaps.txt", tell_mishaps(tmp_path))


@pytest.mark.parametrize(
    ("name", "tell"),
    [
        ("help.txt", tell_help),
        ("rules.txt", tell_rules),
        ("simulation.txt", tell_simulation),
        ("settings.txt", tell_settings),
    ],
)
def test_verbs_that_need_no_environment_say_what_they_said_before(
    name: str, tell: Callable[[Path], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert_golden(RECORDED / name, tell(tmp_path))


REQUESTS = sorted((RECORDED / "requests").glob("*.txt"))


@pytest.mark.parametrize("file", REQUESTS, ids=lambda file: file.stem)
def test_the_emulator_answers_as_before(file: Path, tmp_path: Path) -> None:
    assert_golden(RECORDED / "answers" / file.name, tell_answers(file, tmp_path))
