"""Small documents by kind and key in SQL: cached metadata, pacing state."""

from collections.abc import Mapping
from datetime import datetime
from typing import cast

from sqlalchemy import select

from connector.store.statements import Statements, upsert_rows
from connector.store.tables import documents


class DocumentSession(Statements):
    """Documents within one transaction."""

    def load_document(self, kind: str, key: str) -> Mapping[str, object] | None:
        """A saved document, None when there is none."""
        query = select(documents.c.document).where(documents.c.kind == kind, documents.c.key == key)
        found = self._connection.execute(query).scalar_one_or_none()
        return cast("Mapping[str, object] | None", found)

    def save_document(
        self, kind: str, key: str, *, document: Mapping[str, object], at: datetime
    ) -> None:
        """Insert or replace a document."""
        upsert_rows(
            self._connection,
            documents,
            [{"kind": kind, "key": key, "saved_at": at, "document": dict(document)}],
        )
