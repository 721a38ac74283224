"""The certificates that are trusted by default are those that Amazon publishes, and nothing else."""

from __future__ import annotations

import hashlib
import re
import ssl
from datetime import UTC, datetime

from aurora_restore.database.tls import RDS_GLOBAL_BUNDLE, verifying_context

COUNT = 108
# Of the sorted SHA-256 fingerprints, one a line; CERTIFICATES.md says how it was compared.
DIGEST = "33577d2d854ad2f514a5b01c5a0b4b654db559d5b6cce75f916d2772448c667e"
FIXED_DAY = datetime(2030, 1, 1, tzinfo=UTC)

_PEM = re.compile(r"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)
_NAME = re.compile(
    r"'commonName', 'Amazon RDS (Beta |Preview )?[a-z0-9-]+ Root CA (RSA2048|RSA4096|ECC384) G1'"
)


def test_the_bundle_holds_the_certificates_that_were_compared() -> None:
    certificates = _PEM.findall(RDS_GLOBAL_BUNDLE.read_text("ascii"))
    fingerprints = {hashlib.sha256(ssl.PEM_cert_to_DER_cert(pem)).hexdigest() for pem in certificates}
    assert len(certificates) == len(fingerprints) == COUNT
    assert hashlib.sha256("\n".join(sorted(fingerprints)).encode()).hexdigest() == DIGEST


def test_all_are_root_certificates_of_rds_that_outlive_the_decade() -> None:
    # get_ca_certs lists those alone that are certificate authorities.
    trusted = verifying_context(RDS_GLOBAL_BUNDLE).get_ca_certs()
    assert len(trusted) == COUNT
    for certificate in trusted:
        assert _NAME.search(repr(certificate["subject"]))
        assert certificate["subject"] == certificate["issuer"]
        ends = datetime.fromtimestamp(ssl.cert_time_to_seconds(str(certificate["notAfter"])), UTC)
        assert ends > FIXED_DAY


def test_the_context_checks_chain_and_host_name_and_speaks_modern_tls() -> None:
    context = verifying_context(RDS_GLOBAL_BUNDLE)
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname
    assert context.minimum_version >= ssl.TLSVersion.TLSv1_2
