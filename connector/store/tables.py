"""The store's tables; their history is in `migrations`.

Who reads and writes them is in the sessions.
"""

from datetime import UTC, datetime

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Dialect,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    false,
)
from sqlalchemy.types import TypeDecorator
from typing_extensions import override


class Instant(TypeDecorator[datetime]):
    """An aware instant: kept in UTC, also where the database knows no time zones."""

    impl = DateTime(timezone=True)
    cache_ok = True

    @override
    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        utc = value.astimezone(UTC)
        return utc.replace(tzinfo=None) if dialect.name == "sqlite" else utc

    @override
    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


# SQLite counts a primary key by itself only when it is an INTEGER.
_SERIAL = BigInteger().with_variant(Integer(), "sqlite")

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    }
)

watermarks = Table(
    "watermarks",
    metadata,
    Column("table_name", String(128), key="table", primary_key=True),
    Column("mode", String(16), nullable=False),
    Column("link", Text),
    Column("watched_set", String(64), nullable=False),
    Column("columns_hash", String(64), nullable=False),
    Column("organization_id", String(36)),
    Column("generation", Integer, nullable=False),
    Column("pages", Integer, nullable=False),
    Column("rows_seen", BigInteger, nullable=False),
    Column("baseline_done_at", Instant),
    Column("signpost", Instant),
)

ledger_rows = Table(
    "ledger_rows",
    metadata,
    Column("table_name", String(128), key="table", primary_key=True),
    Column("id", String(36), primary_key=True),
    Column("etag", String(64)),
    Column("owner_table", String(32)),
    Column("owner_id", String(36)),
    Column("owner_name", String(400)),
    Column("is_open", Boolean, nullable=False),
    Column("watched_set", String(64), nullable=False),
    Column("fingerprint", Text, nullable=False),
    Column("created_on", Instant),
    Column("segment", String(200)),
    Column("segment_id", String(36)),
    Column("sequence_id", String(36)),
    Column("rule", String(200)),
    Column("segmentation_status", Integer),
    Column("routing_status", Integer),
    Column("sequence_status", Integer),
    Column("decided_at", Instant),
    Column("is_manual", Boolean, nullable=False),
    Column("generation", Integer, nullable=False),
    Index(None, "table", "generation"),
    Index(None, "table", "is_open", "created_on", "id"),
)

# Kept beside the ledger in the same transactions: consumed capacity needs no scan.
open_rows = Table(
    "open_rows",
    metadata,
    Column("table_name", String(128), key="table", primary_key=True),
    Column("owner_id", String(36), primary_key=True),
    Column("rule", String(200), primary_key=True),
    Column("rows", BigInteger, nullable=False),
)

watched_sets = Table(
    "watched_sets",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("columns", JSON, nullable=False),
)

seller_clocks = Table(
    "seller_clocks",
    metadata,
    Column("seller_id", String(36), primary_key=True),
    Column("last_assigned_at", Instant),
    Column("assignment_order", BigInteger, key="order", nullable=False),
    Column("by_rule", JSON, nullable=False),
    Column("turns", Integer, nullable=False),
    Column("joined_at", Instant),
    Column("head_start", Integer, nullable=False),
)

plans = Table(
    "plans",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("table_name", String(128), key="table", nullable=False),
    Column("cycle_id", String(36), nullable=False),
    Column("origin", String(16), nullable=False),
    Column("checksum", String(64), nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("closed_at", Instant),
    Column("document", JSON, nullable=False),
    Index(None, "table", "closed_at"),
)

decisions = Table(
    "decisions",
    metadata,
    Column("number", _SERIAL, primary_key=True, autoincrement=True),
    Column("table_name", String(128), key="table", nullable=False),
    Column("row_id", String(36), nullable=False),
    Column("cycle_id", String(36), nullable=False),
    Column("decided_at", Instant, nullable=False),
    Column("outcome", String(16), nullable=False),
    Column("plan_checksum", String(64), nullable=False),
    Column("rule_set_checksum", String(64), nullable=False),
    # None in what a version before this column wrote: then keys of `after` say what it was.
    Column("kind", String(16)),
    Column("previous", JSON(none_as_null=True)),
    Column("segment", String(200)),
    Column("rule", String(200)),
    Column("segmentation_status", Integer),
    Column("routing_status", Integer),
    Column("sequence_status", Integer),
    Column("before", JSON, nullable=False),
    Column("after", JSON, nullable=False),
    Column("trace", JSON(none_as_null=True)),
    Column("request_id", String(64)),
    Column("message", Text),
    Column("etag", String(64)),
    Index(None, "table", "row_id", "number"),
    Index(None, "cycle_id", "number"),
    Index(None, "decided_at"),
)

cycles = Table(
    "cycles",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("table_name", String(128), key="table", nullable=False),
    Column("origin", String(16), nullable=False),
    Column("started_at", Instant, nullable=False),
    Column("finished_at", Instant),
    Column("outcome", String(16), nullable=False),
    Column("counts", JSON, nullable=False),
    Column("message", Text),
    Column("is_idle", Boolean, nullable=False, server_default=false()),
    Index(None, "started_at"),
    Index(None, "is_idle", "started_at"),
    Index(None, "table", "outcome"),
)

backlog = Table(
    "backlog",
    metadata,
    Column("table_name", String(128), key="table", primary_key=True),
    Column("row_id", String(36), primary_key=True),
    Column("reason", Text, nullable=False),
    Column("code", String(40), nullable=False),
    Column("since", Instant, nullable=False),
    Column("next_try_at", Instant),
    Column("attempts", Integer, nullable=False),
    Column("segment", String(200)),
    Column("created_on", Instant),
    Index(None, "table", "next_try_at"),
    Index(None, "table", "segment", "created_on", "row_id"),
    Index(None, "since"),
)

# Rows that sellers were given under a rule with a take-back, until somebody touches them.
handovers = Table(
    "handovers",
    metadata,
    Column("table_name", String(128), key="table", primary_key=True),
    Column("row_id", String(36), primary_key=True),
    Column("owner_id", String(36), nullable=False),
    Column("segment", String(200)),
    Column("rule", String(200), nullable=False),
    Column("assigned_at", Instant, nullable=False),
    Column("due_at", Instant),
    Column("hops", Integer, nullable=False),
    Column("had_by", JSON, nullable=False),
    Index(None, "table", "due_at"),
)

# One row whenever cycles begin to run under another rule set than before.
rule_sets = Table(
    "rule_sets",
    metadata,
    Column("number", _SERIAL, primary_key=True, autoincrement=True),
    Column("checksum", String(64), nullable=False),
    Column("in_force_since", Instant, nullable=False),
    Column("document", JSON, nullable=False),
    Index(None, "checksum"),
    Index(None, "in_force_since"),
)

quarantine = Table(
    "quarantine",
    metadata,
    Column("table_name", String(128), key="table", primary_key=True),
    Column("row_id", String(100), primary_key=True),
    Column("reasons", JSON, nullable=False),
    Column("first_seen_at", Instant, nullable=False),
    Column("last_seen_at", Instant, nullable=False),
    Column("times", Integer, nullable=False),
)

leases = Table(
    "leases",
    metadata,
    Column("name", String(128), primary_key=True),
    Column("holder", String(200), nullable=False),
    Column("generation", BigInteger, nullable=False),
    Column("expires_at", Instant, nullable=False),
)

# Small documents by key: cached metadata, the pacing state of a credential.
documents = Table(
    "documents",
    metadata,
    Column("kind", String(40), primary_key=True),
    Column("key", String(200), primary_key=True),
    Column("saved_at", Instant, nullable=False),
    Column("document", JSON, nullable=False),
)
