"""The same store tests over both databases."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import URL

from connector.store.opening import SqlStore, open_store, upgrade_store


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[URL]:
    """A PostgreSQL server for all tests of this process."""
    try:
        from tests.support.stores import postgres_server
    except ImportError:
        if os.environ.get("CI"):
            raise
        pytest.skip("there is no PostgreSQL server in a wheel for this machine")
    with postgres_server(tmp_path_factory.mktemp("postgres")) as url:
        yield url


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty store."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'store.db'}"
    from tests.support.stores import create_database

    return create_database(request.getfixturevalue("postgres"))


@pytest.fixture
def store(store_url: str) -> Iterator[SqlStore]:
    """An open store of the current version."""
    upgrade_store(store_url)
    opened = open_store(store_url)
    yield opened
    opened.close()
