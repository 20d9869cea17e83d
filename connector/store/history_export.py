"""Writes the history of decisions into files for other programs: JSON lines or Parquet."""

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path

import duckdb

from connector.state.decision_document import build_decision_data
from connector.state.records import DecisionRecord
from connector.state.session import StateStore
from engine.errors import ConfigProblem

PAGE = 5000
JSON_LINES, PARQUET = {".jsonl", ".ndjson", ".json"}, {".parquet"}
COLUMNS = {
    "table": "VARCHAR",
    "id": "VARCHAR",
    "cycle": "VARCHAR",
    "decided_at": "TIMESTAMPTZ",
    "outcome": "VARCHAR",
    "segment": "VARCHAR",
    "rule": "VARCHAR",
    "assigned_to": "JSON",
    "secondary": "JSON",
    "sequence": "VARCHAR",
    "segmentation_status": "INTEGER",
    "routing_status": "INTEGER",
    "sequence_status": "INTEGER",
    "before": "JSON",
    "after": "JSON",
    "plan_checksum": "VARCHAR",
    "rule_set_checksum": "VARCHAR",
    "request_id": "VARCHAR",
    "message": "VARCHAR",
    "trace": "JSON",
}


def export_history(store: StateStore, file: Path) -> int:
    """Write every decision, oldest first; how many. Raises ConfigProblem for other file names."""
    if file.suffix in JSON_LINES:
        return _write_lines(store, file)
    if file.suffix not in PARQUET:
        raise ConfigProblem(f"{file} is neither a .jsonl nor a .parquet file; name one of these")
    with tempfile.TemporaryDirectory() as folder:
        lines = Path(folder) / "history.jsonl"
        count = _write_lines(store, lines)
        _convert(lines, file)
    return count


def _write_lines(store: StateStore, file: Path) -> int:
    count = 0
    with file.open("w", encoding="utf-8") as stream:
        for decision in _read_all(store):
            stream.write(json.dumps(build_decision_data(decision), ensure_ascii=False) + "\n")
            count += 1
    return count


def _read_all(store: StateStore) -> Iterator[DecisionRecord]:
    """Every decision; in pages, so that no transaction lasts and none holds them all."""
    last = 0
    while True:
        with store.begin() as session:
            page = session.page_decisions(after=last, limit=PAGE)
        for last, decision in page:  # noqa: B007  the last one is where the next page begins
            yield decision
        if len(page) < PAGE:
            return


def _convert(lines: Path, file: Path) -> None:
    with duckdb.connect() as connection:
        # COPY takes no parameters for its target.
        target = str(file).replace("'", "''")
        connection.read_json(str(lines), format="newline_delimited", columns=COLUMNS).create_view(
            "history"
        )
        connection.execute(f"COPY history TO '{target}' (FORMAT parquet)")
