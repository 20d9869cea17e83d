"""The service goes on after what passes, and ends with what trying again cannot mend."""

import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from connector.errors import FatalError, RetriableError
from connector.ports import RowPage, TableQuery
from connector.service.scheduler import run_service
from engine.errors import LeadrobinError, UnsafePlan
from tests.support.worlds import World

TOO_LONG = 30.0
"""Seconds after which a service that should have ended by itself is stopped."""


class MachineClock:
    def now(self) -> datetime:
        return datetime.now(UTC)


def run_until_it_ends(world: World, monkeypatch: pytest.MonkeyPatch, error: LeadrobinError) -> int:
    """Run the service over an environment that answers with an error; how often it was asked."""
    world.put_lead(1)
    world.cycle()
    application, asked = world.application(), list[str]()

    def fetch_page(_query: TableQuery, link: str) -> RowPage:
        asked.append(link)
        if len(asked) == 3:
            application.stop.set()
        raise error

    monkeypatch.setattr(world.dataverse, "fetch_page", fetch_page)
    guard = threading.Timer(TOO_LONG, application.stop.set)
    guard.start()
    try:
        run_service(application, MachineClock(), interval=timedelta(milliseconds=50))
    finally:
        guard.cancel()
    return len(asked)


@pytest.mark.parametrize("error", [FatalError("the secret has expired"), UnsafePlan("too much")])
def test_the_service_ends_with_what_trying_again_cannot_mend(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: LeadrobinError
) -> None:
    world = World(folder=tmp_path)
    with pytest.raises(type(error), match=str(error)):
        run_until_it_ends(world, monkeypatch, error)


def test_the_service_goes_on_after_what_passes_by_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = World(folder=tmp_path)
    assert run_until_it_ends(world, monkeypatch, RetriableError("busy")) >= 3
