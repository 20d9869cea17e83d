"""The same small cycle under other settings, with the requests that each of them leads to."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from tests.support.recorded import Transcript, surroundings
from tests.support.recorded_history import MIRIAM, TRADE_SHOW, Story, beginning, row_id

WAYS: dict[str, dict[str, str]] = {
    "as usual": {},
    "in batches": {"WRITE__WAY": "batch", "WRITE__BATCH_SIZE": "2"},
    "by UpdateMultiple": {"WRITE__WAY": "multiple"},
    "owner apart": {"WRITE__SPLIT_OWNER_WRITE": "true"},
    "sequence by action": {"WRITE__SEQUENCE_MODE": "action"},
    "no sequence, no segment": {"WRITE__SEQUENCE_MODE": "off", "WRITE__SEGMENT_COLUMN": ""},
    "past custom logic": {
        "WRITE__BYPASS_LOGIC": "both",
        "WRITE__SUPPRESS_FLOWS": "true",
        "WRITE__BYPASS_STEPS": "00000000-0000-0000-0000-0000000000aa",
        "WRITE__BYPASS_RULES": "In turn",
    },
    "by modifiedon": {"POLL__FOLLOW_BY": "watermark"},
    "small pages, no traces": {"POLL__PAGE_SIZE": "5", "STORE__KEEP_TRACES": "false"},
    "people's choices too": {"WRITE__REROUTE_MANUAL": "true"},
    "in the name of a colleague": {"DATAVERSE__IMPERSONATE_USER_ID": MIRIAM},
}
LINK = re.compile(r"\$deltatoken=\d+!\S+ \S+")
COOKIE = re.compile(r'pagingcookie="[^"]*"')
"""Paging cookies name row versions, and which of two parallel writes came first is a matter of luck."""
TOLD_HEADERS = ("if-match", "prefer", "content-type", "callerobjectid", "mscrmcallerid")


def tell_ways(folder: Path) -> str:
    """What cycles do under each of the settings, one after the other in one organization."""
    with beginning(folder) as story:
        told, reads = story.transcript(), set[str]()
        with surroundings({"LEADROBIN_POLL__TABLES": "lead"}):
            told.run("run", "--once")
        for number, (name, values) in enumerate(WAYS.items(), start=1):
            told.say(f"=== {name}")
            _tell_way(story, told, number * 10, values, reads)
    return told.text


def _tell_way(
    story: Story, told: Transcript, number: int, values: Mapping[str, str], reads: set[str]
) -> None:
    """Three new leads, and the choice of a person for one of them."""
    own = {"POLL__TABLES": "lead", **values}
    with surroundings({f"LEADROBIN_{name}": value for name, value in own.items()}):
        for each in (number, number + 1, number + 2):
            story.add_lead(each, TRADE_SHOW)
        _forget(story)
        told.run("run", "--once")
        told.say(_tell_requests(story, reads))
        owner = {"ownerid@odata.bind": f"systemusers({MIRIAM})"}
        story.change_lead(number, MIRIAM, leadsourcecode=1, **owner)
        told.run("run", "--once")
        told.run("explain", "lead", row_id(number))


def _forget(story: Story) -> None:
    story.colleague.ask("DELETE", f"{story.colleague.url}/_emulator/requests")


def _tell_requests(story: Story, reads: set[str]) -> str:
    """What was written, and what was read that was not read so before, in the order of texts."""
    found = story.colleague.read(f"{story.colleague.url}/_emulator/requests")
    texts = [
        COOKIE.sub('pagingcookie="…"', LINK.sub("$deltatoken=…", _tell_request(each)))
        for each in found
    ]
    written = sorted(text for text in texts if not text.startswith("GET "))
    read = {text for text in texts if text.startswith("GET ")}
    told = [*sorted(read - reads), *written]
    reads |= read
    return "\n".join(told)


def _tell_request(request: Mapping[str, Any]) -> str:
    query = unquote(request["query"])
    line = f"{request['method']} {request['path']}{'?' if query else ''}{query} {request['status']}"
    if request["method"] == "GET":
        return line
    headers = request["headers"]
    told = [each for each in headers if each in TOLD_HEADERS or each.startswith("mscrm.")]
    return "\n".join([line, *(f"  {name}: {headers[name]}" for name in sorted(told))])
