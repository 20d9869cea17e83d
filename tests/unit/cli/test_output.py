"""Tables on terminals of every width and in files: ids stay whole, so that they can be copied."""

import sys
from datetime import UTC, datetime, timedelta

import pytest

from connector.cli.printing.output import count_of, print_table
from connector.cli.printing.plans import summarise
from engine.plans.changes import PlannedRow, Skip
from engine.plans.plan import build_plan
from engine.policies.retries import Tries, choose_next_try
from engine.rules.models import Retry

ID = "b968b49c-bea1-4c1b-b968-b49cbea14c1b"
REASON = "no sellers meet conditions (rule Partners to somebody); given up after 1 try"
BACKLOG = ("Table", "Row", "Reason", "Since", "Next try", "Attempts")
WAITING = ("opportunity", ID, REASON, "2026-11-26 09:00", "2026-11-26 09:30", 12)


def print_at(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], width: int
) -> list[str]:
    """The lines of a table of waiting rows at a terminal so many columns wide."""
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("TERM", "dumb")
    monkeypatch.setenv("LINES", "40")
    print_table(BACKLOG, [WAITING])
    return capsys.readouterr().out.splitlines()


@pytest.mark.parametrize("width", [20, 40, 60, 80, 97, 98, 99, 100, 101, 102, 120, 200])
def test_an_id_is_whole_and_nothing_is_lost_at_any_width(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], width: int
) -> None:
    lines = print_at(monkeypatch, capsys, width)
    assert any(ID in line for line in lines)
    text = "\n".join(lines)
    assert "…" not in text
    for word in ("opportunity", *REASON.split(), "2026-11-26", "09:30", "12", "Attempts"):
        assert word in text
    if lines[0].startswith("┏"):
        assert {len(line) for line in lines} <= set(range(width + 1))


def test_a_wide_terminal_gets_a_table_and_a_narrow_one_a_block_a_row(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert print_at(monkeypatch, capsys, 140)[0].startswith("┏")
    assert print_at(monkeypatch, capsys, 60)[:2] == ["Table     opportunity", f"Row       {ID}"]


def test_a_table_in_a_pipe_is_as_wide_as_its_words_need(
    capsys: pytest.CaptureFixture[str],
) -> None:
    columns = ("Started", *(f"A count of kind{number:02}" for number in range(30)), "Cycle")
    print_table(columns, [("2026-11-26", *range(1000, 1030), ID)], title="Cycles")
    out = capsys.readouterr().out
    assert ID in out
    assert all(f" {number} " in out for number in range(1000, 1030))
    assert "…" not in out


def test_one_is_not_many() -> None:
    assert [count_of(number, "row") for number in (0, 1, 2)] == ["0 rows", "1 row", "2 rows"]


def test_a_plan_of_one_row_is_told_in_the_singular() -> None:
    row = PlannedRow(table="lead", id=ID, etag='W/"1"', changes=(), segment=None, rule=None)
    skip = Skip(table="lead", id=ID, reason="as it should be")
    told = [summarise(build_plan("c", [row, skip] * n)) for n in (1, 2)]
    assert "1 row to write" in told[0]
    assert "1 row needs nothing" in told[0]
    assert "2 rows to write" in told[1]
    assert "2 rows need nothing" in told[1]


def test_a_policy_of_one_is_told_in_the_singular() -> None:
    since = datetime(2026, 11, 26, 9, tzinfo=UTC)
    tries = Tries(count=2, since=since, now=since + timedelta(hours=2))
    notes = [choose_next_try(Retry(for_hours=hours), tries, usual=None).note for hours in (1, 2)]
    assert notes == ["given up after 1 hour", "given up after 2 hours"]
