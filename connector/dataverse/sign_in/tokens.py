"""Keeps the token of a credential fresh for all its threads; signing in is in `entra`."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

import structlog
from typing_extensions import override

from connector.dataverse.wire.errors import NotSent
from connector.ports import Clock
from engine.instants import print_instant

log = structlog.get_logger(__name__)

REFRESH_MARGIN = timedelta(minutes=5)
_PATIENCE = timedelta(seconds=15)
"""Between two tries for a new token while the old one still works and nobody said how long."""


@dataclass(frozen=True, slots=True)
class AccessToken:
    """A bearer token and the instant it stops working; never printed."""

    value: str
    expires_at: datetime

    @override
    def __repr__(self) -> str:
        return f"AccessToken(***, expires_at={print_instant(self.expires_at)})"


class TokenSource(Protocol):
    """Obtains a new token each time it is asked."""

    def fetch_token(self) -> AccessToken:
        """Sign in; raises SignInProblem with what to do, or NotSent when the network failed."""
        ...


class TokenCache:
    """The current token, shared by all threads of one credential."""

    def __init__(self, source: TokenSource, clock: Clock, *, on_close: Callable[[], None]) -> None:
        self.close = on_close
        self._source = source
        self._clock = clock
        self._token: AccessToken | None = None
        self._put_off: NotSent | None = None
        self._quiet_until: datetime | None = None
        self._lock = threading.Lock()

    def read_token(self) -> str:
        """The token to send now; fetched anew from five minutes before it expires.

        While no new one is to be had, the old one is good until its last second.
        """
        with self._lock:
            now, token = self._clock.now(), self._token
            if token is not None and now < token.expires_at - REFRESH_MARGIN:
                return token.value
            try:
                self._token = self._sign_in(now)
            except NotSent:
                if token is None or now >= token.expires_at:
                    raise
                return token.value
            return self._token.value

    def _sign_in(self, now: datetime) -> AccessToken:
        """A new token; a host that told one thread to wait is left alone by the others as well."""
        if self._put_off is not None and self._quiet_until is not None and now < self._quiet_until:
            raise type(self._put_off)(str(self._put_off), retry_after=self._quiet_until - now)
        try:
            token = self._source.fetch_token()
        except NotSent as error:
            self._note_refusal(error, now)
            raise
        log.info("signed in", action="sign_in", expires_at=print_instant(token.expires_at))
        return token

    def _note_refusal(self, error: NotSent, now: datetime) -> None:
        wait = error.retry_after
        if wait is None and self._token is not None:
            wait = _PATIENCE
        self._put_off, self._quiet_until = error, now + wait if wait is not None else None
        log.warning("no new token yet", action="sign_in_put_off", reason=str(error))

    def drop_token(self, refused: str) -> None:
        """Forget a token the server refused, unless another thread has replaced it already."""
        with self._lock:
            if self._token is not None and self._token.value == refused:
                self._token = None


class StaticToken:
    """A token made elsewhere, for tests and for emulators that accept any."""

    def __init__(self, value: str, clock: Clock) -> None:
        self._value = value
        self._clock = clock

    def fetch_token(self) -> AccessToken:
        """The same token, for another day."""
        return AccessToken(self._value, self._clock.now() + timedelta(days=1))
