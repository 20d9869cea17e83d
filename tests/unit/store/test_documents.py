"""Small documents by kind and key."""

from connector.store.opening import SqlStore
from tests.support.state_values import NOW


def test_a_document_comes_back_until_it_is_replaced(store: SqlStore) -> None:
    with store.begin() as session:
        session.save_document("governor", "u", document={"rate": 1.5, "seen": [None]}, at=NOW)
    with store.begin() as session:
        assert session.load_document("governor", "u") == {"rate": 1.5, "seen": [None]}
        assert session.load_document("governor", "v") is None
        assert session.load_document("metadata", "u") is None
        session.save_document("governor", "u", document={}, at=NOW)
        assert session.load_document("governor", "u") == {}
