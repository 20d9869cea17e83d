"""The certificates that the emulator serves with."""

import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509

from connector.emulator.http.tls import write_tls_files

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "192.0.2.7", "emulator.test"])
def test_the_certificate_names_the_loopback_and_the_host(tmp_path: Path, host: str) -> None:
    files = write_tls_files(tmp_path, NOW, host)
    certificate = x509.load_pem_x509_certificate(files.certificate_file.read_bytes())
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    addresses = [str(address) for address in names.get_values_for_type(x509.IPAddress)]
    found = [*names.get_values_for_type(x509.DNSName), *addresses]
    assert sorted(found) == sorted({"localhost", "127.0.0.1", "::1", host})


def test_the_certificate_is_valid_from_before_the_start_for_at_least_a_month(
    tmp_path: Path,
) -> None:
    files = write_tls_files(tmp_path, NOW, "localhost")
    for file in (files.ca_file, files.certificate_file):
        certificate = x509.load_pem_x509_certificate(file.read_bytes())
        assert certificate.not_valid_before_utc <= NOW - timedelta(days=1)
        assert certificate.not_valid_after_utc >= NOW + timedelta(days=30)


def test_the_key_fits_the_certificate_and_only_its_owner_may_read_it(tmp_path: Path) -> None:
    files = write_tls_files(tmp_path, NOW, "localhost")
    assert files.key_file.stat().st_mode & 0o777 == 0o600
    ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(files.certificate_file, files.key_file)
