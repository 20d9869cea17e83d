"""`If-Match` and `If-None-Match`: what they ask for and whether a row meets it."""

from connector.emulator.catalog.table_definition import TableDefinition
from connector.emulator.protocol.error_codes import ErrorCode
from connector.emulator.protocol.errors import ODataError
from connector.emulator.protocol.messages import Request
from connector.emulator.rows.shaping import etag_of
from connector.emulator.storage.database import StoredRow


def if_match(request: Request) -> str | None:
    """The `If-Match` header; `null` counts as absent."""
    value = request.header("if-match")
    return None if value is None or value.strip().lower() == "null" else value.strip()


def if_none_match_any(request: Request) -> bool:
    """Whether `If-None-Match: *` asks that there be no such row."""
    return (request.header("if-none-match") or "").strip() == "*"


def raise_if_stale(table: TableDefinition, request: Request, current: StoredRow) -> None:
    """412 when the row moved on since the ETag in `If-Match`.

    https://learn.microsoft.com/power-apps/developer/data-platform/webapi/perform-conditional-operations-using-web-api
    """
    wanted = if_match(request)
    if wanted is None or wanted == "*":
        return
    if not table.optimistic_concurrency:
        raise ODataError(
            400,
            ErrorCode.OPTIMISTIC_CONCURRENCY_NOT_ENABLED,
            f"Optimistic concurrency isn't enabled for entity type {table.logical_name}. The "
            "IfMatch and IfNoneMatch headers cannot be used.",
        )
    if current_etag(current) not in {each.strip() for each in wanted.split(",")}:
        raise ODataError(
            412,
            ErrorCode.CONCURRENCY_VERSION_MISMATCH,
            "The version of the existing record doesn't match the RowVersion property provided.",
        )


def already_exists() -> ODataError:
    """412 for `If-None-Match: *` on a row that is there."""
    return ODataError(
        412, ErrorCode.DUPLICATE_RECORD, "A record with matching key values already exists."
    )


def is_unchanged(request: Request, current: StoredRow) -> bool:
    """Whether a GET with `If-None-Match: <etag>` may be answered with 304."""
    value = (request.header("if-none-match") or "").strip()
    return value.startswith("W/") and value == current_etag(current)


def current_etag(row: StoredRow) -> str:
    """The ETag of a stored row."""
    return etag_of(int(row["versionnumber"] or 0))
