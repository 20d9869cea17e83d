"""Every test starts from an environment without settings and may only talk to this machine."""

import os
import socket
from collections.abc import Iterator

import pytest
import structlog
from hypothesis import HealthCheck, settings

settings.register_profile("dev", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile(
    "ci", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile(
    "long", deadline=None, max_examples=2_000, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci" if os.environ.get("CI") else "dev"))

_REAL_CONNECT = socket.socket.connect
_LOOPBACK = ("127.", "::1", "localhost")


def _connect_to_loopback_only(self: socket.socket, address: object) -> None:
    """Refuse every address that is not on this machine, so that no test can depend on one."""
    if isinstance(address, tuple) and not str(address[0]).startswith(_LOOPBACK):
        raise OSError(f"tests may not connect to {address[0]}")
    _REAL_CONNECT(self, address)  # type: ignore[arg-type]


@pytest.fixture(autouse=True)
def _only_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket.socket, "connect", _connect_to_loopback_only)


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("LEADROBIN_")]:
        monkeypatch.delenv(name)


@pytest.fixture(autouse=True)
def _plain_logs() -> Iterator[None]:
    """A command that runs inside a test sets logging up for the whole process."""
    yield
    structlog.reset_defaults()
