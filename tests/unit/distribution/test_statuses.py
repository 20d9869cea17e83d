"""The texts of the status codes, and which failure of several is reported."""

import pytest

from engine.statuses import (
    RoutingStatus,
    RunState,
    SegmentationStatus,
    SequenceStatus,
    failure_rank,
    label_of,
    remedy_of,
    run_state_of,
)

EVERY_STATUS = [*SegmentationStatus, *RoutingStatus, *SequenceStatus]
NOTHING_TO_DO = {
    SegmentationStatus: {0, 1, 4, 5},
    RoutingStatus: {1, 2, 9},
    SequenceStatus: {0, 1, 5},
}


@pytest.mark.parametrize("status", EVERY_STATUS, ids=str)
def test_every_status_has_a_label_and_a_remedy_where_something_is_wrong(
    status: RoutingStatus | SegmentationStatus | SequenceStatus,
) -> None:
    assert label_of(status)
    assert (remedy_of(status) is None) == (status in NOTHING_TO_DO[type(status)])


def test_equal_numbers_of_different_columns_have_their_own_labels() -> None:
    assert label_of(SegmentationStatus(3)) == "No matching segments"
    assert label_of(RoutingStatus(3)) == "There was an issue with the server"
    assert label_of(SequenceStatus(3)) == "Skipped as segmentation failed"


@pytest.mark.parametrize(
    ("status", "rank"),
    [(6, 0), (7, 0), (10, 0), (12, 0), (14, 0), (5, 1), (13, 1), (15, 1), (4, 2), (11, 3), (2, 4)],
)
def test_failures_are_ranked_by_how_far_the_row_came(status: int, rank: int) -> None:
    assert failure_rank(RoutingStatus(status)) == rank


@pytest.mark.parametrize(
    ("status", "state"),
    [
        (1, RunState.IN_PROGRESS),
        (2, RunState.SUCCEEDED),
        (9, RunState.SUCCEEDED),
        (17, RunState.SUCCEEDED),
        (7, RunState.FAILED),
        (18, RunState.FAILED),
    ],
)
def test_a_routing_status_gives_the_state_of_the_run(status: int, state: RunState) -> None:
    assert run_state_of(RoutingStatus(status)) is state
