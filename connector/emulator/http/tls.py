"""A throw-away certificate authority and a certificate signed by it, in a directory.

Both are new at every start and are not kept in a state file.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import trustme

# Apple's TLS refuses server certificates that are valid for more than 825 days.
_LIFETIME = timedelta(days=365)


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """Where the authority's certificate, the server's certificate and its key are."""

    ca_file: Path
    certificate_file: Path
    key_file: Path


def write_tls_files(directory: Path, now: datetime, host: str) -> TlsFiles:
    """Create a new authority and a certificate for `host`, 127.0.0.1, ::1 and localhost."""
    authority = trustme.CA(organization_name="Leadrobin emulator", path_length=0)
    names = dict.fromkeys(["localhost", "127.0.0.1", "::1", host])
    server = authority.issue_cert(
        *names, organization_name="Leadrobin emulator", not_after=now + _LIFETIME
    )
    files = TlsFiles(directory / "ca.pem", directory / "server.pem", directory / "server.key")
    authority.cert_pem.write_to_path(files.ca_file)
    server.cert_chain_pems[0].write_to_path(files.certificate_file)
    files.key_file.touch(mode=0o600)
    server.private_key_pem.write_to_path(files.key_file)
    return files
