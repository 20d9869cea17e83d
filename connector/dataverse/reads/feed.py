"""Chooses how each table is followed: by tracked changes, or by `modifiedon`."""

from enum import StrEnum

import structlog
from typing_extensions import override

from connector.dataverse.definitions.reader import MetadataReader
from connector.dataverse.reads.change_tracking import ChangeFeed
from connector.dataverse.reads.modified_on import ModifiedOnFeed, Position, Reason, read_position
from connector.dataverse.wire.errors import FatalFault, Reaction
from connector.errors import ResyncRequired
from connector.ports import RowPage, TableQuery, VersionPage

log = structlog.get_logger(__name__)


class FollowBy(StrEnum):
    """How changes are found; `auto` tracks them where the environment lets us.

    The text `watermark`, as this was called before, is taken as `modified_on`.
    """

    AUTO = "auto"
    TRACKING = "tracking"
    MODIFIED_ON = "modified_on"

    @classmethod
    @override
    def _missing_(cls, value: object) -> "FollowBy | None":
        return cls.MODIFIED_ON if value == "watermark" else None


class TableFeed:
    """The pages of any table, whichever way it is followed; the links tell the two apart."""

    def __init__(
        self,
        tracked: ChangeFeed,
        modified_on: ModifiedOnFeed,
        metadata: MetadataReader,
        *,
        follow_by: FollowBy = FollowBy.AUTO,
    ) -> None:
        self._tracked = tracked
        self._modified_on = modified_on
        self._metadata = metadata
        self._follow_by = follow_by

    def fetch_first_page(self, query: TableQuery) -> RowPage:
        """Start with all rows of a table; raises ConfigProblem or FatalError if it cannot."""
        reason = self._why_not_tracked(query.table)
        if reason is None:
            try:
                return self._tracked.fetch_first_page(query)
            except FatalFault as error:
                is_forbidden = error.fault.reaction is Reaction.FORBIDDEN
                if not is_forbidden or self._follow_by is FollowBy.TRACKING:
                    raise
                reason = Reason.FORBIDDEN
        log.warning(
            "changes are not tracked", action="follow_by_watermark", table=query.table, why=reason
        )
        return self._modified_on.fetch_first_page(query, reason)

    def fetch_page(self, query: TableQuery, link: str) -> RowPage:
        """Follow a link; raises ResyncRequired when it, or its way, is no longer good."""
        position = read_position(link)
        if position is None:
            if self._follow_by is FollowBy.MODIFIED_ON:
                raise ResyncRequired(f"table {query.table} is now followed by its modifiedon")
            return self._tracked.fetch_page(query, link)
        self._raise_if_tracked_now(query.table, position)
        return self._modified_on.fetch_page(query, position)

    def fetch_versions(self, query: TableQuery, link: str | None = None) -> VersionPage:
        """A page of ids and versions."""
        return self._modified_on.fetch_versions(query, link)

    def _why_not_tracked(self, table: str) -> Reason | None:
        match self._follow_by:
            case FollowBy.MODIFIED_ON:
                return Reason.CHOSEN
            case FollowBy.TRACKING:
                return None
            case FollowBy.AUTO:
                tracked = self._metadata.locate(table).change_tracking
                return None if tracked else Reason.UNTRACKED

    def _raise_if_tracked_now(self, table: str, position: Position) -> None:
        has_moved = {
            Reason.UNTRACKED: self._follow_by is not FollowBy.MODIFIED_ON
            and self._metadata.locate(table).change_tracking,
            Reason.FORBIDDEN: self._follow_by is FollowBy.TRACKING,
            Reason.CHOSEN: self._follow_by is not FollowBy.MODIFIED_ON,
        }[position.reason]
        if has_moved and position.next is None:
            raise ResyncRequired(f"the changes of table {table} are now tracked")
