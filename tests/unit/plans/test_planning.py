"""The plan as a value: what is planned, its order, its checksum, when it is refused."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.cycle.rows.refusals import raise_if_unsafe
from connector.state.plan_document import build_plan_document, parse_plan_document
from engine.decisions.decision import AssignmentDecision
from engine.errors import ConfigProblem, UnsafePlan
from engine.plans.changes import (
    OwnerChange,
    Placement,
    PlannedRow,
    QueueChange,
    SegmentChange,
    SequenceChange,
    Skip,
    choose_placement,
    plan_row,
)
from engine.plans.plan import Plan, build_plan, count_by
from engine.plans.safety import SafetyLimits
from engine.records import EntityReference, Record
from engine.statuses import RoutingStatus, SegmentationStatus, SequenceStatus

NOW = datetime(2026, 11, 23, tzinfo=UTC)
MIRIAM = EntityReference(table="systemuser", id="m", name="Miriam")
SANJAY = EntityReference(table="systemuser", id="s", name="Sanjay")
OVERFLOW = EntityReference(table="queue", id="q", name="Overflow")
LEAD = Record(table="lead", id="1", row={}, etag='W/"7"', owner=MIRIAM)
DECISION = AssignmentDecision(
    table="lead",
    id="1",
    now=NOW,
    segment="UK",
    rule="r",
    assigned_to=SANJAY,
    segmentation_status=SegmentationStatus.SUCCESSFUL,
    routing_status=RoutingStatus.OWNER_ASSIGNED,
    sequence="Welcome",
    sequence_status=SequenceStatus.CONNECTED,
)


def wanted_of(decision: AssignmentDecision, current: Placement, **ids: object) -> Placement:
    """Where a decision puts a row whose segment and sequence the tenant knows."""
    given_ids = {"segment_id": "seg", "sequence_id": "seq", "clears_segment": False, **ids}
    return choose_placement(decision, current, **given_ids)  # type: ignore[arg-type]


def owner_change(row_id: str, *, is_reassignment: bool = True) -> PlannedRow:
    """A planned change from Miriam to Sanjay."""
    return PlannedRow(
        table="lead",
        id=row_id,
        etag="e",
        changes=(OwnerChange(before=MIRIAM, after=SANJAY),),
        is_reassignment=is_reassignment,
    )


def test_one_row_carries_owner_segment_and_sequence_together() -> None:
    current = Placement(owner=MIRIAM)
    planned = plan_row(
        LEAD, DECISION, current=current, wanted=wanted_of(DECISION, current), is_known=True
    )
    assert isinstance(planned, PlannedRow)
    assert planned.changes == (
        OwnerChange(before=MIRIAM, after=SANJAY),
        SegmentChange(before=None, after="seg"),
        SequenceChange(before=None, after="seq"),
    )
    assert (planned.etag, planned.reason) == ('W/"7"', "owner_assigned")
    assert planned.is_reassignment


def test_a_row_that_is_as_decided_already_is_skipped() -> None:
    current = Placement(owner=SANJAY, segment_id="seg", sequence_id="seq")
    planned = plan_row(
        LEAD, DECISION, current=current, wanted=wanted_of(DECISION, current), is_known=True
    )
    assert planned == Skip(table="lead", id="1", reason="owner_assigned")


def test_a_queue_leaves_the_owner_alone() -> None:
    current = Placement(owner=MIRIAM, segment_id="seg", sequence_id="seq")
    decision = DECISION._replace(assigned_to=OVERFLOW)
    planned = plan_row(
        LEAD, decision, current=current, wanted=wanted_of(decision, current), is_known=True
    )
    assert isinstance(planned, PlannedRow)
    assert planned.changes == (QueueChange(after=OVERFLOW),)
    assert planned.owner_change is None


@pytest.mark.parametrize(
    ("status", "clears", "expected"),
    [
        (SegmentationStatus.MATCHED_WITH_PREVIOUS_SEGMENT, False, "old"),
        (SegmentationStatus.NO_SEGMENTATION_REQUIRED, True, "old"),
        (SegmentationStatus.NO_MATCHING_SEGMENTS, False, "old"),
        (SegmentationStatus.NO_MATCHING_SEGMENTS, True, None),
        (SegmentationStatus.SUCCESSFUL, False, "seg"),
    ],
)
def test_the_segment_changes_only_when_the_decision_says_so(
    status: SegmentationStatus, clears: bool, expected: str | None
) -> None:
    decision = DECISION._replace(segmentation_status=status)
    current = Placement(owner=MIRIAM, segment_id="old")
    assert wanted_of(decision, current, clears_segment=clears).segment_id == expected


def test_a_segment_or_sequence_without_a_row_in_the_tenant_is_not_written() -> None:
    current = Placement(owner=MIRIAM, segment_id="old", sequence_id="older")
    wanted = wanted_of(DECISION, current, segment_id=None, sequence_id=None)
    assert (wanted.segment_id, wanted.sequence_id) == ("old", "older")


def test_the_order_of_decisions_does_not_change_the_plan() -> None:
    skip = Skip(table="lead", id="0", reason="x")
    rows: list[PlannedRow | Skip] = [owner_change("2"), owner_change("1"), skip]
    plan, reverse = build_plan("r", rows), build_plan("r", rows[::-1])
    assert [row.id for row in plan.rows] == ["1", "2"]
    assert plan == reverse
    assert plan.checksum == reverse.checksum


@pytest.mark.parametrize(
    "other",
    [
        replace(owner_change("1"), etag="other"),
        replace(owner_change("1"), changes=(OwnerChange(before=SANJAY, after=MIRIAM),)),
        replace(owner_change("1"), changes=(SegmentChange(before=None, after="s"),)),
        replace(owner_change("1"), rule="other"),
        owner_change("2"),
    ],
)
def test_whatever_is_written_differently_changes_the_checksum(other: PlannedRow) -> None:
    assert build_plan("r", [owner_change("1")]).checksum != build_plan("r", [other]).checksum


def test_wording_does_not_change_the_checksum() -> None:
    other = replace(owner_change("1"), reason="said differently")
    assert build_plan("r", [owner_change("1")]).checksum == build_plan("r", [other]).checksum


def test_the_checksum_is_a_known_value() -> None:
    plan = build_plan("r", [owner_change("1"), Skip(table="lead", id="2", reason="x")])
    assert plan.checksum == "1380db12102aacdca0c9903bb4f9b1c7b381aec1b9810bdab8fc61399644da27"


@pytest.mark.parametrize(
    ("limits", "owned", "already", "message"),
    [
        (
            SafetyLimits(max_owner_change_share=0.5, min_rows=1),
            3,
            0,
            "2 of 3 owned rows of lead (67%)",
        ),
        (
            SafetyLimits(max_owner_change_share=0.5, min_rows=1),
            5,
            1,
            "3 of 5 owned rows of lead (60%)",
        ),
        (SafetyLimits(max_changes=1), 100, 0, "changes 2 rows of lead, more than the limit of 1"),
    ],
)
def test_a_plan_that_goes_too_far_is_refused_with_its_numbers(
    limits: SafetyLimits, owned: int, already: int, message: str
) -> None:
    plan = build_plan("r", [owner_change("1"), owner_change("2")])
    with pytest.raises(UnsafePlan) as error:
        raise_if_unsafe(plan, limits, owned={"m": owned}, already={"m": already})
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("limits", "owned"),
    [
        (SafetyLimits(max_owner_change_share=0.5, min_rows=1), 4),
        (SafetyLimits(max_owner_change_share=0.5, min_rows=10), 3),
        (SafetyLimits(max_changes=2), 100),
        (SafetyLimits(max_owner_change_share=0, min_rows=0), 0),
    ],
)
def test_a_plan_at_its_limits_is_not_refused(limits: SafetyLimits, owned: int) -> None:
    plan = build_plan("r", [owner_change(row, is_reassignment=owned > 0) for row in ("1", "2")])
    raise_if_unsafe(plan, limits, owned={"m": owned})


def movements(*counts: tuple[str, str, int]) -> Plan:
    """A plan that takes so many rows from one seller and gives them to another."""
    pairs = [(before, after) for before, after, count in counts for _ in range(count)]
    return build_plan(
        "r",
        [
            PlannedRow(
                table="lead",
                id=str(number),
                etag="e",
                changes=(
                    OwnerChange(
                        before=EntityReference(table="systemuser", id=before, name=before.upper()),
                        after=EntityReference(table="systemuser", id=after, name=after.upper()),
                    ),
                ),
                is_reassignment=True,
            )
            for number, (before, after) in enumerate(pairs)
        ],
    )


def test_a_refusal_has_the_numbers_of_the_table_and_of_each_seller() -> None:
    plan = movements(("a", "c", 6), ("b", "c", 2), ("b", "d", 1))
    with pytest.raises(UnsafePlan) as error:
        raise_if_unsafe(plan, SafetyLimits(min_rows=1), owned={"a": 7, "b": 4, "c": 1})
    assert str(error.value) == (
        "the plan gives 9 of 12 owned rows of lead (75%) to somebody else, more than the limit of "
        "50%: from A 6 of 7, B 3 of 4; to C 8, D 1; review it with `leadrobin plan` and repeat "
        "with --force, or raise LEADROBIN_SAFETY__MAX_OWNER_CHANGE_SHARE"
    )


def test_too_much_of_one_sellers_work_is_refused_by_its_own_limit() -> None:
    plan, owned = movements(("a", "c", 3), ("b", "c", 1)), {"a": 4, "b": 96}
    raise_if_unsafe(plan, SafetyLimits(min_rows=1), owned=owned)
    limits = SafetyLimits(min_rows=1, max_seller_change_share=0.7)
    with pytest.raises(UnsafePlan, match=r"takes 3 of 4 rows of lead \(75%\) from A, more than"):
        raise_if_unsafe(plan, limits, owned=owned)
    with pytest.raises(UnsafePlan, match="takes 72 of 96 rows of lead"):
        raise_if_unsafe(plan, limits, owned={"a": 100, "b": 96}, already={"b": 71})
    raise_if_unsafe(plan, SafetyLimits(min_rows=5, max_seller_change_share=0.7), owned=owned)


def test_a_refusal_names_a_few_sellers_only() -> None:
    plan = movements(*[(f"s{number}", "x", 1) for number in range(11)])
    with pytest.raises(UnsafePlan, match="S6 1 of 1, 3 more; to X 11;"):
        raise_if_unsafe(
            plan, SafetyLimits(min_rows=1), owned={f"s{number}": 1 for number in range(11)}
        )


def test_new_rows_are_not_taken_from_anybody() -> None:
    plan = build_plan("r", [owner_change("1", is_reassignment=False)])
    assert (plan.owner_changes, plan.reassignments) == (1, 0)


def test_rows_are_counted_by_any_key() -> None:
    plan = build_plan("r", [owner_change("1"), owner_change("2")])
    counts = count_by(plan, lambda row: row.owner_change.after.name if row.owner_change else None)
    assert counts == {"Sanjay": 2}
    assert count_by(plan, lambda row: None) == {}


references = st.builds(
    EntityReference,
    table=st.sampled_from(["systemuser", "team"]),
    id=st.text(min_size=1),
    name=st.none() | st.text(),
)
changes = st.one_of(
    st.builds(OwnerChange, before=st.none() | references, after=references),
    st.builds(QueueChange, after=references),
    st.builds(SegmentChange, before=st.none() | st.text(), after=st.none() | st.text()),
    st.builds(SequenceChange, before=st.none() | st.text(), after=st.none() | st.text()),
)
rows = st.builds(
    PlannedRow,
    table=st.text(),
    id=st.text(),
    etag=st.none() | st.text(),
    changes=st.lists(changes, max_size=3).map(tuple),
    segment=st.none() | st.text(),
    rule=st.none() | st.text(),
    reason=st.text(),
    is_reassignment=st.booleans(),
)


@given(st.lists(rows, max_size=4), st.text())
def test_a_plan_comes_back_from_its_document_as_it_was(
    planned: list[PlannedRow], checksum: str
) -> None:
    plan: Plan = build_plan(checksum, planned)
    assert parse_plan_document(build_plan_document(plan)) == plan


def test_a_document_that_was_changed_is_refused() -> None:
    document = build_plan_document(build_plan("r", [owner_change("1")]))
    document["rule_set_checksum"] = "other"
    with pytest.raises(ConfigProblem, match="changed after it was made"):
        parse_plan_document(document)


@pytest.mark.parametrize("document", [None, [], {}, {"format": 2, "rows": [], "skips": []}])
def test_a_document_that_is_no_plan_is_refused(document: object) -> None:
    with pytest.raises(ConfigProblem, match="not a plan"):
        parse_plan_document(document)
