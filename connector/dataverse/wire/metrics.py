"""What the client tells a metrics registry; the registry itself belongs to the composition root."""

from typing import Protocol


class WireMetrics(Protocol):
    """Counters of the wire; labels are closed sets."""

    def request_finished(self, operation: str, status: int, seconds: float) -> None:
        """An answer came, of whatever status."""
        ...

    def retried(self, operation: str, reason: str) -> None:
        """A request is going to be sent again."""
        ...

    def throttled(self, seconds: float) -> None:
        """The service asked all of us to wait."""
        ...


class NoMetrics:
    """Counts nothing."""

    def request_finished(self, operation: str, status: int, seconds: float) -> None:
        """Do nothing."""

    def retried(self, operation: str, reason: str) -> None:
        """Do nothing."""

    def throttled(self, seconds: float) -> None:
        """Do nothing."""
