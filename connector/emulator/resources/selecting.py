"""`$select` as columns, and the links and context URLs that repeat it."""

from collections.abc import Sequence
from urllib.parse import quote as encode

from connector.emulator.catalog.catalog import Catalog
from connector.emulator.catalog.table_definition import ColumnDefinition, TableDefinition
from connector.emulator.query.odata.selection import parse_select, resolve_select


def select_columns(
    catalog: Catalog, table: TableDefinition, text: str | None
) -> tuple[ColumnDefinition, ...] | None:
    """The columns a `$select` names, None for all; raises ODataError 400 for unknown properties."""
    return resolve_select(table, catalog, parse_select(text)) if text else None


def select_clause(text: str | None) -> str:
    """The `$select` part of a link, with its `&`; empty when all columns are read."""
    return f"$select={encode(text, safe=',*')}&" if text else ""


def selected_names(text: str | None) -> list[str]:
    """The names as a `$select` lists them; empty when all columns are read."""
    names = [name.strip() for name in (text or "").split(",") if name.strip()]
    return [] if "*" in names else names


def context_url(base: str, table: TableDefinition, names: Sequence[str]) -> str:
    """`{base}/$metadata#leads(subject,_ownerid_value)`."""
    shown = f"({','.join(names)})" if names else ""
    return f"{base}/$metadata#{table.entity_set}{shown}"
