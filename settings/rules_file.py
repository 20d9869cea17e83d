"""Reads a rules file and says what is wrong with it and where; what it does is elsewhere."""

from dataclasses import dataclass
from pathlib import Path

from engine.check import check_rule_set
from engine.errors import InvalidDocument, Problem
from engine.ruleset import RuleSet, build_rule_set
from engine.schema import Schema
from engine.standard_tables import STANDARD_TABLES
from settings.documents import Document, read_document


@dataclass(frozen=True, slots=True, kw_only=True)
class RulesFile:
    """A rule set with the document it was read from, for messages about its parts."""

    document: Document
    rule_set: RuleSet


def load_rule_set(path: Path | str, schema: Schema = STANDARD_TABLES) -> RuleSet:
    """Read a rules file, YAML or JSON.

    Raises ConfigProblem: one `file:line:column: message` for each problem, in file order.
    """
    return load_rules_file(path, schema).rule_set


def load_rules_file(path: Path | str, schema: Schema = STANDARD_TABLES) -> RulesFile:
    """As `load_rule_set`, keeping the places of the file."""
    document = read_document(Path(path))
    if document.data is None:
        raise document.explain([Problem((), "the file is empty; start it with `version: 1`")])
    try:
        rule_set = build_rule_set(document.data)
    except InvalidDocument as error:
        raise document.explain(error.problems) from error
    problems = check_rule_set(rule_set, schema)
    if problems:
        raise document.explain(problems)
    return RulesFile(document=document, rule_set=rule_set)
