"""Follows the changes of one table by delta links; keeping the links is up to the caller."""

from collections.abc import Sequence
from dataclasses import replace

from connector.dataverse.channel import Channel
from connector.dataverse.definitions.reader import MetadataReader
from connector.dataverse.reads.row_decoding import choose_decoder
from connector.dataverse.reads.rows import (
    DEFAULT_ANNOTATIONS,
    RowReader,
    decode_page,
    explain_table_fault,
    read_page,
)
from connector.dataverse.wire import odata
from connector.dataverse.wire.errors import Reaction, RowFault
from connector.dataverse.wire.payloads import CONTEXT, CollectionPayload
from connector.dataverse.wire.transport import Request
from connector.errors import ResyncRequired
from connector.ports import RowPage, TableQuery
from engine.errors import ConfigProblem
from engine.records import Row

_DELETED = "$deletedEntity"


class ChangeFeed:
    """The tracked read of a table and what came after.

    https://learn.microsoft.com/power-apps/developer/data-platform/use-change-tracking-synchronize-data-external-systems
    """

    def __init__(
        self,
        channel: Channel,
        metadata: MetadataReader,
        reader: RowReader,
        *,
        annotations: Sequence[str] = DEFAULT_ANNOTATIONS,
    ) -> None:
        self._channel = channel
        self._metadata = metadata
        self._reader = reader
        self._annotations = tuple(annotations)

    def fetch_first_page(self, query: TableQuery) -> RowPage:
        """Start the tracked read; raises ConfigProblem when the table's changes are not tracked."""
        address = self._metadata.locate(query.table)
        if not address.change_tracking:
            raise ConfigProblem(
                f"change tracking is off for table {query.table}: switch it on in the table's "
                "properties (it cannot be switched off again), or leave the table out"
            )
        url = odata.build_collection_url(
            self._channel.api, address.entity_set, select=query.columns
        )
        decoder = choose_decoder(query, address.primary_id)
        page = read_page(self._channel, query.table, self._request(query, url), decoder)
        return self._build_page(query, page, previous=None)

    def fetch_page(self, query: TableQuery, link: str) -> RowPage:
        """Follow a next or delta link; raises ResyncRequired when it is no longer honoured."""
        url = odata.resolve_link(self._channel.root, link)
        decoder = choose_decoder(query, self._metadata.locate(query.table).primary_id)
        try:
            reply = self._channel.call(self._request(query, url))
        except RowFault as error:
            if error.fault.reaction is Reaction.FORBIDDEN:
                raise explain_table_fault(query.table, error) from error
            raise ResyncRequired(
                f"the stored link of table {query.table} is no longer honoured; the table is read "
                f"again in full ({error})"
            ) from error
        return self._build_page(query, decode_page(reply, decoder), previous=link)

    def _build_page(
        self, query: TableQuery, page: CollectionPayload, *, previous: str | None
    ) -> RowPage:
        self._metadata.note_version(page.metadata_version)
        rows = [row for row in page.value if not _is_removal(row)]
        removed = [str(row["id"]).lower() for row in page.value if _is_removal(row)]
        if removed:
            rows, removed = self._confirm(query, rows, removed)
        delta_link = page.delta_link
        if page.next_link is None and delta_link is None:
            delta_link = self._keep_link(query, previous)
        return RowPage(
            table=query.table,
            rows=rows,
            deleted=removed,
            next_link=page.next_link,
            delta_link=delta_link if page.next_link is None else None,
        )

    def _confirm(
        self, query: TableQuery, rows: list[dict[str, object]], removed: list[str]
    ) -> tuple[list[dict[str, object]], list[str]]:
        """Ask for the rows said to be removed.

        Upserts are listed before deletions, so a row that was deleted and restored shows as both;
        only what is really gone is reported as deleted, the rest as it stands now.
        """
        primary_id = self._metadata.locate(query.table).primary_id
        plain = replace(query, expand={})
        alive = {
            str(row[primary_id]).lower(): dict(row)
            for row in self._reader.fetch_rows(plain, removed)
        }
        gone = [row_id for row_id in removed if row_id not in alive]
        hidden = set(removed)
        kept = [row for row in rows if str(row.get(primary_id)).lower() not in hidden]
        return [*kept, *alive.values()], gone

    def _keep_link(self, query: TableQuery, previous: str | None) -> str:
        if previous is None:
            raise ConfigProblem(
                f"the service did not track the changes of table {query.table}: check that change "
                "tracking is on and published"
            )
        if "deltatoken" not in previous.lower():
            raise ResyncRequired(
                f"the chain of pages of table {query.table} ended without a delta link; the table "
                "is read again"
            )
        return previous

    def _request(self, query: TableQuery, url: str) -> Request:
        prefer = odata.build_prefer(
            page_size=query.page_size, annotations=self._annotations, track=True
        )
        return Request(method="GET", url=url, operation="page", headers={"Prefer": prefer})


def _is_removal(row: Row) -> bool:
    return "reason" in row and str(row.get(CONTEXT, "")).endswith(_DELETED)
