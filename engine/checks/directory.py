"""Rules that nobody in a directory can be given work by; the rules alone are `lint`'s part."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from engine.assignment.candidates import (
    Candidate,
    CandidateFinder,
    list_queues,
    list_sellers,
    list_teams,
    pick_named,
)
from engine.assignment.compiled_rules import TargetCondition
from engine.assignment.evaluator import Evaluator, depends_on_now
from engine.checks.lint import TABLES, selection_of
from engine.conditions.language.columns import record_columns_of
from engine.conditions.language.model import Condition
from engine.errors import Path, Problem
from engine.records import Record
from engine.rules.models import AnySeller, Queues, Rule, Sellers, Teams
from engine.rules.rule_set import RuleSet
from engine.schema import Schema
from engine.sellers import Directory

ONE_OF = {"sellers": "seller", "teams": "team", "queues": "queue"}


def lint_directory(
    rule_set: RuleSet, directory: Directory, schema: Schema, now: datetime
) -> list[Problem]:
    """Rules without anybody to choose from, and rules that several teams or queues fit.

    Conditions that look at the record or at the time are not judged. Names that the directory lacks
    are errors, which assembling the rules reports.
    """
    checker = _DirectoryLint(directory, Evaluator(rule_set, schema, {}), now)
    return [
        problem
        for index, rule in enumerate(rule_set.rules)
        if rule.active
        for problem in checker.check(rule, ("rules", index, "assign_to"))
    ]


class _DirectoryLint:
    """Looks for the candidates of each rule."""

    def __init__(self, directory: Directory, evaluator: Evaluator, now: datetime) -> None:
        self._directory = directory
        self._evaluator = evaluator
        self._now = now

    def check(self, rule: Rule, path: Path) -> Iterator[Problem]:
        kind, candidates = self._list(rule)
        found = self._find(rule, kind, candidates)
        if found is None:
            return
        one = ONE_OF[kind]
        if not found:
            yield Problem(path, f"no {one} in the directory can be given work by this rule")
        is_drawn = isinstance(rule.assign_to, Teams | Queues)
        if len(found) > 1 and is_drawn and rule.when_several in {None, "none"}:
            names = ", ".join(sorted(candidate.reference.name or "?" for candidate in found))
            message = (
                f"several {kind} fit ({names}) and nobody gets the row; narrow the choice or"
                " write `when_several: random`"
            )
            yield Problem(path, message)

    def _list(self, rule: Rule) -> tuple[str, Sequence[Candidate]]:
        """The kind of owner and everybody of it; nobody for insights, whose teams are per row."""
        match rule.assign_to:
            case AnySeller() | Sellers():
                return "sellers", list_sellers(self._directory, rule.table)
            case Teams():
                return "teams", list_teams(self._directory)
            case Queues():
                return "queues", list_queues(self._directory.queues)
            case _:
                return "sellers", ()

    def _find(
        self, rule: Rule, kind: str, candidates: Sequence[Candidate]
    ) -> Sequence[Candidate] | None:
        """Those who can be given work; None when that depends on the record or the time."""
        found = selection_of(rule)
        if found is None and not isinstance(rule.assign_to, AnySeller):
            return None
        condition = None
        if found is not None:
            selection = found[1]
            condition = selection.matching
            if selection.named is not None:
                candidates, _ = pick_named(candidates, selection.named, ONE_OF[kind])
        if condition is not None and (record_columns_of(condition) or depends_on_now(condition)):
            return None
        finder = CandidateFinder(candidates, self._compile(condition, kind))
        nobody = Record(table=rule.table, id="", row={})
        positions = finder.find(nobody, self._now, frozenset()).positions
        return [candidate for candidate in candidates if candidate.position in positions]

    def _compile(self, condition: Condition | None, kind: str) -> TargetCondition | None:
        if condition is None:
            return None
        return TargetCondition(condition, TABLES[kind], self._evaluator)
