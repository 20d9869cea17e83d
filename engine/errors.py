"""The error tree, ordered by what the reader has to do; wire errors are mapped elsewhere."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong in a structured document.

    `path` leads from the document's root to the offending key or item; `message` is one sentence
    that says what is wrong and what to do.
    """

    path: Path
    message: str


class LeadrobinError(Exception):
    """Something went wrong."""


class ConfigProblem(LeadrobinError):  # noqa: N818  the house word
    """The configuration cannot be used as it is (exit 2, no traceback)."""


class InvalidDocument(ConfigProblem):
    """A document with one or more problems, all collected before this is raised."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(problem.message for problem in problems))


class Unsafe(LeadrobinError):  # noqa: N818  the house word
    """Refused because it could do harm (exit 3)."""


class UnsafePlan(Unsafe):
    """The plan changes more than the limits allow."""


class UnsafeStart(Unsafe):
    """Something else in the environment already does this work."""


class LeaseHeld(LeadrobinError):  # noqa: N818  the house word
    """Another process works on this store (exit 4)."""


class FatalError(LeadrobinError):
    """The service has to stop: credentials, missing rights, a changed schema."""


class RetriableError(LeadrobinError):
    """Worth another try later; carries the server's own wait where it gave one."""

    def __init__(self, message: str, *, retry_after: timedelta | None = None) -> None:
        self.retry_after = retry_after
        super().__init__(message)


class SkippableError(LeadrobinError):
    """This row cannot be handled; the rows behind it can."""


class ResyncRequired(LeadrobinError):  # noqa: N818  a signal, not a fault
    """The link to the change feed is no longer honoured; the table must be read again in full."""
