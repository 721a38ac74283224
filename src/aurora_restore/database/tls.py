"""TLS to a database server: always verified, chain and host name. How TLS is asked for is the engine's own protocol."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from aurora_restore.domain.errors import DatabaseUnreachable
from aurora_restore.domain.observed import DatabaseEndpoint

NAMES_TIMEOUT_SECONDS = 10.0
RDS_GLOBAL_BUNDLE = Path(__file__).with_name("rds_global_bundle.pem")
"""The root certificates of Amazon RDS in all Regions; CERTIFICATES.md says where they come from."""

AskForTls = Callable[[socket.socket], str]
"""Asks a server for TLS over a plain connection; why there is none, in words, and nothing where the server agrees."""


def verifying_context(ca_bundle_path: Path) -> ssl.SSLContext:
    """A context that trusts this bundle alone, checks the host name, and speaks TLS 1.2 or later."""
    context = ssl.create_default_context(cafile=str(ca_bundle_path))
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def context_for_any_name(ca_bundle_path: Path) -> ssl.SSLContext:
    """As `verifying_context`, to see which host a certificate names: any name will do, and nothing is sent."""
    context = verifying_context(ca_bundle_path)
    context.check_hostname = False
    return context


def reach(endpoint: DatabaseEndpoint, timeout_seconds: float) -> socket.socket:
    """A plain connection; the time limit holds for each of its moves. Raises DatabaseUnreachable."""
    where = f"{endpoint.host}:{endpoint.port}"
    try:
        plain = socket.create_connection((endpoint.host, endpoint.port), timeout_seconds)
        # The protocols send small packets in a row: without this each waits for the delayed acknowledgement.
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    except OSError as error:
        raise DatabaseUnreachable(f"No connection to {where}: {reason_of(error)}.") from None
    return plain


def connect(
    endpoint: DatabaseEndpoint, context: ssl.SSLContext, timeout_seconds: float, ask_for_tls: AskForTls
) -> ssl.SSLSocket:
    """A verified TLS connection to a server; the time limit holds for each of its moves.

    Raises:
        DatabaseUnreachable: no connection, no TLS, or a certificate that does not verify.
    """
    plain = reach(endpoint, timeout_seconds)
    try:
        refusal = ask_for_tls(plain)
        if not refusal:
            return context.wrap_socket(plain, server_hostname=endpoint.host)
    except OSError as error:
        plain.close()
        raise tls_failure(endpoint, error) from None
    plain.close()
    raise DatabaseUnreachable(f"No TLS connection to {endpoint.host}:{endpoint.port}: {refusal}.")


def tls_failure(endpoint: DatabaseEndpoint, error: OSError) -> DatabaseUnreachable:
    """What went wrong between the connection and the verified TLS."""
    where = f"{endpoint.host}:{endpoint.port}"
    if isinstance(error, ssl.SSLCertVerificationError):
        return DatabaseUnreachable(
            f"The certificate of {where} did not verify: {error.verify_message}. Nothing was sent to it."
        )
    return DatabaseUnreachable(f"No TLS connection to {where}: {reason_of(error)}.")


def certificate_names(
    endpoint: DatabaseEndpoint, context: ssl.SSLContext, ask_for_tls: AskForTls
) -> tuple[str, ...]:
    """The host names in the certificate of a server that the context's authorities vouch for, whichever they are.

    Nothing is sent to it. Raises DatabaseUnreachable as `connect`.
    """
    with connect(endpoint, context, NAMES_TIMEOUT_SECONDS, ask_for_tls) as sock:
        certificate: Any = sock.getpeercert() or {}
    return tuple(
        value for kind, value in certificate.get("subjectAltName", ()) if kind in ("DNS", "IP Address")
    )


def names_host(certificate_names: Sequence[str], host: str) -> bool:
    """Whether one of the names is the host's; an asterisk matches a first label."""
    rest = host.partition(".")[2]
    return any(name.lower() in (host.lower(), f"*.{rest}".lower()) for name in certificate_names)


def reason_of(error: OSError) -> str:
    if isinstance(error, TimeoutError):
        return "no answer in time"
    return error.strerror or str(error) or type(error).__name__
