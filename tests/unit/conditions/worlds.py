"""Short ways to ask whether a condition holds, by the tree walk and by the compiled form at once."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime

from engine.conditions.compiled.compiler import CompileOptions, compile_predicate
from engine.conditions.evaluation.interpreter import holds
from engine.conditions.language.context import Context, DateSettings
from engine.conditions.language.parsing import parse_condition
from engine.schema import Column, ColumnType, Relationship, RelationshipKind, TableSchema

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
_COLUMNS = {
    "city": ColumnType.STRING,
    "revenue": ColumnType.MONEY,
    "score": ColumnType.DOUBLE,
    "employees": ColumnType.INTEGER,
    "source": ColumnType.CHOICE,
    "interests": ColumnType.MULTI_CHOICE,
    "optout": ColumnType.BOOLEAN,
    "createdon": ColumnType.DATETIME,
    "modifiedon": ColumnType.DATETIME,
    "closedate": ColumnType.DATE,
    "ownerid": ColumnType.OWNER,
    "parentaccountid": ColumnType.LOOKUP,
    "address1_city": ColumnType.STRING,
}
_OPTIONS = {
    "source": {1: "Advertisement", 7: "Trade Show", 8: "Web"},
    "interests": {1: "Sport", 2: "Music", 9: "Food"},
    "optout": {0: "Allow", 1: "Do Not Allow"},
}


def _table(name: str, *relationships: Relationship) -> TableSchema:
    columns = {
        column: Column(name=column, type=kind, options=_OPTIONS.get(column, {}))
        for column, kind in _COLUMNS.items()
    }
    key = f"{name}id"
    return TableSchema(
        name=name,
        entity_set=f"{name}s",
        primary_id=key,
        primary_name="city",
        columns={**columns, key: Column(name=key, type=ColumnType.UNIQUEIDENTIFIER)},
        relationships={each.navigation: each for each in relationships},
        is_complete=True,
    )


def _link(
    navigation: str, kind: RelationshipKind, table: str, column: str | None = None
) -> Relationship:
    return Relationship(navigation=navigation, kind=kind, table=table, column=column)


SCHEMA: Mapping[str, TableSchema] = {
    "lead": _table(
        "lead",
        _link("parentaccountid", RelationshipKind.MANY_TO_ONE, "account", "parentaccountid"),
        _link("customerid_account", RelationshipKind.MANY_TO_ONE, "account", "customerid"),
        _link("Lead_Tasks", RelationshipKind.ONE_TO_MANY, "task", "regardingobjectid"),
        _link("listlead_association", RelationshipKind.MANY_TO_MANY, "list"),
    ),
    "account": _table(
        "account",
        _link("primarycontactid", RelationshipKind.MANY_TO_ONE, "contact", "primarycontactid"),
    ),
    "task": _table("task"),
    "list": _table("list"),
    "contact": _table("contact"),
    "systemuser": _table("systemuser"),
}
LEAD = SCHEMA["lead"]


def check(
    plain: object,
    row: Mapping[str, object],
    *,
    context: Context | None = None,
    dates: DateSettings | None = None,
    now: datetime = NOW,
) -> bool:
    """Whether a condition holds, with and without knowledge of the columns' types."""
    condition = parse_condition(plain)
    base = context or Context(now, dates or DateSettings())
    answers: set[bool] = set()
    for known in (base, replace(base, table="lead", schema=SCHEMA)):
        options = CompileOptions(
            dates=known.dates,
            table=known.table,
            schema=known.schema,
            hierarchies=known.hierarchies,
            caller=known.caller,
        )
        predicate = compile_predicate(condition, options)
        answers.add(holds(condition, row, known))
        answers.add(predicate(row, known.now, record=known.record, attributes=known.attributes))
    (answer,) = answers
    return answer
