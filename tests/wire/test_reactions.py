"""What each error code of the Web API asks of us; the list stands here once more, as known values."""

import pytest

from connector.dataverse.wire.errors import Reaction, Reactions, match_reaction

CODES = {
    Reaction.THROTTLED: "80072321 80072322 80072326",
    Reaction.TRANSIENT: "80072324 80044151 80044339 80071154 80048542 80073000 8004a001",
    Reaction.BOUNDED: "8004418d 8004418e 80040216 80081111 80040224 80044150",
    Reaction.SIGN_IN_AGAIN: "80041d50 80041d52 8005f101",
    Reaction.CONFLICT: "80060882 80060889",
    Reaction.GONE: "80040217 80060891",
    Reaction.FORBIDDEN: "80040220 80040231 80048306 80048405 80040299 80040204",
    Reaction.REFUSED: (
        "80060890 80060892 80040237 80040333 80060883 8006088d 80040203 80040200 "
        "80044331 8004431a 80044330 8004432f 80048408 80048d19 80060888 8006088a "
        "80041102 80041103 80040265 80040227 80040515 80040519 80048340 8004022b "
        "80040229 80040210 8004e023 80042f0a 80048544 80048644 80048744 80048745 "
        "80072491 80072492"
    ),
    Reaction.RESYNC: "80044352",
    Reaction.FATAL: "80072560 80042f09 80040225 8004d24b",
}


@pytest.mark.parametrize(
    ("code", "reaction"),
    [(code, reaction) for reaction, codes in CODES.items() for code in codes.split()],
)
def test_a_known_code_decides_whatever_the_status(code: str, reaction: Reaction) -> None:
    assert match_reaction(400, f"0x{code}", "") is reaction
    assert match_reaction(500, f"0x{code}", "") is reaction


def test_no_code_is_known_that_does_not_stand_here() -> None:
    known = {reaction: len(codes) for reaction, codes in Reactions.BY_REACTION.items()}
    assert known == {reaction: len(codes.split()) for reaction, codes in CODES.items()}


@pytest.mark.parametrize(
    ("status", "reaction"),
    [
        (400, Reaction.REFUSED),
        (401, Reaction.SIGN_IN_AGAIN),
        (403, Reaction.FORBIDDEN),
        (404, Reaction.GONE),
        (405, Reaction.REFUSED),
        (408, Reaction.TRANSIENT),
        (409, Reaction.REFUSED),
        (410, Reaction.RESYNC),
        (412, Reaction.CONFLICT),
        (429, Reaction.THROTTLED),
        (499, Reaction.REFUSED),
        (500, Reaction.SERVER_ERROR),
        (501, Reaction.SERVER_ERROR),
        (502, Reaction.TRANSIENT),
        (503, Reaction.TRANSIENT),
        (504, Reaction.TRANSIENT),
        (505, Reaction.SERVER_ERROR),
    ],
)
def test_without_a_known_code_the_status_decides(status: int, reaction: Reaction) -> None:
    assert match_reaction(status, "", "") is reaction
    assert match_reaction(status, "0x80000001", "") is reaction


@pytest.mark.parametrize("status", [502, 503, 504])
def test_a_bounded_fault_of_a_gateway_passes(status: int) -> None:
    assert match_reaction(status, "0x8004418d", "") is Reaction.TRANSIENT


def test_a_deadlock_passes_where_other_faults_of_the_database_are_bounded() -> None:
    assert match_reaction(500, "0x80044150", "chosen as victim (1205)") is Reaction.TRANSIENT
    assert match_reaction(500, "0x80044150", "something else") is Reaction.BOUNDED


@pytest.mark.parametrize(
    ("status", "reaction"), [(400, Reaction.GONE), (404, Reaction.GONE), (403, Reaction.FORBIDDEN)]
)
def test_a_row_that_does_not_exist_is_gone(status: int, reaction: Reaction) -> None:
    assert match_reaction(status, "", "lead With Id = 1 Does Not Exist") is reaction
