"""The ids by which the tenant and the ledger know segments and sequences."""

from uuid import NAMESPACE_URL, uuid5

from engine.rules.models import Segment
from engine.rules.rule_set import RuleSet


def identify_segments(rule_set: RuleSet) -> RuleSet:
    """The rule set with an id for every segment.

    A segment without a row in the tenant gets one made from its name, so that "the same segment as
    before" means the same to the engine whether the tenant knows the segment or the ledger alone.
    """
    segments = tuple(
        segment
        if segment.segment_id
        else segment.model_copy(update={"segment_id": _made_id(segment)})
        for segment in rule_set.segments
    )
    return rule_set.model_copy(update={"segments": segments})


def tenant_segment_ids(rule_set: RuleSet, table: str) -> dict[str, str]:
    return {
        segment.name: segment.segment_id.lower()
        for segment in rule_set.segments
        if segment.table == table and segment.segment_id is not None
    }


def tenant_sequence_ids(rule_set: RuleSet, table: str) -> dict[str, str]:
    return {
        sequence.name: sequence.sequence_id.lower()
        for sequence in rule_set.sequences
        if sequence.table == table and sequence.sequence_id is not None
    }


def engine_segment_ids(rule_set: RuleSet, table: str) -> dict[str, str]:
    """The ids the engine knows segments by, made ones included."""
    return {
        segment.name: (segment.segment_id or _made_id(segment)).lower()
        for segment in rule_set.segments
        if segment.table == table
    }


def clearing_segments(rule_set: RuleSet, table: str) -> frozenset[str]:
    """Segments whose rows lose their segment when they match none any more."""
    return frozenset(
        segment.name
        for segment in rule_set.segments
        if segment.table == table and (segment.exit or rule_set.exit) == "clear"
    )


def _made_id(segment: Segment) -> str:
    return str(uuid5(NAMESPACE_URL, f"leadrobin:segment:{segment.table}:{segment.name}"))
