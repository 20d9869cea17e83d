"""Expectations of a rules file: rows with the segment, rule and owner they should get.

Deciding a row is the engine's part; printing the outcome is the command's.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated, cast
from uuid import UUID

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, ValidationError

from connector.simulation.directory_file import DirectoryFile, read_directory
from connector.simulation.replay import build_decider
from engine.assignment.decider import Decider
from engine.decisions.decision import AssignmentDecision
from engine.errors import Problem
from engine.instants import print_instant
from engine.normalise import normalise
from engine.records import EntityReference, Record, RejectedRow
from engine.rules.rule_set import list_problems
from engine.schema import Schema
from engine.sellers import Directory
from engine.standard_tables import STANDARD_TABLES
from engine.statuses import label_of
from settings.documents import Document, read_document
from settings.rules_file import RulesFile

ABOUT_OWNERS = frozenset({"rule", "owner", "secondary", "routing_status"})


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Expectation(_Model):
    """One row and what is expected of it; what is not mentioned is not compared.

    `owner` and `secondary` are names or ids; a null expects nothing. `now` overrides the file's.
    """

    name: str | None = None
    table: str | None = None
    row: dict[str, object]
    now: AwareDatetime | None = None
    segment: str | None = None
    rule: str | None = None
    owner: str | None = None
    secondary: tuple[str, ...] | None = None
    sequence: str | None = None
    segmentation_status: int | None = None
    routing_status: int | None = None
    sequence_status: int | None = None


def _raise_if_empty(expect: tuple[Expectation, ...]) -> tuple[Expectation, ...]:
    """Unlike a least length, not asked before every item is in order."""
    if not expect:
        raise ValueError("`expect` is empty: name at least one row")
    return expect


class Expectations(_Model):
    """A file of expectations.

    Each row meets the directory as it stands in its file, unless `in_order` lets clocks and
    capacity move on from row to row. `directory` is a path beside the file.
    """

    now: AwareDatetime
    directory: str | None = None
    in_order: bool = False
    expect: Annotated[tuple[Expectation, ...], AfterValidator(_raise_if_empty)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Mismatch:
    """One field that came out differently; as people read it."""

    field: str
    expected: str
    actual: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How one expectation ended; `place` is `file:line`."""

    name: str
    place: str
    mismatches: tuple[Mismatch, ...]


def check_expectations(
    rules: RulesFile, file: Path, directory: Path | None, schema: Schema = STANDARD_TABLES
) -> list[Outcome]:
    """Decide every row of the file and compare; raises ConfigProblem when something is unusable."""
    document = read_document(file)
    expectations = _read(document)
    people = _find_directory(rules, file, expectations, directory)
    if people is None:
        _raise_if_about_owners(document, expectations)
        rules = _without_rules(rules)
    return list(_Check(rules, people, document, schema).run(expectations))


def _read(document: Document) -> Expectations:
    try:
        return Expectations.model_validate(document.data)
    except ValidationError as error:
        raise document.explain(list_problems(error)) from error


def _find_directory(
    rules: RulesFile, file: Path, expectations: Expectations, given: Path | None
) -> DirectoryFile | None:
    path = given
    if path is None and expectations.directory is not None:
        path = file.parent / expectations.directory
    return None if path is None else read_directory(path, time_zone=rules.rule_set.time_zone)


def _raise_if_about_owners(document: Document, expectations: Expectations) -> None:
    problems = [
        Problem(("expect", index, field), f'"{field}" needs sellers; give --directory')
        for index, expectation in enumerate(expectations.expect)
        for field in sorted(ABOUT_OWNERS & expectation.model_fields_set)
    ]
    if problems:
        raise document.explain(problems)


def _without_rules(rules: RulesFile) -> RulesFile:
    """Segments and sequences alone, for expectations without sellers."""
    bare = rules.rule_set.model_copy(update={"rules": (), "fallback": None, "weights": {}})
    segments = tuple(segment.model_copy(update={"fallback": None}) for segment in bare.segments)
    return RulesFile(
        document=rules.document, rule_set=bare.model_copy(update={"segments": segments})
    )


class _Check:
    """Runs the expectations of one file."""

    def __init__(
        self, rules: RulesFile, people: DirectoryFile | None, document: Document, schema: Schema
    ) -> None:
        self._rules = rules
        self._people = people or DirectoryFile(
            file=document.file, data={}, directory=Directory(), hierarchies={}
        )
        self._document = document
        self._schema = schema

    def run(self, expectations: Expectations) -> Iterator[Outcome]:
        decider = self._build_decider()
        for index, expectation in enumerate(expectations.expect):
            record = self._build_record(index, expectation, expectations.now)
            now = expectation.now or expectations.now
            yield self._compare(index, expectation, decider.decide(record, now))
            if not expectations.in_order:
                decider = self._build_decider()

    def _build_decider(self) -> Decider:
        return build_decider(self._rules, self._people, self._schema)

    def _build_record(self, index: int, expectation: Expectation, now: datetime) -> Record:
        """The row as a record; an id and a creation time are made up where they play no part."""
        table = expectation.table or _table_of(expectation.row)
        known = self._schema.get(table or "")
        key = known.primary_id if known is not None else f"{table}id"
        defaults = {key: str(UUID(int=index + 1)), "createdon": print_instant(now)}
        record = normalise({**defaults, **expectation.row}, table=table, primary_id=key)
        if isinstance(record, RejectedRow):
            path = ("expect", index, "row")
            raise self._document.explain([Problem(path, why) for why in record.reasons])
        return record

    def _compare(
        self, index: int, expectation: Expectation, decision: AssignmentDecision
    ) -> Outcome:
        line, _ = self._document.place_of(("expect", index))
        differing = [
            Mismatch(field=field, expected=_show(wanted), actual=_explain(field, actual, decision))
            for field, wanted, actual in _list_compared(expectation, decision)
            if not _is_as_expected(field, wanted, actual)
        ]
        return Outcome(
            name=expectation.name or f"expectation {index + 1}",
            place=f"{self._document.file}:{line}",
            mismatches=tuple(differing),
        )


def _table_of(row: Mapping[str, object]) -> str | None:
    named = row.get("@odata.type")
    return str(named).rpartition(".")[2] if named is not None else None


def _list_compared(
    expectation: Expectation, decision: AssignmentDecision
) -> Iterator[tuple[str, object, object]]:
    """The fields that the expectation mentions, with both sides."""
    actual: dict[str, object] = {
        "segment": decision.segment,
        "rule": decision.rule,
        "owner": decision.assigned_to,
        "secondary": decision.secondary,
        "sequence": decision.sequence,
        "segmentation_status": decision.segmentation_status,
        "routing_status": decision.routing_status,
        "sequence_status": decision.sequence_status,
    }
    for field, value in actual.items():
        if field in expectation.model_fields_set:
            yield field, getattr(expectation, field), value


def _is_as_expected(field: str, wanted: object, actual: object) -> bool:
    if field == "owner":
        return _is_named(wanted, actual)
    if field == "secondary":
        people, names = _listed(actual), _listed(wanted)
        return len(people) == len(names) and all(map(_is_named, names, people))
    return wanted == actual


def _listed(value: object) -> tuple[object, ...]:
    return cast("tuple[object, ...]", value) if isinstance(value, tuple) else ()


def _is_named(wanted: object, actual: object) -> bool:
    if not isinstance(actual, EntityReference):
        return wanted is None
    known = {actual.id.casefold(), (actual.name or "").casefold()}
    return isinstance(wanted, str) and wanted.casefold() in known


def _explain(field: str, actual: object, decision: AssignmentDecision) -> str:
    status = decision.routing_status
    if field == "owner" and actual is None and status is not None:
        return f"nobody ({int(status)}: {label_of(status)})"
    return _show(actual)


def _show(value: object) -> str:
    if value is None or value == ():
        return "nothing"
    if isinstance(value, EntityReference):
        return value.name or value.id
    if isinstance(value, tuple):
        return ", ".join(_show(each) for each in _listed(cast("object", value)))
    return str(int(value)) if isinstance(value, int) else f'"{value}"'
