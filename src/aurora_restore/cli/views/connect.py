"""How to connect to what was restored, as a command that can be pasted."""

from __future__ import annotations

import shlex

from aurora_restore.domain.record import PlanItem, RestoreDetails, RestoredUser

# Where RDS publishes the authorities that sign its servers' certificates:
# https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/UsingWithRDS.SSL.html
RDS_BUNDLE = "global-bundle.pem"
LOCAL_SUFFIX, LOOPBACK = ".localhost", "127.0.0.1"


def connect_command(
    restored: RestoreDetails,
    plan: PlanItem,
    ca_bundle: str | None,
    database: str | None = None,
) -> str | None:
    """A `psql` call over verified TLS; None before there is an endpoint.

    As the first user that was set up, else as the master user.
    """
    if not restored.endpoint:
        return None
    user = restored.users[0] if restored.users else RestoredUser.read(None)
    databases = user.databases or ("postgres",)
    parts = {
        "host": restored.endpoint,
        # Not every system's resolver knows that these names are the loopback's; the certificate is checked by `host`.
        "hostaddr": LOOPBACK if restored.endpoint.endswith(LOCAL_SUFFIX) else None,
        "port": restored.port,
        "dbname": database or databases[0],
        "user": user.username or plan.source.master_username,
        "sslmode": "verify-full",
        "sslrootcert": ca_bundle or RDS_BUNDLE,
    }
    conninfo = " ".join(f"{name}={_quoted(str(value))}" for name, value in parts.items() if value)
    return f"psql {_for_the_shell(conninfo)}"


def password_secret(restored: RestoreDetails, plan: PlanItem) -> str | None:
    """The secret with the password of the user that `connect_command` names; None for an IAM user."""
    if not restored.users:
        return plan.admin_secret_id
    secrets = {user.username: user.secret_id for user in plan.db_users}
    return secrets.get(restored.users[0].username)


def _for_the_shell(text: str) -> str:
    """Quoted for a POSIX shell; in double quotes where that reads better and means the same."""
    plain = "'" in text and not any(character in text for character in '"$`\\!')
    return f'"{text}"' if plain else shlex.quote(text)


def _quoted(value: str) -> str:
    """A value of a connection string: quoted as libpq wants it, only where it has to be."""
    if value and not any(character in value for character in " '\\"):
        return value
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"
