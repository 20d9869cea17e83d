"""Ids that are cut, misspelt or of another table: said as such, with nothing looked for."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from connector.state.records import LedgerRow, ReadMode, Watermark
from connector.store.opening import open_store
from engine.records import EntityReference
from tests.support.cli import run_cli

Capture = pytest.CaptureFixture[str]

ID = "b968b49c-bea1-4c1b-8968-b49cbea14c1b"
READ_AT = datetime(2026, 11, 26, 9, 30, 15, 123456, tzinfo=UTC)
OTHER = "b968b49c-bea1-4c1b-8968-b49cbea14c1c"


@pytest.fixture(autouse=True)
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A store in which leads were read, one of them at the baseline."""
    url = f"sqlite:///{tmp_path / 'store.db'}"
    monkeypatch.setenv("LEADROBIN_STORE__URL", url)
    opened = open_store(url)
    with opened.begin() as session:
        session.save_watermark(
            Watermark(table="lead", mode=ReadMode.CHANGES, baseline_done_at=READ_AT)
        )
        session.save_rows(
            [
                LedgerRow(
                    table="lead",
                    id=ID,
                    etag='W/"1"',
                    owner=EntityReference(table="systemuser", id=OTHER, name="Miriam"),
                    is_open=True,
                    watched_set="w",
                    fingerprint="f",
                    created_on=datetime(2026, 11, 26, tzinfo=UTC),
                )
            ]
        )
    opened.close()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("explain", "lead", "b968b49c"), '"b968b49c" is not the id of a row'),
        (("explain", "lead", "not-a-guid"), '"not-a-guid" is not the id of a row'),
        (("explain", "lead", ID.replace("-", "")), "ids have 36 characters"),
        (
            ("explain", "leads", ID),
            "leads is not a table that was watched: the store has rows of lead",
        ),
        (("history", "dfeaa54e"), '"dfeaa54e" is not the id of a cycle'),
        (("history", "dfeaa54e", "--json"), "`leadrobin history` prints them"),
        (("undo", "dfeaa54e-bea1-4c1b-b968…"), "is not the id of a cycle"),
    ],
)
def test_what_is_no_id_or_no_table_is_one_sentence_and_exit_2(
    capsys: Capture, arguments: tuple[str, ...], words: str
) -> None:
    run = run_cli(capsys, *arguments)
    assert (run.code, run.out) == (2, "")
    assert words in run.err
    assert len(run.err.splitlines()) == 1


@pytest.mark.parametrize("pasted", [ID, ID.upper(), f"{{{ID}}}", f" {ID} "])
def test_an_id_is_known_however_it_was_pasted(capsys: Capture, pasted: str) -> None:
    run = run_cli(capsys, "explain", "lead", pasted)
    assert run.code == 1
    assert f"lead {ID} was never decided" in run.err


def test_a_whole_id_that_nothing_is_known_of_was_never_read(capsys: Capture) -> None:
    run = run_cli(capsys, "explain", "lead", OTHER)
    assert run.code == 1
    assert "was never read" in run.err
    run = run_cli(capsys, "history", OTHER)
    assert (run.code, run.err) == (1, "no such cycle, or it decided nothing\n")


def test_watermarks_show_times_to_the_minute_as_other_tables_do(capsys: Capture) -> None:
    out = run_cli(capsys, "watermark", "show").out
    assert "│ 2026-11-26 09:30 │" in out
