"""Reads rows: whole queries, rows by id with related rows, single rows; following changes is in
`change_tracking`.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import cast

import msgspec

from connector.dataverse.channel import Channel
from connector.dataverse.definitions.reader import MetadataReader
from connector.dataverse.reads.row_decoding import choose_decoder
from connector.dataverse.wire import odata
from connector.dataverse.wire.errors import FatalFault, Reaction, RowFault, UnusableRequest
from connector.dataverse.wire.payloads import (
    COLLECTION,
    NEXT_LINK,
    CollectionDecoder,
    CollectionPayload,
    decode_collection,
    decode_row,
)
from connector.dataverse.wire.transport import Reply, Request
from connector.errors import RetriableError
from connector.ports import Comparison, TableQuery
from engine.records import Row
from engine.schema import EntitySetName

DEFAULT_ANNOTATIONS = (odata.LOOKUP_TABLE, odata.FORMATTED, odata.METADATA_VERSION)
_FALLBACK_PAGE = 5000


class RowReader:
    """Queries without change tracking."""

    def __init__(
        self,
        channel: Channel,
        metadata: MetadataReader,
        *,
        annotations: Sequence[str] = DEFAULT_ANNOTATIONS,
    ) -> None:
        self._channel = channel
        self._metadata = metadata
        self._annotations = tuple(annotations)

    def read_rows(
        self,
        table: str,
        columns: Sequence[str],
        *,
        expand: Mapping[str, Sequence[str]] | None = None,
        where: Sequence[Comparison] = (),
    ) -> Iterator[Row]:
        """Every row that satisfies all comparisons, page by page."""
        url = odata.build_collection_url(
            self._channel.api,
            self._metadata.locate(table).entity_set,
            select=columns,
            filter=odata.build_filter(where),
            expand=odata.build_expand(expand) if expand else None,
        )
        yield from self._walk(table, url)

    def fetch_rows(self, query: TableQuery, ids: Sequence[str]) -> list[Row]:
        """Rows by id with their related rows; ids that are gone are absent."""
        groups = odata.split_expand(query.expand)
        merged = {row_id.lower(): row for row_id, row in self._fetch_group(query, ids, groups[0])}
        for group in groups[1:]:
            for row_id, row in self._fetch_group(query, ids, group):
                if row_id.lower() in merged:
                    merged[row_id.lower()] = {**merged[row_id.lower()], **row}
        return list(merged.values())

    def fetch_row(self, table: str, row_id: str, columns: Sequence[str]) -> Row | None:
        """One row, or None when it is gone."""
        address = self._metadata.locate(table)
        url = odata.build_row_url(self._channel.api, address.entity_set, row_id, select=columns)
        try:
            reply = self._channel.call(self._request(url, "row"))
        except RowFault as error:
            if error.fault.reaction is Reaction.GONE:
                return None
            raise
        return decode_row(reply.body)

    def _fetch_group(
        self, query: TableQuery, ids: Sequence[str], expand: Mapping[str, Sequence[str]]
    ) -> Iterator[tuple[str, Row]]:
        address = self._metadata.locate(query.table)
        decoder = choose_decoder(query, address.primary_id)
        for url in self._build_id_urls(address.entity_set, address.primary_id, query, ids, expand):
            for row in self._walk(query.table, url, decoder):
                yield str(row[address.primary_id]), self._complete_children(query.table, row)

    def _build_id_urls(
        self,
        entity_set: EntitySetName,
        primary_id: str,
        query: TableQuery,
        ids: Sequence[str],
        expand: Mapping[str, Sequence[str]],
    ) -> Iterator[str]:
        rest = list(dict.fromkeys(ids))
        size = odata.MAX_IDS_PER_QUERY
        while rest:
            url = odata.build_collection_url(
                self._channel.api,
                entity_set,
                select=query.columns,
                filter=odata.build_in_filter(primary_id, rest[:size]),
                expand=odata.build_expand(expand) if expand else None,
            )
            if len(url) > odata.MAX_URL_LENGTH:
                if size == 1:
                    raise UnusableRequest(
                        f"the query of table {query.table} is too long for a URL even for one "
                        "row: select fewer columns"
                    )
                size = max(1, min(size, len(rest)) // 2)
                continue
            rest = rest[size:]
            yield url

    def _complete_children(self, table: str, row: Row) -> Row:
        """Follow the links of child collections that came in part."""
        links = [key for key in row if key.endswith(NEXT_LINK) and key != NEXT_LINK]
        if not links:
            return row
        whole = dict(row)
        for key in links:
            navigation = key.removesuffix(NEXT_LINK)
            children = list(cast("list[Row]", whole.get(navigation) or []))
            children.extend(self._walk(table, str(whole.pop(key))))
            whole[navigation] = children
        return whole

    def _walk(self, table: str, url: str, decoder: CollectionDecoder = COLLECTION) -> Iterator[Row]:
        link: str | None = url
        while link is not None:
            page = read_page(self._channel, table, self._request(link, "query"), decoder)
            self._metadata.note_version(page.metadata_version)
            yield from page.value
            link = page.next_link

    def _request(self, url: str, operation: str) -> Request:
        prefer = odata.build_prefer(page_size=_FALLBACK_PAGE, annotations=self._annotations)
        return Request(method="GET", url=url, operation=operation, headers={"Prefer": prefer})


def read_page(
    channel: Channel, table: str, request: Request, decoder: CollectionDecoder = COLLECTION
) -> CollectionPayload:
    """Send a read of a collection and decode it; what concerns the whole table becomes fatal."""
    try:
        reply = channel.call(request)
    except RowFault as error:
        raise explain_table_fault(table, error) from error
    return decode_page(reply, decoder)


def decode_page(reply: Reply, decoder: CollectionDecoder = COLLECTION) -> CollectionPayload:
    """Decode a page; a body that is no page (a gateway's HTML with status 200) is worth another
    try.
    """
    try:
        return decode_collection(reply.body, decoder)
    except msgspec.MsgspecError as error:
        raise RetriableError(
            f"the answer {reply.request_id} is not a page of rows; something between us and "
            "Dataverse replaced it"
        ) from error


def explain_table_fault(table: str, error: RowFault) -> Exception:
    """A fault of one row, met while reading a table, concerns the table."""
    if error.fault.reaction is Reaction.FORBIDDEN:
        return FatalFault(
            f"The application user may not read table {table} organization-wide: give its "
            f"security role Read at organization level. ({error})",
            error.fault,
        )
    return UnusableRequest(
        f"table {table} cannot be read like this: check its columns in the rules and settings "
        f"({error})"
    )
