"""Passwords of database users: which can be used, and how PostgreSQL's server and libpq prepare them for SCRAM.

Source: src/common/saslprep.c and scram-common.c of PostgreSQL. Both sides try SASLprep (RFC 4013), and where it does
not admit the password (a letter that Unicode 3.2 did not know, a control character) they take its bytes as they are.
A password of ASCII alone is never changed.
"""

from __future__ import annotations

import unicodedata

from aurora_restore.domain.engines import MYSQL, POSTGRESQL

# With more no login by `caching_sha2_password` succeeds (MAX_PLAINTEXT_LENGTH in sql/auth/sha2_password_common.h).
MYSQL_PASSWORD_BYTES_MOST = 256


def password_problem(password: str, engine: str = POSTGRESQL) -> str | None:
    """Why no client could ever log in with this password, in words that do not hold it; None where one can."""
    if not password:
        return "it is empty"
    if "\0" in password:
        return "it holds a NUL character, which ends a password"
    try:
        length = len(password.encode())
    except UnicodeEncodeError:
        return "it holds half of a surrogate pair, which is not a character"
    if engine == MYSQL and length > MYSQL_PASSWORD_BYTES_MOST:
        return f"it is longer than {MYSQL_PASSWORD_BYTES_MOST} bytes"
    return None


def prepared(password: str) -> bytes:
    """The bytes that SCRAM works on: by SASLprep, or as they are where it does not admit the password.

    The password is one that can be used (`password_problem`).
    """
    if password.isascii():
        return password.encode()
    import stringprep  # noqa: PLC0415 - tables that only a password with other letters than ASCII's needs

    prohibited = (
        stringprep.in_table_a1,  # unassigned in Unicode 3.2
        stringprep.in_table_c12,
        stringprep.in_table_c21_c22,
        stringprep.in_table_c3,
        stringprep.in_table_c4,
        stringprep.in_table_c5,
        stringprep.in_table_c6,
        stringprep.in_table_c7,
        stringprep.in_table_c8,
        stringprep.in_table_c9,
    )
    mapped = "".join(
        " " if stringprep.in_table_c12(letter) else letter
        for letter in password
        if not stringprep.in_table_b1(letter)
    )
    text = unicodedata.normalize("NFKC", mapped)
    if not text or any(is_prohibited(letter) for letter in text for is_prohibited in prohibited):
        return password.encode()
    # RFC 3454, section 6: letters that run from right to left are first and last, and not mixed with others.
    runs_left = [stringprep.in_table_d1(letter) for letter in text]
    if any(runs_left) and not (
        runs_left[0] and runs_left[-1] and not any(stringprep.in_table_d2(letter) for letter in text)
    ):
        return password.encode()
    return text.encode()
