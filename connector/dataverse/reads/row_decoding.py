"""Decoders for the pages of a query: members nobody asked for are skipped, the rest is kept."""

from collections.abc import Iterator
from functools import lru_cache
from typing import Any, TypedDict, cast

import msgspec

from connector.dataverse.wire import odata
from connector.dataverse.wire.payloads import (
    COLLECTION,
    CONTEXT,
    ETAG,
    NEXT_LINK,
    CollectionDecoder,
    CollectionOf,
)
from connector.ports import TableQuery

_REMOVAL = (CONTEXT, "id", "reason")
"""What an entry of a removed row is made of."""


def choose_decoder(query: TableQuery, primary_id: str) -> CollectionDecoder:
    """A decoder of the rows of a query, which keeps what `list_members` names.

    The values are those of the untyped `payloads.COLLECTION`. Naming the members beforehand saves
    making the keys of a row anew for each row, and all work for the annotations and accompanying
    columns that the service sends unasked.
    """
    members = tuple(list_members(query, primary_id))
    if not all(member.isascii() for member in members):
        return COLLECTION  # msgspec mistakes other members for such names; Dataverse has none
    return _build_decoder(members)


def list_members(query: TableQuery, primary_id: str) -> Iterator[str]:
    """The members of a row that are kept, in the order in which the service sends them."""
    yield ETAG
    for column in dict.fromkeys((*query.columns, primary_id)):
        if query.labelled is None or column in query.labelled:
            yield f"{column}@{odata.FORMATTED}"
            yield f"{column}@{odata.LOOKUP_TABLE}"
        yield column
    for navigation in dict.fromkeys(path.partition("/")[0] for path in query.expand):
        yield navigation
        yield navigation + NEXT_LINK
    yield from _REMOVAL


@lru_cache(maxsize=64)
def _build_decoder(members: tuple[str, ...]) -> CollectionDecoder:
    """A decoder whose keys exist once; any value fits, so that it refuses no page."""
    make: Any = TypedDict  # no checker knows these members
    page: Any = CollectionOf
    row = make("Row", dict.fromkeys(members, Any), total=False)
    return cast("CollectionDecoder", msgspec.json.Decoder(page[row]))
