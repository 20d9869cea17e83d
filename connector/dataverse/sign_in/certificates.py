"""Loads the certificate to sign in with and checks those to trust; their use is in `entra`."""

import ssl
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization import pkcs12

from connector.dataverse.wire.errors import SignInProblem, UnusableRequest

_PFX_SUFFIXES = {".pfx", ".p12"}


@dataclass(frozen=True, slots=True, kw_only=True)
class SigningCertificate:
    """A private key and its certificate as PEM text; `thumbprint` is what Entra ID shows (SHA-1,
    hex).
    """

    private_key: str
    certificate: str
    thumbprint: str
    expires_on: datetime

    def raise_if_expired(self, now: datetime) -> None:
        """Raise SignInProblem when the certificate is no longer valid."""
        if now >= self.expires_on:
            raise SignInProblem(
                f"the certificate {self.thumbprint} expired on {self.expires_on:%Y-%m-%d}: upload "
                "a new one to the app registration and point the settings to it"
            )


def load_certificate(
    path: Path, *, password: str | None = None, key_path: Path | None = None
) -> SigningCertificate:
    """Read a PEM file (key and certificate, or two files) or a PFX file; raises SignInProblem."""
    secret = password.encode() if password else None
    try:
        if path.suffix.lower() in _PFX_SUFFIXES:
            key, certificate = _read_pfx(path.read_bytes(), secret)
        else:
            key, certificate = _read_pem(path, key_path or path, secret)
    except OSError as error:
        raise SignInProblem(
            f"the certificate file {error.filename} cannot be read: {error.strerror}"
        ) from error
    except (ValueError, TypeError) as error:
        raise SignInProblem(
            f"the certificate file {path} cannot be used ({error}): check the password, and that "
            "it holds a private key and a certificate"
        ) from error
    return _describe(key, certificate)


def _read_pfx(data: bytes, password: bytes | None) -> tuple[PrivateKeyTypes, x509.Certificate]:
    key, certificate, _ = pkcs12.load_key_and_certificates(data, password)
    if key is None or certificate is None:
        raise ValueError("a private key or certificate is missing in it")
    return key, certificate


def _read_pem(
    path: Path, key_path: Path, password: bytes | None
) -> tuple[PrivateKeyTypes, x509.Certificate]:
    certificate = x509.load_pem_x509_certificate(path.read_bytes())
    key = serialization.load_pem_private_key(key_path.read_bytes(), password)
    return key, certificate


def _describe(key: PrivateKeyTypes, certificate: x509.Certificate) -> SigningCertificate:
    private_key = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return SigningCertificate(
        private_key=private_key.decode(),
        certificate=certificate.public_bytes(serialization.Encoding.PEM).decode(),
        thumbprint=certificate.fingerprint(hashes.SHA1()).hex().upper(),  # noqa: S303  the id Entra ID shows
        expires_on=certificate.not_valid_after_utc,
    )


def raise_if_no_certificates(ca_file: str | None) -> None:
    """Name the setting now; a request would only say that no certificate is trusted."""
    if ca_file is None or Path(ca_file).is_dir():
        return
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(ca_file)
    except ssl.SSLError as error:
        raise UnusableRequest(
            f"LEADROBIN_DATAVERSE__CA_FILE: {ca_file} holds no certificate in PEM form"
        ) from error
    except OSError as error:
        raise UnusableRequest(
            f"LEADROBIN_DATAVERSE__CA_FILE: {ca_file} cannot be read: {error.strerror}"
        ) from error
