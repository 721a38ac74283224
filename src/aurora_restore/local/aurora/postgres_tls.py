"""The local certificate authority and the certificate of the servers."""

from __future__ import annotations

import os
import ssl
from dataclasses import dataclass
from pathlib import Path

import trustme

from aurora_restore.local.aurora.postgres_install import Account

NAMES = ("localhost", "127.0.0.1", "::1")
_ORGANIZATION = "Aurora Restore local stack"


@dataclass(frozen=True)
class TlsFiles:
    """Files in PEM. The authority's own key is never kept: nothing more can be signed in its name."""

    directory: Path

    @property
    def ca_bundle(self) -> Path:
        return self.directory / "ca.pem"

    @property
    def server_certificate(self) -> Path:
        return self.directory / "server.pem"

    @property
    def server_key(self) -> Path:
        return self.directory / "server.key"


def make_tls_files(directory: Path, account: Account) -> TlsFiles:
    """The files of `directory`, made at the first call (one authority for a directory's whole life)."""
    files = TlsFiles(directory)
    if files.ca_bundle.exists():
        return files
    directory.mkdir(mode=0o700, exist_ok=True)
    directory.chmod(account.directory_mode)  # whatever the umask
    authority = trustme.CA(organization_name=_ORGANIZATION, organization_unit_name="Local CA")
    server = authority.issue_cert(*NAMES, common_name="localhost", organization_name=_ORGANIZATION)
    _write(files.server_key, server.private_key_pem.bytes(), account)
    chain = b"".join(pem.bytes() for pem in server.cert_chain_pems)
    _write(files.server_certificate, chain, account)
    # Written last: its presence says that the others are complete.
    _write(files.ca_bundle, authority.cert_pem.bytes(), account)
    return files


def _write(path: Path, content: bytes, account: Account) -> None:
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
    account.own(path)


def verified_context(ca_bundle: Path) -> ssl.SSLContext:
    """A client's context that trusts this authority alone and checks the server's name."""
    return ssl.create_default_context(cafile=str(ca_bundle))
