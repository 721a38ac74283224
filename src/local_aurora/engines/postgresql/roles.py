"""Aurora's roles and rules of access, as far as a restore meets them.

Sources: AuroraUserGuide, "Understanding the rds_superuser role", "Understanding PostgreSQL roles and permissions"
and "UsingWithRDS.IAMDBAuth.DBAccounts"; the differences are named where they are made.
"""

from __future__ import annotations

from collections.abc import Iterator

from local_aurora.access import Login

ADMIN = "rdsadmin"
INSTANCE_SETTING = "aurora.db_instance_identifier"
# AuroraUserGuide, "aurora_db_instance_identifier": the name of the DB instance that one is connected to.
_INSTANCE_FUNCTION = (
    "CREATE FUNCTION pg_catalog.aurora_db_instance_identifier() RETURNS text LANGUAGE sql STABLE "
    f"AS $$ SELECT pg_catalog.current_setting('{INSTANCE_SETTING}') $$"
)

# What Aurora shows as the memberships of rds_superuser, with the major version that brought a role of PostgreSQL's.
_SUPERUSER_MEMBERSHIPS = {
    "pg_monitor": 10,
    "pg_signal_backend": 10,
    "pg_checkpoint": 15,
    "rds_replication": 0,
    "rds_password": 0,
}

# Aurora's rds_superuser may grant these although it is not a member. Stock PostgreSQL asks for the ADMIN option,
# which can be had without the privileges of the role. Before 16 it asks for CREATEROLE alone, which the master has,
# and an ADMIN option would bring the privileges along.
_SUPERUSER_GRANTS = {
    "pg_read_all_data": 16,
    "pg_write_all_data": 16,
    "pg_read_all_settings": 16,
    "pg_read_all_stats": 16,
    "pg_stat_scan_tables": 16,
    "pg_maintain": 17,
    "pg_create_subscription": 16,
    "pg_use_reserved_connections": 16,
}
_MEMBERSHIP_OPTIONS_SINCE = 16


def identifier(name: str) -> str:
    """A name as SQL, always quoted."""
    if not name or "\0" in name:
        raise ValueError("A name in SQL is not empty and holds no NUL.")
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """A text as SQL; standard_conforming_strings is on in every server here."""
    if "\0" in text:
        raise ValueError("A text in SQL holds no NUL.")
    return "'" + text.replace("'", "''") + "'"


def aurora_statements(major: int) -> Iterator[str]:
    """What every cluster has before it has a master user. Run as `rdsadmin`, one statement at a time."""
    yield from instance_statements()
    yield f"CREATE DATABASE {ADMIN} OWNER {ADMIN}"
    yield f"REVOKE ALL ON DATABASE {ADMIN} FROM PUBLIC"
    for role in ("rds_password", "rds_iam", "rds_superuser"):
        yield f"CREATE ROLE {role} NOLOGIN"
    # On Aurora a member may use logical slots. Stock PostgreSQL asks for the attribute, which no member inherits.
    yield "CREATE ROLE rds_replication NOLOGIN REPLICATION"
    for role in (name for name, since in _SUPERUSER_MEMBERSHIPS.items() if since <= major):
        yield f"GRANT {role} TO rds_superuser WITH ADMIN OPTION"
    for role in (name for name, since in _SUPERUSER_GRANTS.items() if since <= major):
        yield f"GRANT {role} TO rds_superuser WITH ADMIN TRUE, INHERIT FALSE, SET FALSE"


def instance_statements() -> Iterator[str]:
    """What every database of Aurora has. Run as `rdsadmin` in each from which others are made."""
    yield _INSTANCE_FUNCTION


def master_statements(master: Login, database_name: str | None, major: int) -> Iterator[str]:
    """Make the master user, who owns what a new cluster has."""
    name = identifier(master.username)
    yield f"CREATE ROLE {name}"
    yield from master_password_statements(master, major)
    for database in ("postgres", "template1"):
        yield f"ALTER DATABASE {database} OWNER TO {name}"
    if database_name not in (None, "postgres"):
        yield f"CREATE DATABASE {identifier(str(database_name))} OWNER {name}"


def master_password_statements(master: Login, major: int) -> Iterator[str]:
    """Set the password; as on RDS this also gives back what the master user has lost."""
    name = identifier(master.username)
    yield (
        f"ALTER ROLE {name} LOGIN INHERIT CREATEDB CREATEROLE NOSUPERUSER NOREPLICATION NOBYPASSRLS "
        f"VALID UNTIL 'infinity' PASSWORD {literal(master.password)}"
    )
    yield f"GRANT rds_superuser TO {name} WITH ADMIN OPTION"
    if major >= _MEMBERSHIP_OPTIONS_SINCE:  # before it CREATEROLE lets the master grant it
        yield f"GRANT rds_iam TO {name} WITH ADMIN TRUE, INHERIT FALSE, SET FALSE"


def access_rules(master_username: str) -> str:
    """The pg_hba.conf of a cluster.

    Nothing without TLS (as with rds.force_ssl=1). `rdsadmin` comes from this machine, its database is shut to
    all others. Members of `rds_iam` cannot log in with a password. On Aurora they log in with a token that
    PAM takes to IAM; this PostgreSQL is built without PAM and LDAP, and RADIUS cuts a password at 128
    characters, so a token cannot be checked here and such a login is always refused. The master user comes
    before that rule, because the ADMIN option on `rds_iam` counts as membership in stock PostgreSQL.
    """
    rules = (
        ("hostssl", "all,replication", ADMIN, "127.0.0.1/32", "scram-sha-256"),
        ("host", "all,replication", ADMIN, "all", "reject"),
        ("host", ADMIN, "all", "all", "reject"),
        ("hostssl", "all", identifier(master_username), "all", "scram-sha-256"),
        ("hostssl", "all", "+rds_iam", "all", "reject"),
        ("hostssl", "all", "all", "all", "scram-sha-256"),
    )
    return "".join(" ".join(rule) + "\n" for rule in rules)
