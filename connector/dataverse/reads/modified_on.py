"""Follows a table by `modifiedon` where its changes are not tracked; deletions stay unseen here.

Reading a table's versions, by which deletions are found, is here too; comparing them with what is
remembered is up to the caller.
"""

from dataclasses import replace
from datetime import datetime, timedelta
from enum import StrEnum

import msgspec

from connector.dataverse.channel import Channel
from connector.dataverse.definitions.reader import MetadataReader
from connector.dataverse.reads.row_decoding import choose_decoder
from connector.dataverse.reads.rows import DEFAULT_ANNOTATIONS, decode_page, explain_table_fault
from connector.dataverse.wire import odata
from connector.dataverse.wire.errors import Reaction, RowFault, UnusableRequest
from connector.dataverse.wire.payloads import (
    ETAG,
    CollectionDecoder,
    CollectionPayload,
    encode_json,
)
from connector.dataverse.wire.transport import Request
from connector.errors import ResyncRequired
from connector.ports import (
    Clock,
    RowPage,
    TableQuery,
    VersionPage,
)

STAMP = "modifiedon"
OVERLAP = timedelta(minutes=5)
"""How far each pass reaches back behind the latest row seen.

A row is stamped when its transaction begins and seen when it commits; Dataverse ends transactions
after two minutes.
"""
_PREFIX = "watermark:"  # as stores of earlier versions have it
VERSIONS_PER_PAGE = 5000


class Reason(StrEnum):
    """Why a table is followed by `modifiedon`."""

    UNTRACKED = "untracked"
    FORBIDDEN = "forbidden"
    CHOSEN = "chosen"


class Position(msgspec.Struct, frozen=True, omit_defaults=True):
    """Where a pass stands; times as they are on the wire.

    `since` is where the pass began, `high` the latest stamp it met, `started` our time at its
    begin, `next` the server's link to its next page.
    """

    reason: Reason
    started: datetime
    since: str | None = None
    high: str | None = None
    next: str | None = None


_DECODER = msgspec.json.Decoder(Position)


def is_position(link: str) -> bool:
    """Whether a link is one of ours, and not the server's."""
    return link.startswith(_PREFIX)


def read_position(link: str) -> Position | None:
    """The position in a link of ours, None for a link of the server; raises ResyncRequired."""
    if not is_position(link):
        return None
    try:
        return _DECODER.decode(link.removeprefix(_PREFIX))
    except msgspec.MsgspecError as error:
        raise ResyncRequired("the stored position cannot be read") from error


def write_position(position: Position) -> str:
    """The link that `read_position` reads."""
    return _PREFIX + encode_json(position).decode()


class ModifiedOnFeed:
    """Passes over a table in the order of `modifiedon`, ties by id."""

    def __init__(
        self,
        channel: Channel,
        metadata: MetadataReader,
        clock: Clock,
        *,
        annotations: tuple[str, ...] = DEFAULT_ANNOTATIONS,
        overlap: timedelta = OVERLAP,
    ) -> None:
        self._channel = channel
        self._metadata = metadata
        self._clock = clock
        self._annotations = annotations
        self._overlap = overlap

    def fetch_first_page(self, query: TableQuery, reason: Reason) -> RowPage:
        """Start with all rows there are."""
        return self._fetch(query, Position(reason=reason, started=self._clock.now()))

    def fetch_page(self, query: TableQuery, position: Position) -> RowPage:
        """Go on with a pass, or begin the next one."""
        if position.next is None:
            return self._fetch(query, _restart(position, self._clock.now()))
        try:
            return self._fetch(query, position)
        except RowFault as error:
            if error.fault.reaction is Reaction.FORBIDDEN:
                raise explain_table_fault(query.table, error) from error
        # The server does not know its link any more; the order of the pass tells where to go on.
        return self._fetch(query, _go_on_without_link(position))

    def fetch_versions(self, query: TableQuery, link: str | None) -> VersionPage:
        """Ids and versions of a table, by id; raises ResyncRequired for a link not honoured."""
        address = self._metadata.locate(query.table)
        url = odata.resolve_link(self._channel.root, link) if link else self._versions_url(query)
        prefer = odata.build_prefer(page_size=VERSIONS_PER_PAGE, annotations=())
        request = Request(method="GET", url=url, operation="versions", headers={"Prefer": prefer})
        try:
            page = decode_page(self._channel.call(request))
        except RowFault as error:
            if link is None or error.fault.reaction is Reaction.FORBIDDEN:
                raise explain_table_fault(query.table, error) from error
            raise ResyncRequired(f"the versions of {query.table} broke off ({error})") from error
        versions = {str(row[address.primary_id]).lower(): str(row[ETAG]) for row in page.value}
        return VersionPage(table=query.table, versions=versions, next_link=page.next_link)

    def _versions_url(self, query: TableQuery) -> str:
        address = self._metadata.locate(query.table)
        return odata.build_collection_url(
            self._channel.api,
            address.entity_set,
            select=(address.primary_id,),
            order_by=f"{address.primary_id} asc",
        )

    def _fetch(self, query: TableQuery, position: Position) -> RowPage:
        prefer = odata.build_prefer(page_size=query.page_size, annotations=self._annotations)
        request = Request(
            method="GET",
            url=self._build_url(query, position),
            operation="page",
            headers={"Prefer": prefer},
        )
        try:
            reply = self._channel.call(request)
        except RowFault as error:
            if position.next is not None:
                raise
            raise _explain(query, error) from error
        page = decode_page(reply, self._choose_decoder(query))
        self._metadata.note_version(page.metadata_version)
        return self._build_page(query, page, position)

    def _build_url(self, query: TableQuery, position: Position) -> str:
        if position.next is not None:
            return odata.resolve_link(self._channel.root, position.next)
        address = self._metadata.locate(query.table)
        return odata.build_collection_url(
            self._channel.api,
            address.entity_set,
            select=_with_stamp(query).columns,
            filter=f"{STAMP} ge {position.since}" if position.since else None,
            order_by=f"{STAMP} asc,{address.primary_id} asc",
        )

    def _choose_decoder(self, query: TableQuery) -> CollectionDecoder:
        return choose_decoder(_with_stamp(query), self._metadata.locate(query.table).primary_id)

    def _build_page(
        self, query: TableQuery, page: CollectionPayload, position: Position
    ) -> RowPage:
        stamps = [str(row[STAMP]) for row in page.value if row.get(STAMP)]
        known = [] if position.high is None else [position.high]
        high: str | None = max([*known, *stamps], default=None)
        after = Position(
            reason=position.reason,
            started=position.started,
            since=position.since,
            high=high,
            next=page.next_link,
        )
        if page.next_link is None:
            link = write_position(_close(after, self._overlap))
            return RowPage(
                table=query.table, rows=page.value, delta_link=link, sees_deletions=False
            )
        return RowPage(
            table=query.table,
            rows=page.value,
            next_link=write_position(after),
            sees_deletions=False,
        )


def _with_stamp(query: TableQuery) -> TableQuery:
    if STAMP in query.columns:
        return query
    return replace(query, columns=(*query.columns, STAMP))


def _explain(query: TableQuery, error: RowFault) -> Exception:
    if STAMP in error.fault.message and STAMP not in query.columns:
        return UnusableRequest(
            f"table {query.table} has neither change tracking nor {STAMP}, so its changes cannot "
            f"be found: switch change tracking on, or leave the table out ({error})"
        )
    return explain_table_fault(query.table, error)


def _restart(position: Position, now: datetime) -> Position:
    return Position(reason=position.reason, started=now, since=position.since)


def _go_on_without_link(position: Position) -> Position:
    return Position(
        reason=position.reason,
        started=position.started,
        since=position.high or position.since,
        high=position.high,
    )


def _close(position: Position, overlap: timedelta) -> Position:
    """Where the next pass begins: behind the latest row, never behind what this pass could see."""
    if position.high is None:
        return _restart(position, position.started)
    reached = min(datetime.fromisoformat(position.high), position.started) - overlap
    since = f"{reached:%Y-%m-%dT%H:%M:%SZ}"
    return Position(
        reason=position.reason,
        started=position.started,
        since=max(since, position.since) if position.since else since,
    )
