"""The emulator's clock: a given source of time plus an offset; tests freeze, set and advance it."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

TimeSource = Callable[[], datetime]


class EmulatorClock:
    """Time as the emulated organization sees it; tokens, versions and expiry all follow it."""

    def __init__(self, source: TimeSource) -> None:
        self._source = source
        self._offset = timedelta()
        self._frozen: datetime | None = None

    def now(self) -> datetime:
        """The current instant, aware and in UTC."""
        if self._frozen is not None:
            return self._frozen
        return self._source().astimezone(UTC) + self._offset

    def advance(self, by: timedelta) -> None:
        """Move forward (or back)."""
        if self._frozen is not None:
            self._frozen += by
        else:
            self._offset += by

    def set(self, to: datetime) -> None:
        """Jump to an instant; time goes on from there unless it is frozen."""
        self.advance(to - self.now())

    def freeze(self) -> None:
        """Stop."""
        self._frozen = self.now()

    def resume(self) -> None:
        """Go on from the frozen instant."""
        if self._frozen is not None:
            frozen, self._frozen = self._frozen, None
            self.set(frozen)

    @property
    def position(self) -> tuple[float, str | None]:
        """The offset from the source in seconds and the instant it stands still at, if it does."""
        frozen = None if self._frozen is None else self._frozen.isoformat()
        return self._offset.total_seconds(), frozen

    def restore(self, offset: float, frozen: str | None) -> None:
        """Return to a position."""
        self._offset = timedelta(seconds=offset)
        self._frozen = None if frozen is None else datetime.fromisoformat(frozen)

    @property
    def is_frozen(self) -> bool:
        """Whether it stands still."""
        return self._frozen is not None


def timestamp(moment: datetime) -> str:
    """An instant as rows hold it: whole seconds, UTC, `Z`."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ").rjust(20, "0")


def day_of(moment: datetime) -> str:
    """The calendar day of an instant in UTC."""
    return timestamp(moment)[:10]
