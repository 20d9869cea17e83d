"""A store that an older version left behind, killed amid a cycle, is taken over as it stands.

tests/data/stores holds the store and the environment of the same moment; see its README.
"""

import gzip
import json
import re
import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.support.golden import DATA, assert_golden
from tests.support.recorded import RECORDED
from tests.support.recorded_history import LONG_AGO, Story, beginning, row_id

STORES = DATA / "stores"
PLACEHOLDER = "http://emulator.invalid"
INSTANT = re.compile(r"2026-\d\d-\d\d[ T]\d\d:\d\d:\d\d\.\d{6}")
UNDECIDED = (31, 32, 33, 34)
"""Leads of the plan that was open when the process was killed: two were written, none noted."""

KINDS = {
    "given by a rule": 14,
    "chosen by hand": 1,
    "closed since": 2,
    "taken back": 4,
    "of a segment without rules": 7,
    "deleted since": 8,
    "undone": 13,
    "applied from a reviewed plan, then edited": 12,
    "decided anew after a conflict": 15,
    "not to be written": 16,
    "not to be read": 21,
    "waiting": 24,
    "of the open plan": 31,
}


def unpack(name: str) -> bytes:
    """What a compressed file holds."""
    return gzip.decompress((STORES / name).read_bytes())


def read_store() -> str:
    """The store as an SQL script; what was remembered of the environment's definitions is long."""
    script = (STORES / "store_0002.sql").read_text(encoding="utf-8")
    return script + unpack("store_0002_metadata.sql.gz").decode()


def move_to_now(script: str) -> str:
    """The script as if its last instant had been a second ago: nothing has become due since."""
    latest = max(_parse(found) for found in _written(script))
    by = datetime.now(UTC).replace(tzinfo=None) - timedelta(seconds=1) - latest
    return INSTANT.sub(lambda found: _move(found[0], by), script)


def _written(script: str) -> list[str]:
    """When plans were made: other columns also hold what lies ahead."""
    lines = [line for line in script.splitlines() if line.startswith('INSERT INTO "plans"')]
    return [INSTANT.findall(line)[0] for line in lines]


def _parse(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _move(text: str, by: timedelta) -> str:
    return (_parse(text) + by).isoformat(sep=text[10], timespec="microseconds")


def make_store(file: Path, script: str) -> None:
    """Make a database of a script."""
    with closing(sqlite3.connect(file)) as database:
        database.executescript(script)


@pytest.fixture
def story(tmp_path: Path) -> Iterator[Story]:
    """The environment and the store of then, and the program of today."""
    state = tmp_path / "emulator.db"
    state.write_bytes(unpack("environment_0002.sqlite.gz"))
    with beginning(tmp_path, state) as found:
        script = move_to_now(read_store()).replace(PLACEHOLDER, found.colleague.url)
        make_store(found.store, script)
        yield found


def test_everything_in_it_is_told_as_before(story: Story) -> None:
    told = story.transcript()
    assert _upgrade(story).count("--- exit 0") == 2
    told.run("history", "--limit", 200)
    told.run("history", "--json", "--limit", 200)
    told.run("backlog")
    told.run("backlog", "--json")
    told.run("watermark", "show", "--json")
    for kind, number in KINDS.items():
        told.say(f"A row {kind}:")
        told.run("explain", "lead", row_id(number), "--all")
    told.run("explain", "lead", row_id(4), "--json")
    told.run("explain", "opportunity", row_id(50))
    told.run("explain", "msdyn_salessuggestion", row_id(60))
    assert_golden(RECORDED / "older_store" / "told.txt", told.text)


def _upgrade(story: Story) -> str:
    """What bringing the store up to date and checking it says, which a migration may change."""
    told = story.transcript()
    told.run("store", "upgrade")
    told.run("store", "check")
    return told.text


def test_its_open_plan_is_settled_and_no_row_is_given_away_twice(story: Story) -> None:
    told = story.transcript()
    before = _owners(story)
    told.run("run", "--once", "--json")
    after = _owners(story)
    told.run("run", "--once", "--json")
    told.run("store", "check")
    for number in UNDECIDED:
        told.run("explain", "lead", row_id(number))
    settled = _decided(story)
    assert [settled[row_id(number)] for number in UNDECIDED] == [1, 1, 1, 1]
    changed = {lead for lead, owner in after.items() if owner != before[lead]}
    assert changed == {row_id(number) for number in UNDECIDED[2:]}
    assert _owners(story) == after
    assert_golden(RECORDED / "older_store" / "settled.txt", told.text)


def test_its_cycles_can_be_undone_and_its_waiting_rows_go_on(story: Story) -> None:
    told = story.transcript()
    told.run("run", "--once")
    told.run("undo", _find_cycle(story, 14))
    told.run("undo", _find_cycle(story, 21), "--json")
    told.run("explain", "lead", row_id(14), "--all")
    story.change_store("UPDATE handovers SET assigned_at = ?, due_at = ?", LONG_AGO, LONG_AGO)
    story.change_store("UPDATE backlog SET next_try_at = ?", LONG_AGO)
    told.run("run", "--once", "--json")
    told.run("explain", "lead", row_id(4), "--all")
    told.run("backlog", "retry", "--json")
    story.change_lead(21, description="can be read again")
    story.change_lead(24, leadsourcecode=7)
    told.run("run", "--once", "--json")
    told.run("backlog")
    told.run("backfill", "--table", "lead", "--yes", "--json")
    told.run("watermark", "set", "lead", "resync")
    told.run("run", "--once", "--json")
    told.run("history", "--limit", 8)
    told.run("store", "check")
    assert_golden(RECORDED / "older_store" / "gone_on.txt", told.text)


def _owners(story: Story) -> dict[str, str]:
    rows = story.colleague.read("leads?$select=_ownerid_value")["value"]
    return {row["leadid"]: row["_ownerid_value"] for row in rows}


def _decided(story: Story) -> Counter[str]:
    """How often each row was given away, by the decisions that took effect."""
    lines = story.transcript().run("history", "--json-lines").splitlines()
    found = [json.loads(line) for line in lines]
    return Counter(each["id"] for each in found if each["outcome"] in {"applied", "already_so"})


def _find_cycle(story: Story, number: int) -> str:
    """The cycle that decided a row first."""
    lines = story.transcript().run("history", "--json-lines").splitlines()
    found = (json.loads(line) for line in lines)
    cycle: str = next(each["cycle"] for each in found if each["id"] == row_id(number))
    return cycle
