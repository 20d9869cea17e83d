"""What the program says and logs while single requests go wrong."""

import re
from pathlib import Path

from tests.support.recorded import surroundings
from tests.support.recorded_history import TRADE_SHOW, Story, beginning, row_id

MISHAPS: dict[str, dict[str, object]] = {
    "the link to the changes has expired": {"kind": "expired_delta_token", "path": "WhoAmI"},
    "a write finds the service busy": {
        "kind": "status",
        "status": 503,
        "method": "PATCH",
        "path": "leads",
        "headers": {"Retry-After": "0"},
    },
    "the answer to a write is lost": {"kind": "reset_after", "method": "PATCH", "path": "leads"},
    "the table may not be read": {
        "kind": "status",
        "status": 403,
        "code": "0x80040220",
        "message": "Not for you.",
        "method": "GET",
        "path": "/leads$",
    },
    "a row is gone when it is written": {
        "kind": "status",
        "status": 404,
        "code": "0x80040217",
        "method": "PATCH",
        "path": "leads",
    },
    "a plug-in refuses a write": {
        "kind": "status",
        "status": 400,
        "code": "0x80040265",
        "message": "A plug-in said no.",
        "method": "PATCH",
        "path": "leads",
    },
}
MEASURED = re.compile(r'"(\w*seconds|wait\w*|bytes)": [\d.]+')


def tell_mishaps(folder: Path) -> str:
    """A cycle for each mishap, with its log of level info, and what is left behind."""
    logs = {"LEADROBIN_LOG__LEVEL": "info", "LEADROBIN_LOG__FORMAT": "json"}
    with (
        beginning(folder) as story,
        surroundings({"LEADROBIN_POLL__TABLES": "lead", **logs}),
    ):
        told = story.transcript()
        told.run("run", "--once", "--json")
        for number, (name, fault) in enumerate(MISHAPS.items(), start=1):
            told.say(f"=== {name}")
            story.add_lead(number, TRADE_SHOW)
            story.script_fault(**fault)
            told.run("run", "--once")
            told.run("explain", "lead", row_id(number))
            _forget_faults(story)
        told.run("run", "--once", "--json")
        told.run("backlog")
    return MEASURED.sub(r'"\1": …', told.text)


def _forget_faults(story: Story) -> None:
    story.colleague.ask("DELETE", f"{story.colleague.url}/_emulator/faults")
