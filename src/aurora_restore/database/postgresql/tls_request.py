"""How a client asks a PostgreSQL server for TLS."""

from __future__ import annotations

import socket
import struct

# SSLRequest of PostgreSQL's protocol: the length of the message and the request code.
_SSL_REQUEST = struct.pack("!ii", 8, 80877103)


def ask_for_tls(plain: socket.socket) -> str:
    """See `tls.AskForTls`."""
    plain.sendall(_SSL_REQUEST)
    # One byte and no more: what follows belongs to TLS (CVE-2021-23222).
    answer = plain.recv(1)
    if answer == b"S":
        return ""
    return "the server closed the connection" if not answer else "the server does not offer TLS"
