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


Status = SegmentationStatus | RoutingStatus | SequenceStatus


def label_of(status: Status) -> str:
    """Microsoft's label of a status."""
    return _TEXTS[type(status)][status][0]


def remedy_of(status: Status) -> str | None:
    """What an administrator can do about a status; None where nothing has to be done."""
    return _TEXTS[type(status)][status][1]


def failure_rank(status: RoutingStatus) -> int:
    """How much a rule's failure tells, 0 most; the first rule of the best rank is the one reported.

    Distribution failed, nobody matched, conditions not met, row too old ("Manage unassigned
    records"); whatever is no failure of a rule comes last.
    """
    for rank, statuses in enumerate(_FAILURES_BY_RANK):
        if status in statuses:
            return rank
    return len(_FAILURES_BY_RANK)


_FAILURES_BY_RANK = (
    {
        RoutingStatus.NO_AVAILABILITY,
        RoutingStatus.NO_CAPACITY,
        RoutingStatus.SELLER_LACKS_PERMISSIONS,
        RoutingStatus.MULTIPLE_TEAMS,
        RoutingStatus.MULTIPLE_QUEUES,
    },
    {
        RoutingStatus.NO_SELLERS_MEET_CONDITIONS,
        RoutingStatus.NO_TEAM,
        RoutingStatus.NO_QUEUE,
    },
    {RoutingStatus.RECORD_MEETS_NO_CONDITIONS},
    {RoutingStatus.RECORD_TOO_OLD},
)

_APP_USER_LABEL = "D365WorkAssignment app user doesn't have necessary permissions"
_APP_USER_REMEDY = (
    "Grant the application user read access to the tables that the rules use and write access to"
    " the rows it assigns (in Dynamics 365: the role Sales Work Assignment API Extended Access)."
)
_LOOK_INTO_ERROR = "Read the error beside it, put its cause right, then let the row be tried again."

_SEGMENTATION_TEXTS: dict[int, tuple[str, str | None]] = {
    SegmentationStatus.IN_PROGRESS: ("In progress", None),
    SegmentationStatus.SUCCESSFUL: ("Segmentation successful", None),
    SegmentationStatus.SOMETHING_WENT_WRONG: ("Something went wrong", _LOOK_INTO_ERROR),
    SegmentationStatus.NO_MATCHING_SEGMENTS: (
        "No matching segments",
        "Widen a segment's conditions so that the row fits, or give the table a default segment.",
    ),
    SegmentationStatus.MATCHED_WITH_PREVIOUS_SEGMENT: ("Matched with previous segment", None),
    SegmentationStatus.NO_SEGMENTATION_REQUIRED: ("No segmentation required", None),
    SegmentationStatus.APP_USER_LACKS_PERMISSIONS: (_APP_USER_LABEL, _APP_USER_REMEDY),
}

_ROUTING_TEXTS: dict[int, tuple[str, str | None]] = {
    RoutingStatus.IN_PROGRESS: ("Run is in progress", None),
    RoutingStatus.OWNER_ASSIGNED: ("Owner assigned successfully", None),
    RoutingStatus.SERVER_ISSUE: ("There was an issue with the server", _LOOK_INTO_ERROR),
    RoutingStatus.RECORD_MEETS_NO_CONDITIONS: (
        "Record doesn't meet any conditions",
        (
            "Widen the conditions of one of the segment's rules, add a rule that takes such rows,"
            " or assign this one by hand."
        ),
    ),
    RoutingStatus.NO_SELLERS_MEET_CONDITIONS: (
        "No sellers meet the conditions",
        (
            "Widen whom the rule assigns to, add the missing attributes to sellers, or switch"
            " assignment on for those it names."
        ),
    ),
    RoutingStatus.NO_AVAILABILITY: (
        "Eligible sellers don't have availability",
        (
            "Check working hours and time off of the rule's sellers, widen the rule's window, or"
            " add sellers who work at other times."
        ),
    ),
    RoutingStatus.NO_CAPACITY: (
        "Eligible sellers don't have capacity",
        "Raise the capacity of the rule's sellers, close rows they have finished, or add sellers.",
    ),
    RoutingStatus.NO_ASSIGNMENT_RULE: (
        "No assignment rule for this record's segment",
        (
            "Write an assignment rule for the segment, or activate one; leave it so if rows of this"
            " segment are to stay where they are."
        ),
    ),
    RoutingStatus.OWNER_ASSIGNED_MANUALLY: ("Owner assigned manually", None),
    RoutingStatus.SELLER_LACKS_PERMISSIONS: (
        "Record unassigned as seller doesn't have the necessary permissions",
        "Give the rule's sellers a security role that may read this table.",
    ),
    RoutingStatus.RECORD_TOO_OLD: (
        "Seller not assigned as record is older than the set timeframe",
        "Raise the rule's age limit, or assign the row by hand.",
    ),
    RoutingStatus.MULTIPLE_TEAMS: (
        "Multiple eligible teams found",
        "Narrow the rule to one team, or let it draw one when several match.",
    ),
    RoutingStatus.NO_TEAM: (
        "Couldn't find eligible team",
        "Widen the rule's team conditions, or create the team they ask for.",
    ),
    RoutingStatus.MULTIPLE_QUEUES: (
        "Multiple eligible queues found",
        "Narrow the rule to one queue, or let it draw one when several match.",
    ),
    RoutingStatus.NO_QUEUE: (
        "Couldn't find eligible queue",
        "Widen the rule's queue conditions, or create the queue they ask for.",
    ),
    RoutingStatus.SKIPPED_SEGMENTATION_FAILED: (
        "Skipped as segmentation failed",
        "Put right what kept the row from a segment; its assignment follows from there.",
    ),
    RoutingStatus.RULES_WILL_NOT_RUN: (
        "Rules won't run for this segment",
        "If a row that moves here is to get a new owner, switch route_on_move on for the segment.",
    ),
    RoutingStatus.APP_USER_LACKS_PERMISSIONS: (_APP_USER_LABEL, _APP_USER_REMEDY),
}

_SEQUENCE_TEXTS: dict[int, tuple[str, str | None]] = {
    SequenceStatus.IN_PROGRESS: ("In progress", None),
    SequenceStatus.CONNECTED: ("Successfully connected", None),
    SequenceStatus.SOMETHING_WENT_WRONG: ("Something went wrong", _LOOK_INTO_ERROR),
    SequenceStatus.SKIPPED_SEGMENTATION_FAILED: (
        "Skipped as segmentation failed",
        "Put right what kept the row from a segment; its sequence follows from there.",
    ),
    SequenceStatus.NO_SEQUENCE: (
        "No sequence connected to this segment",
        "Name a sequence on the segment if its rows are to have one.",
    ),
    SequenceStatus.UNCHANGED: ("Sequence unchanged", None),
    SequenceStatus.SELLER_NEEDS_ACCESS: (
        "Seller needs additional access",
        "Give the seller a security role that may read sequences and their steps.",
    ),
    SequenceStatus.DELETED_OR_INACTIVE: (
        "Sequence is either deleted or inactive",
        "Activate the sequence again, or name another one on the segment.",
    ),
    SequenceStatus.APP_USER_LACKS_PERMISSIONS: (_APP_USER_LABEL, _APP_USER_REMEDY),
}

_TEXTS: dict[type[Status], dict[int, tuple[str, str | None]]] = {
    SegmentationStatus: _SEGMENTATION_TEXTS,
    RoutingStatus: _ROUTING_TEXTS,
    SequenceStatus: _SEQUENCE_TEXTS,
}
