"""The local certificate authority and the certificates of the servers."""

from __future__ import annotations

import os
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import trustme

from local_aurora.engines.account import Account

# Under these the engine itself talks to its servers.
NAMES = ("localhost", "127.0.0.1", "::1")
_ORGANIZATION = "Aurora Restore local stack"


@dataclass(frozen=True)
class TlsFiles:
    """Files in PEM. The authority's key is kept, for its owner alone: a cluster that is started gets a certificate."""

    directory: Path

    @property
    def ca_bundle(self) -> Path:
        return self.directory / "ca.pem"

    @property
    def ca_key(self) -> Path:
        return self.directory / "ca.key"

    @property
    def server_certificate(self) -> Path:
        return self.directory / "server.pem"

    @property
    def server_key(self) -> Path:
        return self.directory / "server.key"


def make_tls_files(directory: Path, account: Account, of: TlsFiles | None = None) -> TlsFiles:
    """The files of `directory`, made at the first call (one authority for a directory's whole life).

    `of`: the files of the directory whose authority this one is to share.
    """
    files = TlsFiles(directory)
    if files.ca_bundle.exists() and files.ca_key.exists():
        return files
    directory.mkdir(mode=0o700, exist_ok=True)
    directory.chmod(account.directory_mode)  # whatever the umask
    if of is None:
        authority = trustme.CA(organization_name=_ORGANIZATION, organization_unit_name="Local CA")
    else:
        authority = trustme.CA.from_pem(of.ca_bundle.read_bytes(), of.ca_key.read_bytes())
    _issue(authority, (), files.server_certificate, files.server_key, account)
    _write(files.ca_key, authority.private_key_pem.bytes(), None)
    # Written last: its presence says that the others are complete.
    _write(files.ca_bundle, authority.cert_pem.bytes(), account)
    return files


def issue_certificate(files: TlsFiles, names: Sequence[str], directory: Path, account: Account) -> None:
    """`server.pem` and `server.key` of a cluster, in its directory."""
    authority = trustme.CA.from_pem(files.ca_bundle.read_bytes(), files.ca_key.read_bytes())
    _issue(authority, names, directory / "server.pem", directory / "server.key", account)


def _issue(
    authority: trustme.CA, names: Sequence[str], certificate: Path, key: Path, account: Account
) -> None:
    server = authority.issue_cert(*names, *NAMES, organization_name=_ORGANIZATION)
    _write(key, server.private_key_pem.bytes(), account)
    _write(certificate, b"".join(pem.bytes() for pem in server.cert_chain_pems), account)


def _write(path: Path, content: bytes, account: Account | None) -> None:
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
    if account is not None:
        account.own(path)


def verified_context(ca_bundle: Path) -> ssl.SSLContext:
    """A client's context that trusts this authority alone and checks the server's name."""
    return ssl.create_default_context(cafile=str(ca_bundle))
