"""What is asked of a table follows from the rules and the tenant's metadata."""

import pytest

from connector.watched_tables.queries import build_watched_table
from connector.watched_tables.watched_table import WriteColumns
from engine.rules.rule_set import build_rule_set
from engine.schema import Column, ColumnType, TableSchema
from tests.support.worlds import RULES, SCHEMA

BY_VALUE = {
    ColumnType.STRING,
    ColumnType.MEMO,
    ColumnType.INTEGER,
    ColumnType.BIGINT,
    ColumnType.DECIMAL,
    ColumnType.DOUBLE,
    ColumnType.MONEY,
    ColumnType.DATETIME,
    ColumnType.DATE,
}


@pytest.mark.parametrize("kind", ColumnType)
def test_labels_are_kept_of_columns_that_may_be_compared_by_them(kind: ColumnType) -> None:
    lead = SCHEMA["lead"]
    columns = {**lead.columns, "address1_country": Column(name="address1_country", type=kind)}
    table = TableSchema(
        name="lead", entity_set="leads", primary_id="leadid", primary_name=None, columns=columns
    )
    schema = {**SCHEMA, "lead": table}
    rules = {**RULES, "segments": RULES["segments"][:2], "rules": RULES["rules"][:2]}
    found = build_watched_table(
        build_rule_set(rules), "lead", schema, page_size=10, writes=WriteColumns()
    )
    labelled = set(found.query.labelled or ())
    wanted = {name for name in labelled if "address1_country" in name}
    assert bool(wanted) is (kind not in BY_VALUE)
    assert labelled - wanted == {"_ownerid_value", "_createdby_value", "statecode"}
    assert labelled < set(found.query.columns)
