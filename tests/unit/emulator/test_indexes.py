"""Equality runs on indexes that are made when they are first wanted."""

from collections.abc import Iterator

import pytest

from connector.emulator.catalog.table_definition import ColumnType
from connector.emulator.catalog.tables.standard import standard_catalog
from connector.emulator.storage.database import Storage
from connector.emulator.storage.equality_indexes import MOST_INDEXES

EMAIL = "emailaddress1"


@pytest.fixture
def storage() -> Iterator[Storage]:
    built = Storage(standard_catalog())
    lead = built.catalog.tables["lead"]
    rows = [{"leadid": f"{n:036}", EMAIL: f"Someone{n}@Example.com"} for n in range(50)]
    built.insert_rows(lead, rows)
    yield built
    built.close()


def indexes(storage: Storage) -> set[str]:
    found = storage.query("SELECT name FROM sqlite_master WHERE type = 'index' AND name LIKE 'eq%'")
    return {row["name"] for row in found}


def find(storage: Storage, text: str) -> list[object]:
    lead = storage.catalog.tables["lead"]
    return [row["leadid"] for row in storage.fetch_rows_where(lead, {EMAIL: text})]


@pytest.mark.parametrize(
    "text", ["someone7@example.com", "SOMEONE7@EXAMPLE.COM", "Someone7@example.com  "]
)
def test_an_index_finds_texts_without_case_and_trailing_blanks(storage: Storage, text: str) -> None:
    assert find(storage, text) == [f"{7:036}"]
    assert find(storage, f" {text}") == []
    sql = f"SELECT * FROM lead t0 WHERE dataverse_fold(t0.{EMAIL}) IN (dataverse_fold(?))"
    plan = storage.query(f"EXPLAIN QUERY PLAN {sql}", (text,))
    assert "USING INDEX eq_lead_emailaddress1" in plan[0]["detail"]


def test_an_index_follows_the_rows(storage: Storage) -> None:
    lead = storage.catalog.tables["lead"]
    find(storage, "anybody")
    storage.update_row(lead, f"{7:036}", {EMAIL: "other@example.com"})
    storage.forget_row(lead, f"{8:036}")
    assert find(storage, "OTHER@example.com") == [f"{7:036}"]
    assert find(storage, "someone7@example.com") == find(storage, "someone8@example.com") == []


def test_an_index_that_was_taken_back_is_made_again(storage: Storage) -> None:
    def refused() -> None:
        with storage.transaction():
            find(storage, "anybody")
            raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        refused()
    assert indexes(storage) == set()
    find(storage, "anybody")
    assert indexes(storage) == {"eq_lead_emailaddress1"}


def test_a_restored_database_gets_its_own_indexes(storage: Storage) -> None:
    image = storage.snapshot()
    find(storage, "anybody")
    storage.restore(image)
    assert indexes(storage) == set()
    assert find(storage, "someone3@example.com") == [f"{3:036}"]
    assert indexes(storage) == {"eq_lead_emailaddress1"}


def test_a_table_has_only_so_many(storage: Storage) -> None:
    lead = storage.catalog.tables["lead"]
    texts = [column for column in lead.columns if column.type is ColumnType.STRING]
    for column in texts:
        if column.is_stored:
            storage.indexes.ensure(lead, column)
    assert len(texts) > MOST_INDEXES
    assert 0 < len(indexes(storage)) <= MOST_INDEXES


def test_columns_that_hardly_tell_rows_apart_get_none(storage: Storage) -> None:
    lead = storage.catalog.tables["lead"]
    for name in ("statecode", "revenue", "donotemail", "description", "leadid"):
        storage.indexes.ensure(lead, lead.columns_by_name[name])
    assert indexes(storage) == set()
