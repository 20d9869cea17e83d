"""A few kills of the service in the midst of its work; hundreds are run by hand."""

import pytest

from tests.acceptance.kill_nine import run


@pytest.mark.slow
def test_nothing_is_lost_or_doubled_when_the_service_is_killed() -> None:
    report = run(5, pause=0.1)
    assert report.problems == []
    assert report.sent == report.standing + report.overruled + report.conflicts
    assert report.standing > 0
    assert report.by_hand > 0
