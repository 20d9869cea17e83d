"""Maps the errors of Dataverse and its gateways to one reaction each; `retrying` repeats."""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import ClassVar

from connector.errors import FatalError, ResyncRequired, RetriableError, SkippableError
from engine.errors import ConfigProblem, LeadrobinError


class Reaction(StrEnum):
    """What a failure asks of the caller."""

    THROTTLED = "throttled"
    TRANSIENT = "transient"
    BOUNDED = "bounded"
    SERVER_ERROR = "server_error"
    SIGN_IN_AGAIN = "sign_in_again"
    CONFLICT = "conflict"
    GONE = "gone"
    FORBIDDEN = "forbidden"
    REFUSED = "refused"
    RESYNC = "resync"
    FATAL = "fatal"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One failed answer, reduced to what decisions and messages need.

    `code` is lower-case hex (`0x80040217`) or empty; `request_id` is the server's own where it sent
    one.
    """

    status: int
    code: str
    message: str
    reaction: Reaction
    request_id: str | None = None
    retry_after: timedelta | None = None

    def describe(self, attempted: str) -> str:
        """One sentence: what was attempted, what the service said, and the id support asks for."""
        code = f" {self.code}" if self.code else ""
        said = f": {self.message}" if self.message else ""
        return f"{attempted} failed ({self.status}{code}){said} [request {self.request_id or '-'}]"


class DataverseError(LeadrobinError):
    """Dataverse answered with an error."""

    def __init__(self, message: str, fault: Fault) -> None:
        self.fault = fault
        super().__init__(message)


class TransientFault(DataverseError, RetriableError):  # noqa: N818  the house word
    """Worth repeating after a wait."""

    def __init__(self, message: str, fault: Fault) -> None:
        super().__init__(message, fault)
        self.retry_after = fault.retry_after


class RowFault(DataverseError, SkippableError):  # noqa: N818  the house word
    """This row cannot be handled: conflict, gone, forbidden or refused (`fault.reaction`)."""


class SignInAgain(DataverseError, FatalError):  # noqa: N818  the house word
    """The bearer token was not accepted."""


class FatalFault(DataverseError, FatalError):  # noqa: N818  the house word
    """Nothing can be done with this credential or environment."""


class ResyncFault(DataverseError, ResyncRequired):  # noqa: N818  the house word
    """The version stamp behind a link is no longer honoured."""


class SignInProblem(ConfigProblem, FatalError):  # noqa: N818  the house word
    """Signing in is impossible with the settings as they are."""


class UnusableRequest(ConfigProblem, FatalError):  # noqa: N818  the house word
    """A table, a column or the environment URL is not what the settings say."""


class NotSent(RetriableError):  # noqa: N818  the house word
    """No connection could be made; the server has not seen the request."""


class SignInUnreachable(NotSent):
    """The sign-in host did not answer, so nothing was sent to the environment."""


class SignInBusy(NotSent):
    """The sign-in host asks for patience, so nothing was sent to the environment."""


class LostReply(RetriableError):  # noqa: N818  the house word
    """The connection broke; whether the server did the work is unknown."""


class Reactions:
    """The codes of the Web API by reaction; anything not listed goes by its status.

    https://learn.microsoft.com/power-apps/developer/data-platform/reference/web-service-error-codes
    """

    BY_REACTION: ClassVar[dict[Reaction, tuple[int, ...]]] = {
        Reaction.THROTTLED: (0x80072321, 0x80072322, 0x80072326),
        Reaction.TRANSIENT: (
            0x80072324,  # too many workers in the database
            0x80044151,  # database time-out
            0x80044339,  # lock not granted
            0x80071154,  # concurrent operation
            0x80048542,  # temporary database full
            0x80073000,  # database network
            0x8004A001,  # database governor
        ),
        Reaction.BOUNDED: (0x8004418D, 0x8004418E, 0x80040216, 0x80081111, 0x80040224, 0x80044150),
        Reaction.SIGN_IN_AGAIN: (0x80041D50, 0x80041D52, 0x8005F101),
        Reaction.CONFLICT: (0x80060882, 0x80060889),
        Reaction.GONE: (0x80040217, 0x80060891),
        Reaction.FORBIDDEN: (
            0x80040220,
            0x80040231,
            0x80048306,
            0x80048405,
            0x80040299,
            0x80040204,
        ),
        Reaction.REFUSED: (
            0x80060890,  # key is not defined
            0x80060892,  # duplicate by key
            0x80040237,  # duplicate row
            0x80040333,  # duplicate detection; has been seen with status 500
            0x80060883,  # version asked for
            0x8006088D,  # no optimistic concurrency on the table
            0x80040203,
            0x80040200,
            0x80044331,
            0x8004431A,
            0x80044330,
            0x8004432F,
            0x80048408,
            0x80048D19,
            0x80060888,
            0x8006088A,
            0x80041102,
            0x80041103,
            0x80040265,  # a plug-in refused; its text is for people
            0x80040227,
            0x80040515,
            0x80040519,
            0x80048340,
            0x8004022B,
            0x80040229,
            0x80040210,
            0x8004E023,
            0x80042F0A,  # the team has no role
            0x80048544,
            0x80048644,
            0x80048744,
            0x80048745,
            0x80072491,
            0x80072492,
        ),
        Reaction.RESYNC: (0x80044352,),
        Reaction.FATAL: (0x80072560, 0x80042F09, 0x80040225, 0x8004D24B),
    }

    BY_STATUS: ClassVar[dict[int, Reaction]] = {
        401: Reaction.SIGN_IN_AGAIN,
        403: Reaction.FORBIDDEN,
        404: Reaction.GONE,
        408: Reaction.TRANSIENT,
        410: Reaction.RESYNC,
        412: Reaction.CONFLICT,
        429: Reaction.THROTTLED,
        502: Reaction.TRANSIENT,
        503: Reaction.TRANSIENT,
        504: Reaction.TRANSIENT,
    }


_BY_CODE = {code: reaction for reaction, codes in Reactions.BY_REACTION.items() for code in codes}
_DEADLOCK = "1205"
_SQL_ERROR = 0x80044150
_UNAVAILABLE = frozenset({502, 503, 504})


def normalise_code(code: str) -> str:
    """Lower-case hex of a code that may be hex, a negative decimal, or empty."""
    text = code.strip().lower()
    if not text:
        return ""
    try:
        number = int(text, 16) if text.startswith("0x") else int(text)
    except ValueError:
        return ""
    return f"0x{number & 0xFFFFFFFF:08x}" if number else ""


def match_reaction(status: int, code: str, message: str) -> Reaction:
    """The reaction to an answer: by its code first, by its status when the code says nothing."""
    number = int(code, 16) if code else 0
    if number == _SQL_ERROR and _DEADLOCK in message:
        return Reaction.TRANSIENT
    known = _BY_CODE.get(number)
    if known is Reaction.BOUNDED and status in _UNAVAILABLE:
        return Reaction.TRANSIENT
    if known is not None:
        return known
    if "does not exist" in message.lower() and status in {400, 404}:
        return Reaction.GONE
    if status in Reactions.BY_STATUS:
        return Reactions.BY_STATUS[status]
    return Reaction.SERVER_ERROR if status >= 500 else Reaction.REFUSED


_HINTS = {
    "0x80072560": "the application user is missing: add the app registration in the Power Platform "
    "admin center under Environments > Settings > Users + permissions > Application users, with a "
    "security role",
    "0x80042f09": "the application user has no security role: give it one that may read the "
    "watched tables organization-wide, and write and assign their rows",
    "0x80040225": "the application user is disabled or has no business unit: enable it",
    "0x8004d24b": "the user has no licence for this environment: use an application user, which "
    "needs none",
}


def build_error(attempted: str, fault: Fault) -> DataverseError:
    """The exception for a fault; its text says what was attempted and what to do where that is
    known.
    """
    text = fault.describe(attempted)
    hint = _HINTS.get(fault.code)
    if hint:
        text = f"{hint} ({text})"
    match fault.reaction:
        case Reaction.THROTTLED | Reaction.TRANSIENT | Reaction.BOUNDED | Reaction.SERVER_ERROR:
            return TransientFault(text, fault)
        case Reaction.SIGN_IN_AGAIN:
            return SignInAgain(text, fault)
        case Reaction.RESYNC:
            return ResyncFault(text, fault)
        case Reaction.FATAL:
            return FatalFault(text, fault)
        case Reaction.CONFLICT | Reaction.GONE | Reaction.FORBIDDEN | Reaction.REFUSED:
            return RowFault(text, fault)
