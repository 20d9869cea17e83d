"""Tables on terminals of every width and in files: ids stay whole, so that they can be copied."""

import sys

import pytest

from connector.cli.output import print_table

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
