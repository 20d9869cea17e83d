"""The real clock and fresh ids; fakes take their place in tests."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

FIRST_ANSWER = timedelta(seconds=5)
"""How long the environment may stay away at the start before its address is taken to be wrong."""


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """The current instant, in UTC."""
        return datetime.now(UTC)


SYSTEM_CLOCK = SystemClock()


def new_id() -> str:
    """A fresh identifier."""
    return str(uuid4())
