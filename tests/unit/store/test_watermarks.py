"""How far each table is processed."""

from dataclasses import replace

from connector.state.records import ReadMode, Watermark
from connector.store.opening import SqlStore
from tests.support.state_values import NOW


def test_a_watermark_comes_back_as_it_was(store: SqlStore) -> None:
    mark = Watermark(table="lead", mode=ReadMode.CHANGES, link="delta", signpost=NOW, generation=2)
    first = replace(mark, table="account", mode=ReadMode.BASELINE, link=None, signpost=None)
    with store.begin() as session:
        session.save_watermark(mark)
        session.save_watermark(first)
    with store.begin() as session:
        assert session.load_watermark("lead") == mark
        assert session.load_watermark("opportunity") is None
        assert session.list_watermarks() == [first, mark]


def test_a_watermark_moves_on(store: SqlStore) -> None:
    mark = Watermark(table="lead", mode=ReadMode.BASELINE, link="next", pages=1)
    moved = replace(mark, mode=ReadMode.CHANGES, link="delta", baseline_done_at=NOW, pages=2)
    with store.begin() as session:
        session.save_watermark(mark)
        session.save_watermark(moved)
        assert session.list_watermarks() == [moved]
