"""How a client asks a MySQL server for TLS, to look at its certificate alone. The driver does it again for a login."""

from __future__ import annotations

import socket
import struct

_ERROR_PACKET = 0xFF
_PROTOCOL_VERSION = 10
# Capabilities of MySQL's client/server protocol ("Capabilities Flags").
_PROTOCOL_41, _SSL, _SECURE_CONNECTION, _PLUGIN_AUTH = 0x200, 0x800, 0x8000, 0x80000
_UTF8MB4 = 45
_LARGEST_PACKET = 2**24 - 1


def ask_for_tls(plain: socket.socket) -> str:
    """See `tls.AskForTls`. The server speaks first; what it says before TLS is believed in no other matter."""
    header = _exactly(plain, 4)
    greeting = _exactly(plain, int.from_bytes(header[:3], "little")) if header else b""
    if not greeting:
        return "the server closed the connection"
    if greeting[0] == _ERROR_PACKET:
        return f"the server takes no connection: {greeting[3:].decode('utf-8', 'replace')}"
    if greeting[0] != _PROTOCOL_VERSION:
        return "it does not speak MySQL's protocol"
    # The lower half of the capabilities is behind the version's text, an id, eight bytes and a filler.
    place = greeting.find(b"\0", 1) + 1 + 4 + 8 + 1
    if not int.from_bytes(greeting[place : place + 2], "little") & _SSL:
        return "the server does not offer TLS"
    flags = _PROTOCOL_41 | _SSL | _SECURE_CONNECTION | _PLUGIN_AUTH
    request = struct.pack("<IIB23x", flags, _LARGEST_PACKET, _UTF8MB4)
    plain.sendall(len(request).to_bytes(3, "little") + b"\x01" + request)
    return ""


def _exactly(plain: socket.socket, count: int) -> bytes:
    """So many bytes and no more: what follows belongs to TLS."""
    received = b""
    while len(received) < count:
        more = plain.recv(count - len(received))
        if not more:
            return b""
        received += more
    return received
