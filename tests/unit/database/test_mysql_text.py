"""SQL text for MySQL: names, values, patterns, and what stands for a password."""

from __future__ import annotations

import pytest

from aurora_restore.database.mysql import verifiers
from aurora_restore.database.mysql.attempts import covers
from aurora_restore.database.mysql.quoting import account, grant_pattern, identifier, literal, on_databases
from aurora_restore.database.mysql.versions import NATIVE, SHA2, Version


@pytest.mark.parametrize(
    ("name", "quoted"),
    [
        ("shop", "`shop`"),
        ("a`b", "`a``b`"),
        ("x`; DROP USER y; --", "`x``; DROP USER y; --`"),
        ("o'brien", "`o'brien`"),
        ("back\\slash", "`back\\slash`"),
        ("%s", "`%s`"),
        ("漢字", "`漢字`"),
        ("d" * 64, f"`{'d' * 64}`"),
    ],
)
def test_a_name_is_quoted_as_itself(name: str, quoted: str) -> None:
    assert identifier(name) == quoted


@pytest.mark.parametrize("name", ["", "d" * 65, "a\0b", "a ", "\U0001f418", "\ud800"], ids=ascii)
def test_a_name_that_the_server_would_change_is_not_quoted(name: str) -> None:
    with pytest.raises(ValueError, match="identifier"):
        identifier(name)


@pytest.mark.parametrize("name", ["x" * 33, " a", "a ", "\U0001f418", "a\0"], ids=ascii)
def test_an_account_that_the_server_would_change_is_not_quoted(name: str) -> None:
    with pytest.raises(ValueError, match=r"account|identifier"):
        account(name, "%")


def test_an_account_is_quoted_in_both_its_parts() -> None:
    assert account("a`b'@'%", "10.0.%") == "`a``b'@'%`@`10.0.%`"
    assert account("", "%") == "``@`%`"


@pytest.mark.parametrize(
    ("value", "quoted"),
    [
        ("it's", "'it''s'"),
        ('say "no"', "'say \"no\"'"),
        ("back\\slash", "_utf8mb4 X'6261636b5c736c617368'"),
        ("\\' OR 1 = 1", "_utf8mb4 X'5c27204f522031203d2031'"),
        ("a\0", "_utf8mb4 X'6100'"),
        ("\U0001f418", "'\U0001f418'"),
    ],
)
def test_a_value_means_the_same_with_and_without_backslash_escapes(value: str, quoted: str) -> None:
    assert literal(value) == quoted


def test_a_pattern_of_a_grant_means_its_database_alone() -> None:
    assert grant_pattern("my_db%\\") == "my\\_db\\%\\\\"
    assert grant_pattern("my_db", has_wildcards=False) == "my_db"
    assert on_databases("my\\_db") == "`my\\_db`.*"


def test_a_verifier_is_the_servers_own() -> None:
    """The first is from the manual (PASSWORD('mypass')); the second was made by a server of MySQL 9.7."""
    assert verifiers.verifier(NATIVE, "mypass") == "*6C8989366EAF75BB670AD8EA7A7FC1176A95CEF4"
    assert verifiers.is_of(MADE_BY_SERVER, SHA2, "It's a \\ secret \U0001f418")
    assert not verifiers.is_of(MADE_BY_SERVER, SHA2, "It's a \\ secret")


MADE_BY_SERVER = '$A$00A$6(~DZ&<\x0f\x08U\x01\rqN"\x13sEs\x01XNsNpaaMNVmW8rIO83occIPK42.jLWURoLAZv.i95V/'


@pytest.mark.parametrize("plugin", [NATIVE, SHA2])
@pytest.mark.parametrize("password", ["x", "p" * 256, "Ärger \U0001f418", "'; --"], ids=ascii)
def test_a_verifier_is_of_its_password_alone_and_does_not_hold_it(plugin: str, password: str) -> None:
    made = verifiers.verifier(plugin, password)
    assert made.isprintable()
    assert verifiers.is_of(made, plugin, password)
    assert not verifiers.is_of(made, plugin, password + "x")
    assert len(password) == 1 or password not in made


def test_two_verifiers_of_one_password_differ() -> None:
    assert verifiers.verifier(SHA2, "secret") != verifiers.verifier(SHA2, "secret")


def test_nothing_is_made_or_matched_for_another_plugin() -> None:
    with pytest.raises(ValueError, match="sha256_password"):
        verifiers.verifier("sha256_password", "secret")
    assert not verifiers.is_of("", "AWSAuthenticationPlugin", "secret")
    assert not verifiers.is_of("", SHA2, "secret")


@pytest.mark.parametrize(
    ("said", "roles", "comments", "replica"),
    [
        ("5.7.12-log", False, False, False),
        ("8.0.20", True, False, False),
        ("8.0.39", True, True, True),
        ("8.4.7", True, True, True),
        ("9.7.4-2", True, True, True),
        ("10.11.18-MariaDB-0+deb12u1-log", False, False, False),
    ],
)
def test_a_version_says_what_it_has(said: str, roles: bool, comments: bool, replica: bool) -> None:
    version = Version.of(said)
    assert (version.has_roles, version.has_comments, version.says_replica) == (roles, comments, replica)


@pytest.mark.parametrize(
    ("host", "address", "is_covered"),
    [
        ("%", "10.0.0.5", True),
        ("10.0.%", "10.0.0.5", True),
        ("10.0.%", "10.1.0.5", False),
        ("10.0.0._", "10.0.0.5", True),
        ("10.0.0.0/255.255.255.0", "10.0.0.5", True),
        ("10.0.0.0/24", "10.0.1.5", False),
        ("10.0.0.0/24", "localhost", False),
        ("10.0x0.5", "10.0.0.5", False),
        ("LOCALHOST", "localhost", True),
    ],
)
def test_a_host_covers_the_addresses_that_the_server_means(host: str, address: str, is_covered: bool) -> None:
    assert covers(host, address) is is_covered
