"""The application users requests are sent as, each with a token and a budget of its own.

Sending is in `channel`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast

from connector.dataverse.limits.governor import Governor
from connector.dataverse.sign_in.tokens import TokenCache
from connector.dataverse.wire.errors import Fault

_USERS = "users"
_SMALLEST = frozenset({"pause_seconds"})


@dataclass(frozen=True, slots=True)
class ApplicationUser:
    """One credential: the service protection limits count for each by itself."""

    tokens: TokenCache
    governor: Governor


class ApplicationUsers:
    """Spreads requests over the users; safe for many threads."""

    def __init__(self, users: Sequence[ApplicationUser]) -> None:
        self._users = tuple(users)

    def choose(self, operation: str) -> ApplicationUser:
        """The user who may send such a request soonest; among equals the least busy."""
        if len(self._users) == 1:
            return self._users[0]
        return min(self._users, key=lambda user: user.governor.foresee(operation))

    def is_anybody_free(self, operation: str) -> bool:
        """Whether a request would not have to wait for everybody's pause to end."""
        return any(user.governor.foresee(operation)[0] < 1.0 for user in self._users)

    def room(self) -> float:
        """How many requests could leave now without any waiting for its budget."""
        return sum(user.governor.room() for user in self._users)

    def pause(self, fault: Fault) -> None:
        """Hold everybody back; for a throttled part of a batch, whose sender is not known."""
        for user in self._users:
            user.governor.pause(fault)

    def describe(self) -> dict[str, float]:
        """The figures of all users together; the pause is the shortest."""
        each = [user.governor.describe() for user in self._users]
        return {
            name: (min if name in _SMALLEST else sum)(figures[name] for figures in each)
            for name in each[0]
        }

    def to_plain(self) -> dict[str, object]:
        """What the governors learned, in the order of the users."""
        return {_USERS: [user.governor.to_plain() for user in self._users]}

    def restore(self, data: Mapping[str, object]) -> None:
        """Take over what `to_plain` gave; users that are new begin anew."""
        saved = cast("Sequence[Mapping[str, object]]", data.get(_USERS, [data]))
        for user, state in zip(self._users, saved, strict=False):
            user.governor.restore(state)

    def close(self) -> None:
        """Close what signs in."""
        for user in self._users:
            user.tokens.close()
