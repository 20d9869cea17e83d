"""Runs records through the engine in file order; reading and printing them is elsewhere."""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from connector.simulation.directory_file import DirectoryFile, read_directory
from connector.simulation.output import build_line
from connector.simulation.records import BadLine, SourceRow, build_records
from engine.assignment.decider import Decider, open_decider
from engine.records import Record
from engine.schema import Schema
from engine.sellers import Directory
from engine.standard_tables import STANDARD_TABLES
from settings.rules_file import RulesFile, load_rules_file


class Simulation:
    """A rules file over a directory file, ready to decide.

    Raises ConfigProblem when one of them cannot be used, or the rules name somebody the directory
    lacks. `now` None stands for the time each record was created.
    """

    def __init__(
        self,
        rules: Path,
        directory: Path,
        *,
        now: datetime | None,
        schema: Schema = STANDARD_TABLES,
    ) -> None:
        rules_file = load_rules_file(rules, schema)
        self.directory_file = read_directory(directory, time_zone=rules_file.rule_set.time_zone)
        self._decider = build_decider(rules_file, self.directory_file, schema)
        self._now = now
        self.bad_lines = 0

    def decide_rows(
        self, rows: Iterator[SourceRow | BadLine], *, trace: bool = False
    ) -> Iterator[dict[str, object]]:
        """Yield one line of output for each row, in order; bad ones are counted in `bad_lines`."""
        for item in build_records(rows):
            if isinstance(item, BadLine):
                yield self._report(item)
                continue
            number, record = item
            now = self._now or record.created_on
            if now is None:
                yield self._report(BadLine(number, "createdon is missing; it is the record's now"))
            else:
                yield self._decide(record, now, trace=trace)

    def snapshot(self) -> Directory:
        """The directory after the records decided so far."""
        return self._decider.snapshot()

    def _report(self, bad: BadLine) -> dict[str, object]:
        self.bad_lines += 1
        return {"line": bad.line, "error": bad.error}

    def _decide(self, record: Record, now: datetime, *, trace: bool) -> dict[str, object]:
        return build_line(self._decider.decide(record, now, trace=trace))


def build_decider(rules: RulesFile, directory: DirectoryFile, schema: Schema) -> Decider:
    """The engine for a rules file over a directory; raises ConfigProblem for names it lacks."""
    with rules.document.explaining():
        return open_decider(
            rules.rule_set,
            directory.directory,
            schema=schema,
            hierarchies=directory.hierarchies,
        )
