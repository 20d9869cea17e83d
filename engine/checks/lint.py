"""What is allowed in a rule set and yet looks wrong; what is not allowed is found before this.

Rules that nobody in a given directory can be given work by are found in `directory`.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from itertools import combinations

from engine.checks.implication import find_contradiction, implies, is_always, paths_of
from engine.checks.labels import number_labels
from engine.checks.rule_set import list_doubtful_labels
from engine.conditions.language.model import All, Condition
from engine.errors import Problem
from engine.rules.models import AnySeller, Queues, Rule, Segment, Selection, Sellers, Teams
from engine.rules.placed_conditions import list_conditions
from engine.rules.rule_set import RuleSet
from engine.schema import Schema

TABLES = {"sellers": "systemuser", "teams": "team", "queues": "queue"}
"""The table of the rows that a `matching` condition is for."""


def lint_rule_set(rule_set: RuleSet, schema: Schema) -> list[Problem]:
    """Contradictory conditions, shadowed segments, idle rules and parts, labels that are not
    standard; with paths.
    """
    return _Lint(rule_set, schema).find_all()


def selection_of(rule: Rule) -> tuple[str, Selection] | None:
    """The listed or matching sellers, teams or queues of a rule, and which of them they are."""
    match rule.assign_to:
        case Sellers(sellers=selection):
            return "sellers", selection
        case Teams(teams=selection):
            return "teams", selection
        case Queues(queues=selection):
            return "queues", selection
        case _:
            return None


class _Lint:
    """One look through a rule set; conditions are compared with labels as numbers."""

    def __init__(self, rule_set: RuleSet, schema: Schema) -> None:
        self._rule_set = rule_set
        self._schema = schema
        self._segments: Mapping[tuple[str, str], Segment] = {
            (segment.table, segment.name): segment for segment in rule_set.segments
        }

    def find_all(self) -> list[Problem]:
        return [
            *self._find_contradictions(),
            *self._find_clashes_with_segments(),
            *self._find_shadowed_segments(),
            *self._find_unreachable_rules(),
            *self._find_idle_rules(),
            *self._find_idle_sequences(),
            *list_doubtful_labels(self._rule_set, self._schema),
        ]

    def _find_contradictions(self) -> Iterator[Problem]:
        for placed in list_conditions(self._rule_set):
            condition = number_labels(placed.condition, placed.table, self._schema)
            why = find_contradiction(condition)
            if why is not None:
                yield Problem(placed.path, f"this condition never holds: {why}")

    def _when(self, part: Segment | Rule) -> Condition:
        when = All(()) if part.when is None else part.when
        return number_labels(when, part.table, self._schema)

    def _find_clashes_with_segments(self) -> Iterator[Problem]:
        for index, rule in enumerate(self._rule_set.rules):
            segment = self._segments[rule.table, rule.segment]
            own, outer = self._when(rule), self._when(segment)
            if find_contradiction(own) is not None or find_contradiction(outer) is not None:
                continue
            why = find_contradiction(All((outer, own)))
            if why is not None:
                message = f'no row of the segment "{segment.name}" satisfies this: {why}'
                yield Problem(("rules", index, "when"), message)

    def _find_shadowed_segments(self) -> Iterator[Problem]:
        places = {id(segment): index for index, segment in enumerate(self._rule_set.segments)}
        for table in self._rule_set.tables:
            tried: list[tuple[Segment, Condition, frozenset[tuple[str, ...]]]] = []
            for segment in self._rule_set.segments_of(table):
                when = self._when(segment)
                paths = paths_of(when)
                for earlier, condition, compared in tried:
                    may_imply = compared <= paths or is_always(condition)
                    if may_imply and implies(when, condition):
                        message = f'"{earlier.name}" is tried before and takes every new row of it'
                        yield Problem(("segments", places[id(segment)]), message)
                        break
                tried.append((segment, when, paths))

    def _find_unreachable_rules(self) -> Iterator[Problem]:
        places = {id(rule): index for index, rule in enumerate(self._rule_set.rules)}
        for rules in self._rules_by_segment().values():
            reported: set[int] = set()
            for earlier, later in combinations(rules, 2):
                why = self._explain_unreachable(earlier, later)
                place = places[id(later)]
                if why is not None and place not in reported:
                    reported.add(place)
                    yield Problem(("rules", place), why)

    def _rules_by_segment(self) -> Mapping[tuple[str, str], list[Rule]]:
        """The active rules of active segments in the order they run."""
        found: dict[tuple[str, str], list[Rule]] = defaultdict(list)
        active = [rule for rule in self._rule_set.rules if rule.active]
        for rule in sorted(active, key=lambda rule: (rule.order is None, rule.order or 0)):
            if self._segments[rule.table, rule.segment].active:
                found[rule.table, rule.segment].append(rule)
        return found

    def _explain_unreachable(self, earlier: Rule, later: Rule) -> str | None:
        if not implies(self._when(later), self._when(earlier)):
            return None
        if self._rule_set.on_rule_failure == "stop":
            return f'"{earlier.name}" comes before and settles every row that this rule is for'
        if _leaves_nothing(earlier, later):
            return f'"{earlier.name}" comes before and finds whomever this rule would find'
        return None

    def _find_idle_rules(self) -> Iterator[Problem]:
        for index, rule in enumerate(self._rule_set.rules):
            if rule.active and not self._segments[rule.table, rule.segment].active:
                message = f'the segment "{rule.segment}" is not active, so this rule never runs'
                yield Problem(("rules", index, "segment"), message)

    def _find_idle_sequences(self) -> Iterator[Problem]:
        active = [segment for segment in self._rule_set.segments if segment.active]
        used = {(segment.table, segment.sequence) for segment in active}
        for index, sequence in enumerate(self._rule_set.sequences):
            if sequence.active and (sequence.table, sequence.name) not in used:
                yield Problem(("sequences", index), "no active segment connects this sequence")
        for index, segment in enumerate(self._rule_set.segments):
            found = self._rule_set.find_sequence(segment)
            if segment.active and found is not None and not found.active:
                message = f'the sequence "{found.name}" is not active, so rows get none'
                yield Problem(("segments", index, "sequence"), message)


def _leaves_nothing(earlier: Rule, later: Rule) -> bool:
    """Whether the later rule cannot succeed where the earlier one failed."""
    if not _is_as_wide(earlier.created_within_hours, later.created_within_hours):
        return False
    if not _is_as_wide(earlier.available_within_hours, later.available_within_hours):
        return False
    if earlier.respect_capacity and not later.respect_capacity:
        return False
    if isinstance(earlier.assign_to, AnySeller):
        return isinstance(later.assign_to, AnySeller | Sellers)
    return earlier.assign_to == later.assign_to and earlier.when_several == later.when_several


def _is_as_wide(earlier: int | None, later: int | None) -> bool:
    return earlier is None or (later is not None and later <= earlier)
