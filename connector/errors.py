"""Errors that only the running service raises, by the reaction they ask for."""

from datetime import timedelta

from engine.errors import LeadrobinError, Unsafe


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
