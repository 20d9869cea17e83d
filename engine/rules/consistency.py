"""How the parts of a rule set must fit together; their own shapes are checked in `models`."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Protocol

from engine.errors import Path, Problem
from engine.rules import models
from engine.rules.models import Rule, Segment

INSIGHT_TABLE = "msdyn_salessuggestion"


class RuleSetParts(Protocol):
    """What of a rule set has to fit together; the rule set itself asks for the check."""

    @property
    def sequences(self) -> tuple[models.Sequence, ...]:
        """The sequences, in file order."""
        ...

    @property
    def segments(self) -> tuple[Segment, ...]:
        """The segments, in file order."""
        ...

    @property
    def rules(self) -> tuple[Rule, ...]:
        """The rules, in file order."""
        ...


def find_inconsistencies(rule_set: RuleSetParts) -> tuple[Problem, ...]:
    """Every contradiction between sequences, segments and rules, with the path it stands at."""
    return (
        *_repeated_names(rule_set),
        *_repeated_priorities(rule_set),
        *_repeated_ids(rule_set),
        *_ambiguous_units(rule_set),
        *(
            found
            for index, segment in enumerate(rule_set.segments)
            for found in _in_segment(rule_set, index, segment)
        ),
        *_several_defaults(rule_set),
        *(
            found
            for index, rule in enumerate(rule_set.rules)
            for found in _in_rule(rule_set, index, rule)
        ),
    )


def _repeated(keys: Sequence[tuple[str, ...]]) -> Iterator[int]:
    """The positions whose key stood before."""
    seen: set[tuple[str, ...]] = set()
    for index, key in enumerate(keys):
        if key in seen:
            yield index
        seen.add(key)


def _repeated_names(rule_set: RuleSetParts) -> Iterator[Problem]:
    for index in _repeated([(found.table, found.name) for found in rule_set.sequences]):
        yield _problem(
            ("sequences", index, "name"),
            f'the sequence "{rule_set.sequences[index].name}" stands here twice for one table',
        )
    for index in _repeated([(found.table, found.name) for found in rule_set.segments]):
        yield _problem(
            ("segments", index, "name"),
            f'the segment "{rule_set.segments[index].name}" stands here twice for one table',
        )
    for index in _repeated([(found.table, found.segment, found.name) for found in rule_set.rules]):
        yield _problem(
            ("rules", index, "name"),
            f'the rule "{rule_set.rules[index].name}" stands here twice in one segment',
        )


def _problem(path: Path, message: str) -> Problem:
    return Problem(path, message)


def _repeated_priorities(rule_set: RuleSetParts) -> Iterator[Problem]:
    first: dict[tuple[str, int], str] = {}
    for index, segment in enumerate(rule_set.segments):
        if segment.default or segment.priority is None:
            continue
        holder = first.setdefault((segment.table, segment.priority), segment.name)
        if holder != segment.name:
            message = (
                f'priority {segment.priority} belongs to "{holder}" already; '
                "give each segment of a table its own"
            )
            yield Problem(("segments", index, "priority"), message)


def _repeated_ids(rule_set: RuleSetParts) -> Iterator[Problem]:
    """One row of the tenant cannot be the previous segment of a record twice."""
    named = [index for index, found in enumerate(rule_set.segments) if found.segment_id]
    keys = [
        (rule_set.segments[index].table, str(rule_set.segments[index].segment_id).lower())
        for index in named
    ]
    for index in _repeated(keys):
        message = "another segment of this table has this segment_id already"
        yield Problem(("segments", named[index], "segment_id"), message)


def _ambiguous_units(rule_set: RuleSetParts) -> Iterator[Problem]:
    """What a row costs is remembered by the name of the rule that gave it away."""
    first: dict[str, Rule] = {}
    for index, rule in enumerate(rule_set.rules):
        other = first.setdefault(rule.name, rule)
        if other.capacity_units != rule.capacity_units:
            yield Problem(
                ("rules", index, "name"),
                f'the rule "{rule.name}" of the segment "{other.segment}" has other'
                " capacity_units; rules of one name cost the same: rename one of them",
            )


def _several_defaults(rule_set: RuleSetParts) -> Iterator[Problem]:
    count: Counter[str] = Counter()
    for index, segment in enumerate(rule_set.segments):
        count[segment.table] += segment.default
        if segment.default and count[segment.table] > 1:
            yield Problem(
                ("segments", index, "default"),
                f"table {segment.table} has a default segment already",
            )


def _in_segment(rule_set: RuleSetParts, index: int, segment: Segment) -> Iterator[Problem]:
    at: Path = ("segments", index)
    if segment.default and segment.when is not None:
        yield Problem(
            (*at, "when"), "the default segment takes every row that is left: it has no `when`"
        )
    if not segment.default and segment.when is None:
        yield Problem(at, f'the segment "{segment.name}" needs a `when`, or `default: true`')
    if not segment.default and segment.priority is None:
        yield Problem(at, f'the segment "{segment.name}" needs a `priority`; 1 is tried first')
    yield from _in_sequence_of(rule_set, at, segment)


def _in_sequence_of(rule_set: RuleSetParts, at: Path, segment: Segment) -> Iterator[Problem]:
    tables = [found.table for found in rule_set.sequences if found.name == segment.sequence]
    if segment.sequence is None or segment.table in tables:
        return
    if tables:
        yield Problem(
            (*at, "sequence"),
            f'the sequence "{segment.sequence}" is for {tables[0]}, not for {segment.table}',
        )
    else:
        yield Problem((*at, "sequence"), f'there is no sequence "{segment.sequence}"')


def _in_rule(rule_set: RuleSetParts, index: int, rule: Rule) -> Iterator[Problem]:
    at: Path = ("rules", index)
    yield from _segment_of(rule_set, at, rule)
    yield from _in_assign_to(at, rule)


def _segment_of(rule_set: RuleSetParts, at: Path, rule: Rule) -> Iterator[Problem]:
    tables = [segment.table for segment in rule_set.segments if segment.name == rule.segment]
    if not tables:
        yield Problem((*at, "segment"), f'there is no segment "{rule.segment}"')
    elif rule.table not in tables:
        yield Problem(
            (*at, "segment"),
            f'the segment "{rule.segment}" is for {tables[0]}, not for {rule.table}',
        )


_SELLERS = frozenset({"any_seller", "sellers"})
_GROUPS = frozenset({"teams", "queues"})
_SPREAD = frozenset({"round_robin", "load_balancing"})
_ONLY_FOR: dict[str, frozenset[str]] = {
    "distribute_by": _SELLERS,
    "available_within_hours": _SELLERS | {"spread teams"},
    "respect_capacity": _SELLERS | {"spread teams"},
    "sticky_owner": _SELLERS,
    "take_back": _SELLERS,
    "when_several": _GROUPS,
}


def _in_assign_to(at: Path, rule: Rule) -> Iterator[Problem]:
    kind = next(iter(type(rule.assign_to).model_fields))
    if kind in {"account_column", "access_team"} and rule.table != INSIGHT_TABLE:
        yield Problem(
            (*at, "assign_to", kind), f"{kind} is for {INSIGHT_TABLE} only, not for {rule.table}"
        )
    kinds_of_rule = {kind, f"spread {kind}"} if rule.when_several in _SPREAD else {kind}
    for field, kinds in _ONLY_FOR.items():
        if not kinds & kinds_of_rule and getattr(rule, field) not in {None, False}:
            yield Problem(
                (*at, field), f"{field} has no meaning when assigning to {kind}; take it out"
            )
    if kind == "queues" and rule.when_several in _SPREAD:
        yield Problem(
            (*at, "when_several"),
            "queues have no load of their own: when_several is none or random",
        )
