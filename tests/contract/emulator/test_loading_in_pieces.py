"""Files are read row by row and inserted in pieces; what a file means doesn't depend on the pieces."""

import json
from pathlib import Path
from uuid import UUID

import pytest

from connector.emulator.seed import loading
from connector.emulator.seed.organization import SeedSize
from connector.emulator.server import EmulatorOptions, EmulatorServer
from tests.support.in_process import NOW


def load(directory: Path, document: object) -> tuple[list[tuple[str, str]], list[str]]:
    (directory / "accounts.json").write_text(json.dumps(document))
    notes: list[str] = []
    options = EmulatorOptions(
        use_tls=False,
        size=SeedSize(sellers=1, leads=0, opportunities=0, insights=0),
        data=directory,
        source=lambda: NOW,
        note=notes.append,
    )
    server = EmulatorServer(options)
    rows = server.organization.storage.query("SELECT accountid, name FROM account ORDER BY 1")
    found = [(str(row[0]), str(row[1])) for row in rows]
    server.close()
    return found, notes


def account(number: int, name: str) -> dict[str, str]:
    return {"accountid": str(UUID(int=number)), "name": name}


@pytest.mark.parametrize("size", [1, 2, 3, 100])
def test_a_repeated_id_keeps_the_later_row_wherever_the_pieces_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    monkeypatch.setattr(loading, "ROWS_AT_ONCE", size)
    rows = [account(1, "a"), account(2, "b"), account(3, "c"), account(1, "again")]
    found, notes = load(tmp_path, [*rows, account(4, "d"), account(1, "last")])
    assert found == [
        (str(UUID(int=1)), "last"),
        (str(UUID(int=2)), "b"),
        (str(UUID(int=3)), "c"),
        (str(UUID(int=4)), "d"),
    ]
    assert len([note for note in notes if "repeats an id" in note]) == 2


def test_the_answer_to_a_get_can_be_loaded_as_it_is(tmp_path: Path) -> None:
    found, _ = load(tmp_path, {"@odata.context": "…", "value": [account(1, "a")]})
    assert found == [(str(UUID(int=1)), "a")]


def test_an_empty_file_leaves_the_set_empty(tmp_path: Path) -> None:
    assert load(tmp_path, []) == ([], [])
