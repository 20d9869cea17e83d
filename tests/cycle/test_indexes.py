"""No statement of a cycle reads a growing table from end to end."""

import re
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import event

from connector.cycle.context import CycleOptions
from connector.cycle.review.preview import preview_cycle
from connector.cycle.review.preview_state import Assumed
from connector.state.records import Outcome
from engine.records import EntityReference
from tests.support.worlds import RULES, World, seller_id

GROWING = {
    "ledger_rows",
    "decisions",
    "plans",
    "cycles",
    "backlog",
    "quarantine",
    "handovers",
    "rule_sets",
}
RULES_THAT_LOOK_AGAIN = {
    **RULES,
    "segments": [
        {**RULES["segments"][0], "scheduled_runs": {"at": ["11:00"]}},
        *RULES["segments"][1:],
    ],
    "rules": [
        {**RULES["rules"][0], "take_back": {"after": "1 hour"}},
        *RULES["rules"][1:],
    ],
}
SCAN = re.compile(r"^SCAN (\w+?)(?:_\d+)?(?! USING)\b")


def test_every_statement_of_a_cycle_finds_its_rows_by_an_index(tmp_path: Path) -> None:
    world = World(
        folder=tmp_path,
        rules=RULES_THAT_LOOK_AGAIN,
        options=CycleOptions(keeps_history=timedelta(days=30)),
    )
    statements: dict[str, Any] = {}

    def note(_c: Any, _cursor: Any, sql: str, arguments: Any, _x: Any, many: bool) -> None:
        if sql.startswith(("SELECT", "UPDATE", "DELETE")):
            statements[sql] = arguments[0] if many else arguments

    event.listen(world.store.engine, "before_cursor_execute", note)
    live_through_everything(world)
    with world.store.begin() as session:
        session.list_backlog(table="lead")
        session.list_backlog()
        session.list_cycles(20)
        session.list_cycles(20, with_idle=False)
        session.find_rule_set(at=world.clock.now())
        session.find_rule_set(checksum="none")
        session.page_decisions(after=5, limit=20)
        session.page_cycle("a cycle", after=5, limit=20)
        session.list_recorded("a cycle", "a plan")
        session.load_latest("lead", ["a row", "another"], {Outcome.APPLIED})
        session.load_before([1, 2], {Outcome.APPLIED, Outcome.UNCHANGED})
        [first, *_] = session.list_undecided("lead", None, 10)
        for at in (None, first.created_on):
            session.list_undecided("lead", replace(first, created_on=at), 10, with_rules={"UK"})
    assert len(statements) > 30
    read = " ".join(statements)
    assert all(table in read for table in GROWING)
    with world.store.engine.connect() as connection:
        found = {
            (match[1], sql)
            for sql, arguments in statements.items()
            for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {sql}", arguments)
            if (match := SCAN.match(row[3])) and match[1] in GROWING
        }
        by_key = {
            sql: row[3]
            for sql, arguments in statements.items()
            if re.search(r"ledger_rows\.id (=|IN)", sql)
            for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {sql}", arguments)
        }
    assert found == set()
    assert len(by_key) > 3
    assert {sql: plan for sql, plan in by_key.items() if "AND id=?)" not in plan} == {}


def live_through_everything(world: World) -> None:
    """First contact, edits, choices by hand, deletions, conflicts, refusals, a full read, a plan."""
    for number in range(4):
        world.put_lead(number, address1_country="France")
    world.cycle()
    for number in range(8):
        world.put_lead(number, address1_country="UK", revenue=5000)
    world.put_lead(9, createdon="not a time")
    world.dataverse.refused.add("00000000-0000-0000-0002-000000000005")
    world.cycle()
    owner = EntityReference(table="systemuser", id=seller_id(2))
    world.dataverse.set_owner("lead", "00000000-0000-0000-0002-000000000001", owner)
    world.dataverse.delete_row("lead", "00000000-0000-0000-0002-000000000002")
    world.dataverse.expire_links()
    world.dataverse.silent = True
    world.clock.advance(timedelta(hours=2))
    world.put_lead(10, address1_country="UK")
    world.cycle()
    world.dataverse.silent = False
    world.clock.advance(timedelta(hours=2))
    world.cycle()
    preview_cycle(world.seams(), world.table(), Assumed())
