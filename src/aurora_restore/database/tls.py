"""TLS to a database server: always verified, chain and host name."""

from __future__ import annotations

import socket
import ssl
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from aurora_restore.domain.errors import DatabaseUnreachable
from aurora_restore.domain.observed import DatabaseEndpoint

NAMES_TIMEOUT_SECONDS = 10.0
RDS_GLOBAL_BUNDLE = Path(__file__).with_name("rds_global_bundle.pem")
"""The root certificates of Amazon RDS in all Regions; CERTIFICATES.md says where they come from."""

# SSLRequest of PostgreSQL's protocol: the length of the message and the request code.
_SSL_REQUEST = struct.pack("!ii", 8, 80877103)


def verifying_context(ca_bundle_path: Path) -> ssl.SSLContext:
    """A context that trusts this bundle alone, checks the host name, and speaks TLS 1.2 or later."""
    context = ssl.create_default_context(cafile=str(ca_bundle_path))
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def nameless_context(ca_bundle_path: Path) -> ssl.SSLContext:
    """As `verifying_context`, to see which host a certificate names: any name will do, and nothing is sent."""
    context = verifying_context(ca_bundle_path)
    context.check_hostname = False
    return context


def connect(endpoint: DatabaseEndpoint, context: ssl.SSLContext, timeout_seconds: float) -> ssl.SSLSocket:
    """A verified TLS connection to a PostgreSQL server; the time limit holds for each of its moves.

    Raises:
        DatabaseUnreachable: no connection, no TLS, or a certificate that does not verify.
    """
    where = f"{endpoint.host}:{endpoint.port}"
    try:
        plain = socket.create_connection((endpoint.host, endpoint.port), timeout_seconds)
    except OSError as error:
        raise DatabaseUnreachable(f"No connection to {where}: {_reason(error)}.") from None
    try:
        # The protocol sends small packets in a row: without this each waits for the delayed acknowledgement.
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return _negotiate(plain, endpoint.host, where, context)
    except ssl.SSLCertVerificationError as error:
        plain.close()
        raise DatabaseUnreachable(
            f"The certificate of {where} did not verify: {error.verify_message}. Nothing was sent to it."
        ) from None
    except OSError as error:
        plain.close()
        raise DatabaseUnreachable(f"No TLS connection to {where}: {_reason(error)}.") from None
    except DatabaseUnreachable:
        plain.close()
        raise


def certificate_names(endpoint: DatabaseEndpoint, context: ssl.SSLContext) -> tuple[str, ...]:
    """The host names in the certificate of a server that the context's authorities vouch for, whichever they are.

    Nothing is sent to it. Raises DatabaseUnreachable as `connect`.
    """
    with connect(endpoint, context, NAMES_TIMEOUT_SECONDS) as sock:
        certificate: Any = sock.getpeercert() or {}
    return tuple(
        value for kind, value in certificate.get("subjectAltName", ()) if kind in ("DNS", "IP Address")
    )


def bears(certificate_names: Sequence[str], host: str) -> bool:
    """Whether one of the names is the host's; an asterisk matches a first label."""
    rest = host.partition(".")[2]
    return any(name.lower() in (host.lower(), f"*.{rest}".lower()) for name in certificate_names)


def _negotiate(plain: socket.socket, host: str, where: str, context: ssl.SSLContext) -> ssl.SSLSocket:
    plain.sendall(_SSL_REQUEST)
    # One byte and no more: what follows belongs to TLS (CVE-2021-23222).
    answer = plain.recv(1)
    if answer != b"S":
        said = "closed the connection" if not answer else "does not offer TLS"
        raise DatabaseUnreachable(f"No TLS connection to {where}: the server {said}.")
    return context.wrap_socket(plain, server_hostname=host)


def _reason(error: OSError) -> str:
    if isinstance(error, TimeoutError):
        return "no answer in time"
    return error.strerror or str(error) or type(error).__name__
