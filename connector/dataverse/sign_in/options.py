"""How the connector signs in, as a value; the ways themselves are in `entra`."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

SignInMode = Literal[
    "client_secret", "certificate", "managed_identity", "device_code", "static_token"
]


@dataclass(frozen=True, slots=True, kw_only=True)
class SignInOptions:
    """How to sign in; which fields count depends on `mode`."""

    mode: SignInMode
    tenant_id: str | None = None
    client_id: str | None = None
    client_secret: str | None = field(default=None, repr=False)
    authority: str | None = None
    certificate_path: Path | None = None
    certificate_key_path: Path | None = None
    certificate_password: str | None = field(default=None, repr=False)
    token: str | None = field(default=None, repr=False)
    token_cache_path: Path | None = None
