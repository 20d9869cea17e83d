"""The one composition: what is handed in is used and left open, what is not is opened and closed."""

import json
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from typing_extensions import override

from connector.errors import LeaseHeld
from connector.service.bootstrap import bootstrap
from connector.service.options import RunOptions
from connector.state.records import CycleOutcome
from connector.store.opening import open_store
from engine.errors import ConfigProblem
from engine.rules.rule_set import build_rule_set
from engine.sellers import Directory
from settings.model import PollSettings, RulesSettings, Settings, StoreSettings
from tests.support.fake_dataverse import START, FakeClock, FakeDataverse
from tests.support.worlds import RULES, SCHEMA, build_people


class Dataverse(FakeDataverse):
    """Notes whether it was closed."""

    is_closed = False

    @override
    def close(self) -> None:
        self.is_closed = True


@pytest.fixture
def dataverse() -> Dataverse:
    """An environment with sellers."""
    return Dataverse(schema=SCHEMA, directory=build_people())


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """A rules file and a store; no environment could be reached with these."""
    rules = tmp_path / "rules.json"
    rules.write_text(json.dumps(RULES))
    return Settings(
        store=StoreSettings(url=f"sqlite:///{tmp_path / 'store.db'}"),
        rules=RulesSettings(file=rules),
    )


def test_what_is_handed_in_is_used_and_left_open(dataverse: Dataverse, tmp_path: Path) -> None:
    store, clock = open_store(f"sqlite:///{tmp_path / 'handed.db'}"), FakeClock()
    clock.advance(timedelta(days=1))
    with bootstrap(
        Settings(),
        rule_set=build_rule_set(RULES),
        source=dataverse,
        people=dataverse.fetch_directory,
        store=store,
        clock=clock,
        ids=lambda: "the id",
    ) as application:
        [record] = application.run_once()
    assert (record.id, record.outcome) == ("the id", CycleOutcome.DONE)
    assert record.started_at == START + timedelta(days=1)
    with store.begin() as session:
        assert [cycle.id for cycle in session.list_cycles(10)] == ["the id"]
    assert not dataverse.is_closed
    store.close()


def test_a_store_that_was_opened_is_kept_from_others_until_the_end(
    dataverse: Dataverse, settings: Settings
) -> None:
    people = dataverse.fetch_directory
    with bootstrap(settings, source=dataverse, people=people) as application:
        application.run_once()
        with (
            pytest.raises(LeaseHeld, match="another leadrobin process"),
            bootstrap(settings, source=dataverse, people=people),
        ):
            raise AssertionError("two at once")
        with bootstrap(
            settings, RunOptions(writes=False), source=dataverse, people=people
        ) as other:
            assert [preview.plan.rows for preview in other.preview()] == [()]
    with bootstrap(settings, source=dataverse, people=people) as again:
        assert again.find_table("lead").name == "lead"


def test_without_a_rules_file_nothing_is_opened(dataverse: Dataverse, tmp_path: Path) -> None:
    file = tmp_path / "store.db"
    settings = Settings(store=StoreSettings(url=f"sqlite:///{file}"))
    with (
        pytest.raises(ConfigProblem, match="no rules file is set"),
        bootstrap(settings, source=dataverse),
    ):
        raise AssertionError("started without rules")
    assert not file.exists()


def test_rules_of_an_instant_before_all_cycles_are_refused(
    dataverse: Dataverse, settings: Settings
) -> None:
    options = RunOptions(rules_at=datetime.fromisoformat("2026-11-01T00:00:00Z"))
    with (
        pytest.raises(
            ConfigProblem, match=r"no cycle had run on this store by 2026-11-01T00:00:00Z"
        ),
        bootstrap(settings, options, source=dataverse),
    ):
        raise AssertionError("started with rules of nowhen")


def test_people_are_read_anew_only_when_their_time_is_over(
    dataverse: Dataverse, settings: Settings
) -> None:
    reads: list[datetime] = []
    clock = FakeClock()

    def read() -> Directory:
        reads.append(clock.now())
        return dataverse.directory

    polled = settings.model_copy(update={"poll": PollSettings(directory_interval_seconds=60)})
    with bootstrap(polled, source=dataverse, people=read, clock=clock) as application:
        application.run_once()
        assert len(reads) == 1
        clock.advance(timedelta(seconds=61))
        application.run_once()
    assert len(reads) == 2
