"""How tables and columns of the catalog are named and compared in SQL; runs nothing."""

from connector.emulator.catalog.table_definition import ColumnDefinition, ColumnType

_TEXTS = frozenset({ColumnType.STRING, ColumnType.MEMO})


def quote(name: str) -> str:
    """Quote an SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def sql_names(column: ColumnDefinition) -> tuple[str, ...]:
    """The SQL columns of a column: itself, and `<column>__type` for polymorphic lookups."""
    if column.is_polymorphic:
        return (column.logical_name, type_column(column.logical_name))
    return (column.logical_name,)


def type_column(logical_name: str) -> str:
    """Where the target table of a polymorphic lookup is stored."""
    return f"{logical_name}__type"


def fold(text: str) -> str:
    """A text as equality sees it: SQL Server compares without case and without trailing blanks."""
    return text.rstrip(" ").casefold()


def folded_sql(sql: str, column: ColumnDefinition) -> str:
    """A column (or `?`) as an operand of equality; an index on the same expression serves it."""
    return f"dataverse_fold({sql})" if column.type in _TEXTS else sql
