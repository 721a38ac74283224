"""What a server stores for a password, computed here: neither the server's logs nor its binary log see the password."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets

from aurora_restore.database.mysql.versions import NATIVE, SHA2

_LETTERS = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
# As MySQL's own (sql/auth/sha2_password_common.h): `$A$`, the rounds in thousands (hexadecimal), `$`, and 20 characters
# of salt before the digest. 5000 rounds are the default of 8.0 and 8.4; every version takes any number.
_STORED = re.compile(r"\$A\$([0-9A-F]{3})\$(.{20})(.{43})", re.DOTALL)
_SALT_CHARACTERS = 20
_ROUNDS = 5000
# The order of the digest's bytes in the text (SHA-crypt, "Unix crypt using SHA-256 and SHA-512", step 22).
_ORDER = (
    (0, 10, 20), (21, 1, 11), (12, 22, 2), (3, 13, 23), (24, 4, 14),
    (15, 25, 5), (6, 16, 26), (27, 7, 17), (18, 28, 8), (9, 19, 29),
)  # fmt: skip


def verifier(plugin: str, password: str) -> str:
    """What `IDENTIFIED WITH plugin AS …` takes.

    Raises:
        ValueError: for an account of this plugin none can be computed.
    """
    if plugin == NATIVE:
        return _native(password)
    if plugin == SHA2:
        salt = "".join(secrets.choice(_LETTERS) for _ in range(_SALT_CHARACTERS))
        return f"$A${_ROUNDS // 1000:03X}${salt}{_sha256_crypt(password.encode(), salt.encode(), _ROUNDS)}"
    raise ValueError(f"no verifier can be computed for the plugin {plugin}")


def is_of(stored: str, plugin: str, password: str) -> bool:
    """Whether a stored verifier is that of the password; False also where that cannot be known."""
    if plugin == NATIVE:
        return hmac.compare_digest(stored.encode(), _native(password).encode())
    parts = _STORED.fullmatch(stored) if plugin == SHA2 else None
    if parts is None:
        return False
    rounds, salt, digest = parts.groups()
    computed = _sha256_crypt(password.encode(), salt.encode(), int(rounds, 16) * 1000)
    return hmac.compare_digest(digest.encode(), computed.encode())


def _native(password: str) -> str:
    # The plugin's own algorithm; which one an account has is the server's choice.
    first = hashlib.sha1(password.encode(), usedforsecurity=False).digest()
    return "*" + hashlib.sha1(first, usedforsecurity=False).hexdigest().upper()


def _sha256_crypt(password: bytes, salt: bytes, rounds: int) -> str:
    """SHA-crypt with SHA-256, but for its limit of 16 characters of salt, which MySQL does not have."""
    second = hashlib.sha256(password + salt + password).digest()
    first = hashlib.sha256(password + salt + _repeated(second, len(password)))
    length = len(password)
    while length:
        first.update(second if length & 1 else password)
        length >>= 1
    digest = first.digest()
    of_password = _repeated(hashlib.sha256(password * len(password)).digest(), len(password))
    of_salt = _repeated(hashlib.sha256(salt * (16 + digest[0])).digest(), len(salt))
    for number in range(rounds):
        odd = number & 1
        parts = [of_password if odd else digest]
        parts += [of_salt] if number % 3 else []
        parts += [of_password] if number % 7 else []
        parts.append(digest if odd else of_password)
        digest = hashlib.sha256(b"".join(parts)).digest()
    groups = [(digest[a] << 16) | (digest[b] << 8) | digest[c] for a, b, c in _ORDER]
    return "".join(_text(group, 4) for group in groups) + _text((digest[31] << 8) | digest[30], 3)


def _repeated(block: bytes, length: int) -> bytes:
    return (block * (length // len(block) + 1))[:length]


def _text(number: int, count: int) -> str:
    return "".join(_LETTERS[number >> 6 * place & 63] for place in range(count))
