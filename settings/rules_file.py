"""Reads a rules file and says what is wrong with it and where; what it does is elsewhere."""

from dataclasses import dataclass
from pathlib import Path

from engine.checks.rule_set import check_rule_set
from engine.checks.unfinished import check_unfinished
from engine.errors import InvalidDocument, Problem
from engine.rules.rule_set import RuleSet, build_rule_set
from engine.schema import Schema
from engine.standard_tables import STANDARD_TABLES
from settings.documents import Document, read_document


@dataclass(frozen=True, slots=True, kw_only=True)
class RulesFile:
    """A rule set with the document it was read from, for messages about its parts."""

    document: Document
    rule_set: RuleSet


def load_rules_file(path: Path | str, schema: Schema = STANDARD_TABLES) -> RulesFile:
    """Read a rules file, YAML or JSON.

    Raises ConfigProblem: one `file:line:column: message` for each problem, in file order.
    """
    document = read_document(Path(path))
    data = document.data
    _raise_if_no_mapping(document, data)
    try:
        rule_set = build_rule_set(data)
    except InvalidDocument as error:
        problems = [*error.problems, *check_unfinished(data, schema)]
        raise document.explain(problems) from error
    found = check_rule_set(rule_set, schema)
    if found:
        raise document.explain(found)
    return RulesFile(document=document, rule_set=rule_set)


def _raise_if_no_mapping(document: Document, data: object) -> None:
    if isinstance(data, dict):
        return
    what = "the file is empty" if data is None else "a rules file is a mapping"
    raise document.explain([Problem((), f"{what}; start it with `version: 1`")])
