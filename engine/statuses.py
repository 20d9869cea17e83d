"""Microsoft's status codes with label and remedy; what leads to them is decided elsewhere.

Codes: table reference of msdyn_salesroutingrun. Labels and remedies: "Manage unassigned records"
(wa-manage-unassigned-records) in the Dynamics 365 Sales documentation.
"""

from enum import IntEnum


class SegmentationStatus(IntEnum):
    """`msdyn_segmentationstatus`: how the segmentation of one row ended."""

    IN_PROGRESS = 0
    SUCCESSFUL = 1
    SOMETHING_WENT_WRONG = 2
    NO_MATCHING_SEGMENTS = 3
    MATCHED_WITH_PREVIOUS_SEGMENT = 4
    NO_SEGMENTATION_REQUIRED = 5
    APP_USER_LACKS_PERMISSIONS = 6


class RoutingStatus(IntEnum):
    """`msdyn_routingstatus`: how the assignment of one row ended."""

    IN_PROGRESS = 1
    OWNER_ASSIGNED = 2
    SERVER_ISSUE = 3
    RECORD_MEETS_NO_CONDITIONS = 4
    NO_SELLERS_MEET_CONDITIONS = 5
    NO_AVAILABILITY = 6
    NO_CAPACITY = 7
    NO_ASSIGNMENT_RULE = 8
    OWNER_ASSIGNED_MANUALLY = 9
    SELLER_LACKS_PERMISSIONS = 10
    RECORD_TOO_OLD = 11
    MULTIPLE_TEAMS = 12
    NO_TEAM = 13
    MULTIPLE_QUEUES = 14
    NO_QUEUE = 15
    SKIPPED_SEGMENTATION_FAILED = 16
    RULES_WILL_NOT_RUN = 17
    APP_USER_LACKS_PERMISSIONS = 18


class SequenceStatus(IntEnum):
    """`msdyn_connectsequencestatus`: how connecting the sequence ended."""

    IN_PROGRESS = 0
    CONNECTED = 1
    SOMETHING_WENT_WRONG = 2
    SKIPPED_SEGMENTATION_FAILED = 3
    NO_SEQUENCE = 4
    UNCHANGED = 5
    SELLER_NEEDS_ACCESS = 6
    DELETED_OR_INACTIVE = 7
    APP_USER_LACKS_PERMISSIONS = 8


class RunState(IntEnum):
    """`statecode` of a routing run."""

    IN_PROGRESS = 0
    SUCCEEDED = 1
    FAILED = 2


def run_state_of(status: RoutingStatus) -> RunState:
    """Map a routing status to the run's state; 17 counts as succeeded (msdyn_salesroutingrun)."""
    if status is RoutingStatus.IN_PROGRESS:
        return RunState.IN_PROGRESS
    succeeded = {
        RoutingStatus.OWNER_ASSIGNED,
        RoutingStatus.OWNER_ASSIGNED_MANUALLY,
        RoutingStatus.RULES_WILL_NOT_RUN,
    }
    return RunState.SUCCEEDED if status in succeeded else RunState.FAILED
