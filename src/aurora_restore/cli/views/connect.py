"""How to connect to what was restored, as a command that can be pasted."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from aurora_restore.cli.views.common import account_words
from aurora_restore.domain.engines import MYSQL
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
    """A call of the engine's own client over verified TLS; None before there is an endpoint.

    As the first user that was set up, else as the master user.
    """
    if not restored.endpoint:
        return None
    user = restored.users[0] if restored.users else RestoredUser.read(None)
    login = user.username or plan.source.master_username
    databases = (database,) if database else user.databases
    if plan.source.engine == MYSQL:
        return _mysql(restored, restored.endpoint, login, databases, ca_bundle)
    return _psql(restored, restored.endpoint, login, databases or ("postgres",), ca_bundle)


def _mysql(
    restored: RestoreDetails, host: str, login: str | None, databases: Sequence[str], ca_bundle: str | None
) -> str:
    options = {
        "host": host,
        "port": restored.port,
        "user": login,
        "ssl-mode": "VERIFY_IDENTITY",
        "ssl-ca": ca_bundle or RDS_BUNDLE,
    }
    words = [f"--{name}={value}" for name, value in options.items() if value]
    # The password is asked for.
    return " ".join(map(shlex.quote, ["mysql", *words, "--password", *databases[:1]]))


def _psql(
    restored: RestoreDetails, host: str, login: str | None, databases: Sequence[str], ca_bundle: str | None
) -> str:
    parts = {
        "host": host,
        # Not every system's resolver knows that these names are the loopback's; the certificate is checked by `host`.
        "hostaddr": LOOPBACK if host.endswith(LOCAL_SUFFIX) else None,
        "port": restored.port,
        "dbname": databases[0],
        "user": login,
        "sslmode": "verify-full",
        "sslrootcert": ca_bundle or RDS_BUNDLE,
    }
    conninfo = " ".join(f"{name}={_quoted(str(value))}" for name, value in parts.items() if value)
    # For a POSIX shell; in double quotes where that reads better and means the same.
    plain = "'" in conninfo and not any(character in conninfo for character in '"$`\\!')
    return f'psql "{conninfo}"' if plain else f"psql {shlex.quote(conninfo)}"


def password_secret(restored: RestoreDetails, plan: PlanItem) -> str | None:
    """The secret with the password of the user that `connect_command` names; None for an IAM user."""
    if not restored.users:
        return plan.admin_secret_id
    secrets = {account_words(user): user.secret_id for user in plan.db_users}
    return secrets.get(account_words(restored.users[0]))


def _quoted(value: str) -> str:
    """A value of a connection string: quoted as libpq wants it, only where it has to be."""
    if value and not any(character in value for character in " '\\"):
        return value
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"
