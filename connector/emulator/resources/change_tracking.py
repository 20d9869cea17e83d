# ruff: noqa: S608  identifiers come from the catalog and are quoted, values are bound
"""Change tracking: the tracked first read, delta links, deletions, expiry, the count of changes.

https://learn.microsoft.com/power-apps/developer/data-platform/use-change-tracking-synchronize-data-external-systems
Paging of ordinary reads is elsewhere.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from urllib.parse import quote as encode
from urllib.parse import unquote

from connector.emulator.catalog.table_definition import ColumnDefinition, TableDefinition
from connector.emulator.organization.organization import Organization
from connector.emulator.organization.privileges import Privileges
from connector.emulator.protocol.error_codes import ErrorCode
from connector.emulator.protocol.errors import ODataError, bad_query
from connector.emulator.protocol.messages import Preferences, Request, Response, json_response
from connector.emulator.query.odata.options import QueryOptions
from connector.emulator.query.odata.plan import fetched_names
from connector.emulator.query.sql.results import LARGEST_PAGE
from connector.emulator.resources.selecting import (
    context_url,
    select_clause,
    select_columns,
    selected_names,
)
from connector.emulator.rows.shaping import RowShaper, WireRow, complete_columns
from connector.emulator.storage.database import StoredRow, Tombstone
from connector.emulator.storage.sql_names import quote

_REFUSED_OPTIONS = ("$filter", "$orderby", "$expand", "$top")
_TOKEN = re.compile(r"(\d{1,18})!(\d\d/\d\d/\d{4} \d\d:\d\d:\d\d)")
_COOKIE = re.compile(r'<cookie pagenumber="(\d{1,9})" pagingcookie="([^"]*)" istracking="True" />')
_INNER = re.compile(
    r'<cookie page="\d+" from="(-?\d{1,18})" to="(\d{1,18})" at="(-?\d{1,18})" '
    r'phase="(rows|deleted)" mac="([0-9a-f]{16})">'
    r"<(\w+) last=\"\{([0-9a-f-]{36})\}\" /></cookie>"
)
_STAMP_FORMAT = "%m/%d/%Y %H:%M:%S"


@dataclass(frozen=True, slots=True)
class VersionRange:
    """The versions a tracked read covers: above `after` (-1 in the first read) up to `up_to`."""

    after: int
    up_to: int

    @property
    def is_initial(self) -> bool:
        """Whether all rows are read rather than changes."""
        return self.after < 0


@dataclass(frozen=True, slots=True)
class TrackingPosition:
    """Where the last page ended: by id in the first read, by version in a delta, deletions last."""

    page: int = 1
    last_id: str = ""
    last_version: int = -1
    deleting: bool = False


@dataclass(frozen=True, slots=True)
class TrackedRead:
    """One request for tracked rows of one table."""

    organization: Organization
    table: TableDefinition
    request: Request
    options: QueryOptions

    @property
    def select_text(self) -> str | None:
        """The columns asked for, as they were written."""
        return self.options.get("$select")

    def link(self, option: str, value: str) -> str:
        """A link to this table with the `$select` it carries."""
        select = select_clause(self.select_text)
        root = f"{self.request.base}/{self.table.entity_set}?"
        return f"{root}{select}{option}={encode(value, safe='')}"


def is_tracked(options: QueryOptions, preferences: Preferences) -> bool:
    """Whether a request belongs to change tracking: by header, token or tracked cookie."""
    token = options.get("$skiptoken") or ""
    tracked = 'istracking="True"' in token
    return preferences.track_changes or "$deltatoken" in options or tracked


def raise_if_cannot_track(
    organization: Organization, privileges: Privileges, table: TableDefinition, request: Request
) -> None:
    """Refuse tables without tracking and callers without organization-wide read."""
    if not table.change_tracking:
        raise ODataError(
            400,
            ErrorCode.CHANGE_TRACKING_NOT_ENABLED,
            f"Entity {table.logical_name} isn't enabled for change tracking.",
        )
    if table.is_intersect:
        for each in organization.catalog.many_to_many:
            if each.intersect_table != table.logical_name:
                continue
            for name in (each.table1, each.table2):
                if not organization.catalog.tables[name].change_tracking:
                    raise ODataError(
                        400,
                        ErrorCode.CHANGE_TRACKING_NOT_ENABLED_FOR_RELATED,
                        f"Entity {table.logical_name} isn't enabled for change tracking because "
                        f"its related entity {name} isn't.",
                    )
    privileges.raise_unless_global(request.caller, "Read", table)


def read_tracked(read: TrackedRead) -> Response:
    """A page of the first read or of the changes since a delta token."""
    _raise_if_refused(read.options)
    columns = select_columns(read.organization.catalog, read.table, read.select_text)
    versions, position = _where_to_start(read)
    size = min(read.request.preferences.max_page_size or LARGEST_PAGE, LARGEST_PAGE)
    if versions.is_initial:
        return _initial_page(read, columns, versions, position, size)
    return _delta_page(read, columns, versions, position, size)


def count_changes(read: TrackedRead) -> int:
    """How many entries a delta link would give now."""
    versions, _ = _where_to_start(read)
    rows = read.organization.storage.query(
        f"SELECT COUNT(*) FROM {quote(read.table.logical_name)} "
        "WHERE versionnumber > ? AND versionnumber <= ?",
        (versions.after, versions.up_to),
    )
    return int(rows[0][0]) + len(_deletions(read, versions))


def _raise_if_refused(options: QueryOptions) -> None:
    for name in _REFUSED_OPTIONS:
        if name in options:
            raise bad_query(
                f'The "{name[1:]}" query parameter isn\'t supported when '
                "Change Tracking is enabled."
            )


def _where_to_start(read: TrackedRead) -> tuple[VersionRange, TrackingPosition]:
    skip = read.options.get("$skiptoken")
    if skip is not None:
        return _read_cookie(read, skip)
    up_to = read.organization.storage.safe_version()
    token = read.options.get("$deltatoken")
    if token is None:
        return VersionRange(-1, up_to), TrackingPosition()
    after = parse_delta_token(read.organization, read.table, token)
    return VersionRange(after, up_to), TrackingPosition(last_version=after)


def build_delta_token(organization: Organization, version: int) -> str:
    """The token for changes after a version, as of now."""
    return f"{version}!{organization.clock.now().strftime(_STAMP_FORMAT)}"


def parse_delta_token(organization: Organization, table: TableDefinition, token: str) -> int:
    """The version in a token; raises ODataError 400 (0x80044352) when it is no longer honoured."""
    found = _TOKEN.fullmatch(token)
    if found is None:
        raise bad_query("The delta token is not valid.")
    version = int(found[1])
    try:
        issued = datetime.strptime(found[2], _STAMP_FORMAT).replace(tzinfo=UTC)
    except ValueError as error:
        raise bad_query("The delta token is not valid.") from error
    age = organization.clock.now() - issued
    changed = organization.metadata_changes.get(table.logical_name, -1)
    stale = max(changed, organization.delta_floor) > version
    if age > _lifetime(organization) or stale or version > organization.storage.last_version():
        raise expired()
    return version


def expired() -> ODataError:
    """The signal for a full read."""
    return ODataError(
        400,
        ErrorCode.EXPIRED_VERSION_STAMP,
        "Version stamp associated with the client has expired. Please perform a full sync.",
    )


def _lifetime(organization: Organization) -> timedelta:
    rows = organization.storage.query("SELECT expirechangetrackingindays FROM organization LIMIT 1")
    return timedelta(days=int(rows[0][0]) if rows and rows[0][0] is not None else 7)


def _initial_page(
    read: TrackedRead,
    columns: Sequence[ColumnDefinition] | None,
    versions: VersionRange,
    position: TrackingPosition,
    size: int,
) -> Response:
    table = read.table
    rows = read.organization.storage.query(
        f"SELECT {_outputs(table, columns)} FROM {quote(table.logical_name)} "
        f"WHERE {quote(table.primary_id)} > ? "
        f"ORDER BY {quote(table.primary_id)} LIMIT ?",
        (position.last_id, size + 1),
    )
    shown = [dict(row) for row in rows[:size]]
    entries = _shaper(read).shape_all(table, shown, columns)
    last = shown[-1] if len(rows) > size else None
    return _respond(read, entries, versions, _next(read, versions, position, last), delta=False)


def _delta_page(
    read: TrackedRead,
    columns: Sequence[ColumnDefinition] | None,
    versions: VersionRange,
    position: TrackingPosition,
    size: int,
) -> Response:
    outputs = _outputs(read.table, columns)
    upserts = (
        [] if position.deleting else _changed_rows(read, outputs, versions, position, size + 1)
    )
    entries: list[WireRow] = _shaper(read).shape_all(read.table, upserts[:size], columns)
    if len(upserts) > size:
        following = _next(read, versions, position, upserts[size - 1])
        return _respond(read, entries, versions, following, delta=True)
    sent = position.last_version if position.deleting else versions.after
    gone = [each for each in _deletions(read, versions) if each.version > sent]
    room = size - len(entries)
    entries.extend(_deleted_entry(read, each) for each in gone[:room])
    following = None
    if len(gone) > room:
        last = gone[room - 1].version if room else versions.after
        place = TrackingPosition(position.page + 1, gone[room].id, last, deleting=True)
        following = _write_cookie(read, versions, place)
    return _respond(read, entries, versions, following, delta=True)


def _outputs(table: TableDefinition, columns: Sequence[ColumnDefinition] | None) -> str:
    """What is read of each row: a lead has some hundred columns more than most clients ask for."""
    names = fetched_names(table, complete_columns(table, columns), ())
    return ", ".join(quote(name) for name in names)


def _changed_rows(
    read: TrackedRead, outputs: str, versions: VersionRange, position: TrackingPosition, limit: int
) -> list[StoredRow]:
    rows = read.organization.storage.query(
        f"SELECT {outputs} FROM {quote(read.table.logical_name)} "
        "WHERE versionnumber > ? AND versionnumber <= ? ORDER BY versionnumber LIMIT ?",
        (max(position.last_version, versions.after), versions.up_to, limit),
    )
    return [dict(row) for row in rows]


def _deletions(read: TrackedRead, versions: VersionRange) -> list[Tombstone]:
    found = read.organization.storage.fetch_tombstones(read.table, versions.after, versions.up_to)
    return [each for each in found if not _is_alive(read, each.id)]


def _is_alive(read: TrackedRead, row_id: str) -> bool:
    return bool(
        read.organization.storage.query(
            f"SELECT 1 FROM {quote(read.table.logical_name)} "
            f"WHERE {quote(read.table.primary_id)} = ?",
            (row_id,),
        )
    )


def _deleted_entry(read: TrackedRead, tombstone: Tombstone) -> WireRow:
    root = f"{read.request.base}/$metadata#{read.table.entity_set}"
    return {"@odata.context": f"{root}/$deletedEntity", "id": tombstone.id, "reason": "deleted"}


def _shaper(read: TrackedRead) -> RowShaper:
    return RowShaper(read.organization.storage, read.request.preferences)


def _respond(
    read: TrackedRead,
    entries: list[WireRow],
    versions: VersionRange,
    following: str | None,
    *,
    delta: bool,
) -> Response:
    context = context_url(read.request.base, read.table, selected_names(read.select_text))
    document: dict[str, object] = {"@odata.context": context + ("/$delta" if delta else "")}
    if following is None:
        token = build_delta_token(read.organization, versions.up_to)
        document["@odata.deltaLink"] = read.link("$deltatoken", token)
    document["value"] = entries
    if following is not None:
        document["@odata.nextLink"] = read.link("$skiptoken", following)
    return json_response(document)


def _next(
    read: TrackedRead, versions: VersionRange, position: TrackingPosition, last: StoredRow | None
) -> str | None:
    if last is None:
        return None
    row_id, version = str(last[read.table.primary_id]), int(last["versionnumber"] or 0)
    return _write_cookie(read, versions, TrackingPosition(position.page + 1, row_id, version))


def _mac(read: TrackedRead, text: str) -> str:
    key = f"{read.table.logical_name}/{select_clause(read.select_text)}/{text}"
    return blake2b(key.encode(), digest_size=8, key=b"leadrobin-emulator").hexdigest()


def _write_cookie(read: TrackedRead, versions: VersionRange, position: TrackingPosition) -> str:
    phase = "deleted" if position.deleting else "rows"
    place = f"{versions.after}/{versions.up_to}/{position.last_version}/{phase}/{position.last_id}"
    inner = (
        f'<cookie page="{position.page - 1}" from="{versions.after}" to="{versions.up_to}" '
        f'at="{position.last_version}" phase="{phase}" mac="{_mac(read, place)}">'
        f'<{read.table.primary_id} last="{{{position.last_id}}}" /></cookie>'
    )
    twice = encode(encode(inner, safe=""), safe="")
    return f'<cookie pagenumber="{position.page}" pagingcookie="{twice}" istracking="True" />'


def _read_cookie(read: TrackedRead, text: str) -> tuple[VersionRange, TrackingPosition]:
    outer = _COOKIE.fullmatch(text)
    inner = _INNER.fullmatch(unquote(unquote(outer[2]))) if outer else None
    if outer is None or inner is None:
        raise bad_query("Malformed XML in the skip token: the paging cookie cannot be read.")
    after, up_to, at, phase, last_id = (
        int(inner[1]),
        int(inner[2]),
        int(inner[3]),
        inner[4],
        inner[7],
    )
    if _mac(read, f"{after}/{up_to}/{at}/{phase}/{last_id}") != inner[5]:
        raise bad_query("The skip token was altered: follow next links exactly as they were given.")
    place = TrackingPosition(int(outer[1]), last_id, at, deleting=phase == "deleted")
    return VersionRange(after, up_to), place
