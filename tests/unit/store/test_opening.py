"""Opening, upgrading, checking and copying a store."""

from pathlib import Path

import pytest
from alembic import command
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, text

from connector.store.maintenance import back_up_store, check_store
from connector.store.migrating import MIGRATIONS, build_alembic_config
from connector.store.opening import (
    REVISIONS,
    SqlStore,
    head_revision,
    open_store,
    upgrade_store,
)
from engine.errors import ConfigProblem
from tests.support.check_migrations import find_differences


def test_the_migrations_make_the_tables(store_url: str) -> None:
    assert find_differences(store_url) == []


def test_the_revisions_known_are_those_of_the_migrations() -> None:
    scripts = ScriptDirectory(str(MIGRATIONS)).walk_revisions()
    assert [script.revision for script in scripts][::-1] == list(REVISIONS)


def test_a_sqlite_store_is_made_at_first_use(tmp_path: Path) -> None:
    store = open_store(f"sqlite:///{tmp_path / 'new.db'}")
    assert check_store(store).rows["ledger_rows"] == 0
    store.close()


def test_upgrading_twice_changes_nothing(store_url: str) -> None:
    assert upgrade_store(store_url) == (None, head_revision())
    assert upgrade_store(store_url) == (head_revision(), head_revision())


@pytest.mark.postgres
@pytest.mark.parametrize("store_url", ["postgres"], indirect=True)
def test_a_postgres_store_is_upgraded_by_hand(store_url: str) -> None:
    with pytest.raises(ConfigProblem, match="store upgrade"):
        open_store(store_url)


def test_a_store_of_a_newer_version_is_refused(store: SqlStore, store_url: str) -> None:
    with store.engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(ConfigProblem, match="newer version"):
        open_store(store_url)


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("nonsense", "is not a database URL"),
        ("mysql://x/y", "mysql"),
        ("sqlite:////nowhere/at/all/store.db", "does not exist"),
    ],
)
def test_an_unusable_url_is_one_sentence(url: str, message: str) -> None:
    with pytest.raises(ConfigProblem, match=message):
        open_store(url)


def test_a_file_that_is_no_store_is_one_sentence(tmp_path: Path) -> None:
    file = tmp_path / "store.db"
    file.write_text("this is not a database, whatever it may be called " * 100)
    with pytest.raises(ConfigProblem, match="cannot be used"):
        open_store(f"sqlite:///{file}")


def test_a_wrong_count_is_found(store: SqlStore) -> None:
    with store.engine.begin() as connection:
        connection.execute(text("INSERT INTO open_rows VALUES ('lead', 'm', '', 3)"))
    [problem] = check_store(store).problems
    assert "3 noted, 0 in the ledger" in problem


def test_a_backup_is_a_store_of_its_own(tmp_path: Path) -> None:
    url, copy = f"sqlite:///{tmp_path / 'store.db'}", tmp_path / "copy.db"
    store = open_store(url)
    with store.begin() as session:
        session.save_watched_set("w", ("a",))
    back_up_store(url, copy)
    store.close()
    copied = open_store(f"sqlite:///{copy}")
    with copied.begin() as session:
        assert session.load_watched_set("w") == ("a",)
    copied.close()
    with pytest.raises(ConfigProblem, match="exists already"):
        back_up_store(url, copy)


def test_rows_that_wait_know_their_segment_after_an_upgrade(store_url: str) -> None:
    engine = create_engine(store_url)
    with engine.begin() as connection:
        command.upgrade(build_alembic_config(connection), "0001")
        connection.execute(
            text(
                "INSERT INTO ledger_rows (table_name, id, is_open, watched_set, fingerprint, "
                "is_manual, generation, segment) VALUES ('lead', 'a', true, 'w', '', false, 1, 'UK')"
            )
        )
        for row_id in ("a", "b"):
            connection.execute(
                text(
                    "INSERT INTO backlog (table_name, row_id, reason, code, since, attempts) VALUES "
                    f"('lead', '{row_id}', 'r', 'no_capacity', '2026-11-23 09:00:00', 1)"
                )
            )
    engine.dispose()
    assert upgrade_store(store_url) == ("0001", head_revision())
    store = open_store(store_url)
    with store.begin() as session:
        found = {entry.row_id: entry.segment for entry in session.list_backlog()}
    store.close()
    assert found == {"a": "UK", "b": None}
