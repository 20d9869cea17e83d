"""What has to be read of a table, and what may be written to it, derived from the rule set.

The metadata it is checked against comes from the tenant; reading it is elsewhere.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from connector.ports import TableQuery
from connector.watched_tables.segment_ids import (
    clearing_segments,
    engine_segment_ids,
    tenant_segment_ids,
    tenant_sequence_ids,
)
from connector.watched_tables.watched_table import WatchedTable, WriteColumns
from engine.conditions.language.columns import columns_of, navigations_of, record_columns_of
from engine.conditions.language.context import logical_name
from engine.conditions.language.model import ColumnPath, Condition
from engine.conditions.language.operators import Family, family_of
from engine.errors import ConfigProblem
from engine.nearest import ask_nearest
from engine.rules.models import AccountColumn, Rule
from engine.rules.placed_conditions import list_conditions
from engine.rules.rule_set import RuleSet
from engine.schema import Column, ColumnType, Relationship, RelationshipKind, Schema, TableSchema

_LOOKUPS = {ColumnType.LOOKUP, ColumnType.OWNER, ColumnType.CUSTOMER}
_UNLABELLED = {Family.TEXT, Family.NUMBER, Family.DATE}
"""Columns compared by their value alone: their formatted values are for people, in the application
user's language and time zone."""
_ALWAYS = ("createdon", "modifiedon", "statecode", "ownerid", "createdby")


def build_watched_table(
    rule_set: RuleSet, table: str, schema: Schema, *, page_size: int, writes: WriteColumns
) -> WatchedTable:
    """Derive what a cycle reads and writes; raises ConfigProblem with every unknown column.

    `schema` holds the table and those that its conditions reach, as the tenant describes them.
    """
    known = schema[table]
    reader = _ColumnReader(schema)
    conditions = list(_record_conditions(rule_set, table))
    paths = {path for condition in conditions for path in columns_of(condition)}
    paths |= set(_seller_side_paths(rule_set, table))
    navigations = {path for condition in conditions for path in navigations_of(condition)}
    navigations |= {path[:end] for path in paths for end in range(1, len(path))}
    writes = WriteColumns(
        segment=writes.segment if writes.segment in known.columns else None,
        sequence=writes.sequence if writes.sequence in known.columns else None,
        by_action=writes.by_action,
    )
    written = [column for column in (writes.segment, writes.sequence) if column]
    own = [path[0] for path in paths if len(path) == 1]
    hops = list(_first_hops(known, navigations))
    present = [name for name in _ALWAYS if name in known.columns]
    own += _touch_columns(rule_set, known)
    columns = reader.wire_names(known, [*present, *written, *own, *hops])
    query = TableQuery(
        table=table,
        columns=tuple(sorted({known.primary_id, *columns})),
        labelled=_labelled(known, columns),
        expand=reader.build_expand(known, paths, navigations),
        page_size=page_size,
    )
    watched = reader.wire_names(known, _watched_columns(rule_set, known))
    reader.raise_if_unknown()
    return WatchedTable(
        name=table,
        primary_id=known.primary_id,
        query=query,
        watched=tuple(sorted(watched)),
        writes=writes,
        segment_ids=tenant_segment_ids(rule_set, table),
        sequence_ids=tenant_sequence_ids(rule_set, table),
        engine_segment_ids=engine_segment_ids(rule_set, table),
        clears=clearing_segments(rule_set, table),
    )


def build_target_query(
    rule_set: RuleSet, table: str, schema: Schema, *, always: Sequence[str]
) -> TableQuery:
    """What has to be read of sellers, teams or queues; raises ConfigProblem for unknown columns."""
    reader = _ColumnReader(schema)
    known = schema[table]
    conditions = list(_target_conditions(rule_set, table))
    paths = {path for condition in conditions for path in columns_of(condition)}
    navigations = {path for condition in conditions for path in navigations_of(condition)}
    own = [path[0] for path in paths if len(path) == 1]
    present = [name for name in always if name in known.columns]
    query = TableQuery(
        table=table,
        columns=tuple(sorted({known.primary_id, *reader.wire_names(known, [*present, *own])})),
        expand=reader.build_expand(known, paths, navigations),
    )
    reader.raise_if_unknown()
    return query


def tables_reached(rule_set: RuleSet, table: str, schema: Schema) -> frozenset[str]:
    """The tables whose metadata the conditions on rows of one table need, itself included.

    Paths end where `schema` does not know the next table yet: ask again once it does.
    """
    reached = {table}
    conditions = [*_target_conditions(rule_set, table), *_record_conditions(rule_set, table)]
    for path in _seller_side_paths(rule_set, table):
        reached |= set(_walk(schema, table, path[:-1]))
    for condition in conditions:
        for navigation in navigations_of(condition):
            reached |= set(_walk(schema, table, navigation))
    return frozenset(reached)


class _ColumnReader:
    """Wire names by metadata; collects what the tenant does not know on the way."""

    def __init__(self, schema: Schema) -> None:
        self._schema = schema
        self._problems: dict[str, None] = {}

    def raise_if_unknown(self) -> None:
        if self._problems:
            raise ConfigProblem("; ".join(self._problems))

    def wire_names(self, table: TableSchema, columns: Iterable[str]) -> set[str]:
        found: set[str] = set()
        for name in columns:
            column = table.columns.get(logical_name(name))
            if column is None:
                self._miss(table, name)
                continue
            found.add(_wire(column))
        return found

    def build_expand(
        self, table: TableSchema, paths: Iterable[ColumnPath], navigations: Iterable[ColumnPath]
    ) -> dict[str, tuple[str, ...]]:
        wanted: dict[ColumnPath, set[str]] = {path: set() for path in navigations}
        for path in paths:
            if len(path) > 1:
                wanted.setdefault(path[:-1], set()).add(path[-1])
        expand: dict[str, tuple[str, ...]] = {}
        for path in sorted(wanted):
            target = self._target(table, path)
            if target is not None:
                names = self.wire_names(target, wanted[path]) | {target.primary_id}
                expand["/".join(path)] = tuple(sorted(names))
        return expand

    def _target(self, table: TableSchema, path: ColumnPath) -> TableSchema | None:
        current = table
        for navigation in path:
            relationship = current.relationships.get(navigation)
            if relationship is None:
                self._miss(current, navigation, "navigation property")
                return None
            target = self._schema.get(relationship.table)
            if target is None:
                return None
            current = target
        return current

    def _miss(self, table: TableSchema, name: str, kind: str = "column") -> None:
        known: Mapping[str, Column | Relationship]
        known = table.columns if kind == "column" else table.relationships
        problem = f"the environment's table {table.name} has no {kind} {name}"
        self._problems[problem + ask_nearest(name, known, folds=True)] = None


def _record_conditions(rule_set: RuleSet, table: str) -> Iterator[Condition]:
    """The conditions of segments and rules on rows of the table.

    What ends a sequence is not among them: no cycle evaluates it.
    """
    for placed in list_conditions(rule_set):
        is_own = placed.table == table and placed.record_table is None
        if is_own and placed.path[0] != "sequences":
            yield placed.condition


def _target_conditions(rule_set: RuleSet, table: str) -> Iterator[Condition]:
    """The conditions on the sellers (systemuser), teams or queues that work can go to."""
    for placed in list_conditions(rule_set):
        if placed.table == table and placed.record_table is not None:
            yield placed.condition


def _seller_side_paths(rule_set: RuleSet, table: str) -> Iterator[ColumnPath]:
    """Columns of the row that conditions on sellers, teams and queues compare with."""
    for placed in list_conditions(rule_set):
        if placed.record_table == table:
            yield from record_columns_of(placed.condition)
    for rule in _rules_of(rule_set, table):
        if isinstance(rule.assign_to, AccountColumn):
            yield ("msdyn_relatedrecord", rule.assign_to.account_column)
        if rule.sticky_owner:
            yield (_account_of(table), "ownerid")


def _account_of(table: str) -> str:
    """The navigation property that leads to a row's account."""
    return "msdyn_relatedrecord" if table == "msdyn_salessuggestion" else "parentaccountid"


def _touch_columns(rule_set: RuleSet, table: TableSchema) -> list[str]:
    """What shows whether somebody worked on a row, where rules take rows back."""
    policies = [rule.take_back for rule in _rules_of(rule_set, table.name) if rule.take_back]
    named = [policy.touch_column for policy in policies if policy.touch_column]
    return [*named, "modifiedby"] if policies else []


def _rules_of(rule_set: RuleSet, table: str) -> Sequence[Rule]:
    return [rule for rule in rule_set.rules if rule.table == table]


def _watched_columns(rule_set: RuleSet, table: TableSchema) -> set[str]:
    """Columns of the table itself that active segments read.

    A lookup counts for its related row.
    """
    conditions = [s.when for s in rule_set.segments_of(table.name) if s.when is not None]
    own = {path[0] for c in conditions for path in columns_of(c) if len(path) == 1}
    navigations = {path for condition in conditions for path in navigations_of(condition)}
    return own | set(_first_hops(table, navigations))


def _first_hops(table: TableSchema, navigations: Iterable[ColumnPath]) -> Iterator[str]:
    """The lookup columns behind the first step of each path."""
    for path in navigations:
        relationship = table.relationships.get(path[0])
        if relationship is not None and relationship.kind is RelationshipKind.MANY_TO_ONE:
            yield relationship.column or relationship.navigation


def _walk(schema: Schema, table: str, path: ColumnPath) -> Iterator[str]:
    current = schema.get(table)
    for navigation in path:
        relationship = current.relationships.get(navigation) if current else None
        if relationship is None:
            return
        yield relationship.table
        current = schema.get(relationship.table)


def _labelled(table: TableSchema, wire_names: Iterable[str]) -> tuple[str, ...]:
    """The columns that conditions may compare by what people see, and the lookups."""
    types = {name: table.columns[logical_name(name)].type for name in wire_names}
    return tuple(sorted(name for name in types if family_of(types[name]) not in _UNLABELLED))


def _wire(column: Column) -> str:
    return f"_{column.name}_value" if column.type in _LOOKUPS else column.name
