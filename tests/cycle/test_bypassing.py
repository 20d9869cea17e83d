"""Writes carry the rule they come from, and settings say which of them pass custom logic by."""

import pytest

from connector.cycle.rows.writes import build_write
from connector.ports import RowWrite
from connector.service.options import build_client_options
from connector.watched_tables.queries import build_watched_table
from connector.watched_tables.watched_table import WriteColumns
from engine.plans.changes import OwnerChange, PlannedRow
from engine.rules.rule_set import build_rule_set
from settings.sources import load_settings
from tests.support.worlds import NOBODY, RULES, SCHEMA, lead_id

BYPASS = "MSCRM.BypassBusinessLogicExecution"
NO_FLOWS = "MSCRM.SuppressCallbackRegistrationExpanderJob"


def headers_of(rule: str | None, **write: str) -> dict[str, str]:
    given = {f"LEADROBIN_WRITE__{name.upper()}": value for name, value in write.items()}
    basic = {
        "LEADROBIN_DATAVERSE__URL": "https://x.crm4.dynamics.com",
        "LEADROBIN_AUTH__TENANT_ID": "t",
        "LEADROBIN_AUTH__CLIENT_ID": "c",
        "LEADROBIN_AUTH__CLIENT_SECRET": "s",
    }
    marks = build_client_options(load_settings(None, {**basic, **given})).marks
    return dict(marks.headers_of(RowWrite(table="lead", id="1", etag=None, rule=rule)))


def test_nothing_is_passed_by_unless_it_is_asked_for() -> None:
    assert headers_of("UK to all") == {}


@pytest.mark.parametrize(
    ("logic", "wanted"),
    [("sync", "CustomSync"), ("async", "CustomAsync"), ("both", "CustomSync,CustomAsync")],
)
def test_custom_logic_is_named_as_the_platform_names_it(logic: str, wanted: str) -> None:
    assert headers_of(None, bypass_logic=logic) == {BYPASS: wanted}


def test_only_the_writes_of_named_rules_pass_by() -> None:
    options = {"suppress_flows": "true", "bypass_rules": "UK to all, Large to all"}
    assert headers_of("Large to all", **options) == {NO_FLOWS: "true"}
    assert headers_of("Banks to all", **options) == {}
    assert headers_of(None, **options) == {}


def test_a_write_names_its_rule() -> None:
    table = build_watched_table(
        build_rule_set(RULES), "lead", SCHEMA, page_size=10, writes=WriteColumns()
    )
    row = PlannedRow(
        table="lead",
        id=lead_id(1),
        etag=None,
        changes=(OwnerChange(before=None, after=NOBODY),),
        rule="UK to all",
    )
    assert build_write(table, row).rule == "UK to all"
