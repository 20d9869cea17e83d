"""A history of one small organization: rows come and change, and every verb is asked about it.

Each chapter is a function that goes on where the one before it ended; `tell_history` tells all.
"""

import json
import sqlite3
from collections.abc import Callable, Generator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.support.recorded import (
    RECORDED,
    Colleague,
    Names,
    Transcript,
    dump_store,
    serving,
    set_up,
    surroundings,
)

RULES = RECORDED / "rules.yaml"
MIRIAM = "4725c15d-b284-5fb2-8795-1572ffb0ce44"
BAHAR = "2fa9efc6-fdd5-54d3-ba5b-d61b126e2c97"
TRADE_SHOW, WEB, LOST, KEPT = 7, 8, 4, 5
COLUMNS = "_ownerid_value,_lrobin_sequenceid_value,_modifiedby_value,statecode,modifiedon"
LOOKED_AFTER = {
    "leads": ",_msdyn_segmentid_value",
    "opportunities": ",_msdyn_segmentid_value",
    "msdyn_salessuggestions": "",
}
LONG_AGO = "2020-01-01 00:00:00.000000"


def row_id(number: int) -> str:
    """The id of a row that comes in the course of the history."""
    return f"00000000-0000-0000-0000-{number:012d}"


@dataclass
class Story:
    """Where a history takes place."""

    colleague: Colleague
    folder: Path
    names: Names

    @property
    def store(self) -> Path:
        """The store's file."""
        return self.folder / "store.db"

    @property
    def rules(self) -> Path:
        """The rules file in force."""
        return self.folder / "rules.yaml"

    def transcript(self) -> Transcript:
        """An empty transcript."""
        return Transcript(self.names)

    def add_lead(self, number: int, source: int, **row: object) -> None:
        """A lead comes in."""
        lead = {"leadid": row_id(number), "subject": f"Lead {number}", "leadsourcecode": source}
        self.colleague.create("leads", **lead, **row)

    def change_lead(self, number: int, by: str | None = None, **row: object) -> None:
        """Somebody changes a lead."""
        self.colleague.change(f"leads({row_id(number)})", by, **row)

    def script_fault(self, **fault: object) -> None:
        """The next matching request goes wrong."""
        self.colleague.steer("faults", {"count": 1, **fault})

    def change_store(self, statement: str, *values: object) -> None:
        """Something in the store is otherwise, such as a time that has come."""
        with closing(sqlite3.connect(self.store)) as store, store:
            store.execute(statement, values)


@contextmanager
def beginning(folder: Path, state: Path | None = None) -> Generator[Story]:
    """An organization, new or from a state file, a rules file and settings."""
    (folder / "rules.yaml").write_text(RULES.read_text(encoding="utf-8"), encoding="utf-8")
    with (
        serving(state) as url,
        set_up(url, folder),
        Colleague(url) as colleague,
    ):
        yield Story(colleague, folder, Names(folder))


def tell_arrivals(story: Story) -> Transcript:
    """The baseline, and a row for each segment and table."""
    told = story.transcript()
    told.run("history")
    told.run("backlog")
    told.run("explain", "lead", row_id(1))
    told.run("plan")
    told.run("run", "--once")
    told.run("run", "--once", "--json")
    for number in (1, 2):
        story.add_lead(number, TRADE_SHOW)
    for number in (3, 4):
        story.add_lead(number, WEB)
    for number in (5, 6):
        story.add_lead(number, LOST)
    story.add_lead(7, KEPT)
    story.add_lead(8, 1, revenue=2_000_000)
    story.add_lead(9, 1, revenue=10)
    story.colleague.create("opportunities", opportunityid=row_id(50), name="Deal 50")
    story.colleague.create(
        "msdyn_salessuggestions",
        msdyn_salessuggestionid=row_id(60),
        msdyn_name="Insight 60",
        msdyn_potentialrevenue=9000,
        **{"msdyn_relatedrecord@odata.bind": f"accounts({_find_account(story)})"},
    )
    told.run("run", "--once")
    told.run("run", "--once", "--json")
    for number in range(1, 10):
        told.run("explain", "lead", row_id(number))
    told.run("explain", "opportunity", row_id(50))
    told.run("explain", "msdyn_salessuggestion", row_id(60))
    told.run("explain", "lead", row_id(1), "--json")
    told.run("explain", "lead", row_id(5), "--json")
    told.run("explain", "lead", row_id(9), "--all", "--json")
    told.run("explain", "lead", row_id(999))
    told.run("explain", "leed", row_id(1))
    told.run("explain", "lead", "no-id")
    return told


def _find_account(story: Story) -> str:
    """An account that Miriam owns."""
    query = f"accounts?$select=accountid&$filter=_ownerid_value eq {MIRIAM}&$top=1"
    found: str = story.colleague.read(query)["value"][0]["accountid"]
    return found


def tell_reviewed_plans(story: Story) -> Transcript:
    """Plans that are printed, saved, refused, applied in part, applied again and undone."""
    told = story.transcript()
    for number in (11, 12, 13, 14):
        story.add_lead(number, TRADE_SHOW)
    story.change_lead(9, leadsourcecode=TRADE_SHOW)
    told.run("plan")
    told.run("plan", "--json")
    told.run("plan", "--format", "markdown")
    file, rest = Path("plan.json"), Path("rest.json")
    told.run("plan", "--out", file)
    told.say(json.dumps(json.loads(file.read_text(encoding="utf-8")), indent=1))
    story.change_lead(11, description="edited elsewhere")
    told.run("apply", file, "--checksum", "0" * 64)
    applied = told.run_json("apply", file, "--out", rest)
    told.run("apply", file)
    told.run("apply", rest)
    told.run("apply", "missing.json")
    story.change_lead(12, by=MIRIAM, description="touched since")
    cycle = applied["cycles"][0]["cycle"]
    told.run("history", cycle)
    told.run("history", cycle, "--json")
    told.run("undo", cycle, "--plan")
    told.run("undo", cycle)
    told.run("undo", cycle, "--json")
    told.run("undo", row_id(1))
    told.run("undo", "no-id")
    told.run("explain", "lead", row_id(13), "--all")
    told.run("explain", "lead", row_id(12), "--all")
    told.run("run", "--once", "--json")
    return told


def tell_backfills(story: Story) -> Transcript:
    """Rows of the baseline are decided when somebody asks for it."""
    told = story.transcript()
    told.run("backfill", "--table", "lead", "--limit", 3)
    told.run("backfill", "--table", "lead", "--segment", "Trade shos")
    told.run("backfill", "--table", "leed")
    told.run("backfill", "--table", "lead", "--at", "2019-01-01T00:00:00Z")
    told.run("backfill", "--table", "lead", "--limit", 2, "--yes")
    told.run("backfill", "--table", "lead", "--segment", "Trade shows", "--yes", "--json")
    told.run("backfill", "--table", "opportunity", "--limit", 1, "--yes", "--json")
    told.run("run", "--once", "--json")
    return told


def tell_other_hands(story: Story) -> Transcript:
    """People change owners, close, delete and damage rows; writes meet conflicts and refusals."""
    told = story.transcript()
    story.change_lead(1, by=MIRIAM, **{"ownerid@odata.bind": f"systemusers({MIRIAM})"})
    story.change_lead(2, statecode=2, statuscode=4)
    story.colleague.remove(f"leads({row_id(8)})")
    told.run("run", "--once", "--json")
    told.run("explain", "lead", row_id(1))
    told.run("explain", "lead", row_id(2))
    told.run("explain", "lead", row_id(8))
    story.change_lead(1, by=BAHAR, leadsourcecode=WEB)
    told.run("run", "--once", "--json")
    told.run("explain", "lead", row_id(1), "--all")

    story.add_lead(15, TRADE_SHOW)
    story.script_fault(kind="status", status=412, code="0x80060882", method="PATCH", path="leads")
    told.run("run", "--once")
    told.run("explain", "lead", row_id(15))
    story.add_lead(16, TRADE_SHOW)
    story.script_fault(kind="status", status=403, code="0x80040220", method="PATCH", path="leads")
    told.run("run", "--once")
    told.run("explain", "lead", row_id(16))
    told.run("backlog")

    _damage(story, 3)
    told.run("run", "--once", "--json")
    told.run("backlog")
    told.run("backlog", "--json")
    told.run("run", "--once", "--json")
    return told


def _damage(story: Story, number: int) -> None:
    """The next page of changes has a row with a date that is none, as no API should give it."""
    story.change_lead(number, description="damaged on the way")
    with closing(sqlite3.connect(story.store)) as store:
        [(link,)] = store.execute("SELECT link FROM watermarks WHERE table_name = 'lead'")
    page = story.colleague.ask("GET", str(link), Prefer='odata.include-annotations="*"').json()
    for row in page["value"]:
        row["createdon"] = "yesterday"
    fault = {"kind": "status", "status": 200, "method": "GET", "path": "/leads$"}
    story.script_fault(**fault, body=json.dumps(page), content_type="application/json")


def tell_waiting(story: Story) -> Transcript:
    """Rows wait, are tried, are due at scheduled runs, and go back from those who let them lie."""
    told = story.transcript()
    told.run("backlog", "--table", "lead", "--limit", 1)
    told.run("backlog", "--table", "leed")
    told.run("backlog", "retry", "--segment", "Lost city")
    told.run("backlog", "retry", "--json")
    told.run("backlog", "retry", "--segment", "Lost")
    story.change_store("UPDATE backlog SET next_try_at = ?", LONG_AGO)
    told.run("run", "--once", "--json")
    story.change_store("UPDATE handovers SET assigned_at = ?, due_at = ?", LONG_AGO, LONG_AGO)
    told.run("run", "--once", "--json")
    told.run("explain", "lead", row_id(4), "--all")
    told.run("explain", "lead", row_id(4), "--json")
    story.change_lead(5, leadsourcecode=TRADE_SHOW)
    told.run("run", "--once", "--json")
    told.run("explain", "lead", row_id(5), "--all")
    return told


def tell_limits(story: Story) -> Transcript:
    """Too many changes at once are refused until somebody insists."""
    told = story.transcript()
    for number in (21, 22, 23):
        story.add_lead(number, TRADE_SHOW)
    with surroundings({"LEADROBIN_SAFETY__MAX_CHANGES": "2"}):
        told.run("run", "--once")
        told.run("run", "--once", "--json")
        told.run("plan")
        told.run("apply")
        told.run("run", "--once", "--force")
    return told


def tell_other_rules(story: Story) -> Transcript:
    """The rules change: what waited is looked at again, what was decided is not."""
    told = story.transcript()
    text = story.rules.read_text(encoding="utf-8")
    story.rules.write_text(text.replace("value: Atlantis", "value: London"), encoding="utf-8")
    told.run("plan", "--json")
    told.run("run", "--once", "--json")
    told.run("backlog")
    told.run("explain", "lead", row_id(6))
    story.rules.write_text(text.replace("column: leadsourcecode", "column: leadsource"))
    told.run("run", "--once")
    story.rules.write_text(text, encoding="utf-8")
    told.run("run", "--once", "--json")
    return told


def tell_watermarks(story: Story) -> Transcript:
    """Tables are read again on request."""
    told = story.transcript()
    told.run("watermark", "show")
    told.run("watermark", "show", "--json")
    told.run("watermark", "set", "leed", "resync")
    told.run("watermark", "set", "lead", "nonsense")
    told.run("watermark", "set", "lead", "resync")
    told.run("run", "--once", "--json")
    told.run("watermark", "set", "opportunity", "baseline")
    told.run("run", "--once", "--json")
    told.run("watermark", "show")
    return told


def tell_looking_back(story: Story) -> Transcript:
    """What is left behind, by every verb that looks at it."""
    told = story.transcript()
    told.run("history")
    told.run("history", "--limit", 3)
    told.run("history", "--all")
    told.run("history", "--json")
    lines = told.run("history", "--json-lines")
    told.run("history", row_id(1))
    file = Path("history.jsonl")
    told.run("history", "--export", file)
    told.say("The same as --json-lines: " + str(_parse(file.read_text("utf-8")) == _parse(lines)))
    told.run("store", "check")
    told.run("store", "upgrade")
    told.run("store", "backup", "copy.db")
    told.run("store", "backup", "copy.db")
    told.run("doctor")
    told.run("doctor", "--json")
    told.run("settings", "show")
    told.run("settings", "show", "--json")
    return told


CHAPTERS: dict[str, Callable[[Story], Transcript]] = {
    "1_arrivals": tell_arrivals,
    "2_reviewed_plans": tell_reviewed_plans,
    "3_backfills": tell_backfills,
    "4_other_hands": tell_other_hands,
    "5_waiting": tell_waiting,
    "6_limits": tell_limits,
    "7_other_rules": tell_other_rules,
    "8_watermarks": tell_watermarks,
    "9_looking_back": tell_looking_back,
}


def tell_history(folder: Path) -> dict[str, str]:
    """The texts of a whole history by the names of the files that hold them."""
    with beginning(folder) as story:
        told = {f"{name}.txt": tell(story).text for name, tell in CHAPTERS.items()}
        told["store.jsonl"] = dump_store(story.store, story.names)
        told["rows.jsonl"] = _dump_rows(story)
    return told


def _parse(lines: str) -> list[object]:
    return [json.loads(line) for line in lines.splitlines()]


def _dump_rows(story: Story) -> str:
    """The rows of the environment that the program looks after."""
    found: list[str] = []
    for entity_set, more in LOOKED_AFTER.items():
        rows = story.colleague.read(f"{entity_set}?$select={COLUMNS}{more}")["value"]
        found += [json.dumps({"set": entity_set, **row}) for row in rows]
    return "".join(f"{story.names.settle(line)}\n" for line in found)
