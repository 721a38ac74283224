"""Which roles belong to PostgreSQL and to Amazon, and so are neither locked nor acted for.

PostgreSQL keeps `pg_` for itself. Amazon keeps no prefix: a customer may well have an `rdsreport` or an `rds_team`,
so its own roles are named one by one. A new one that can log in would be reported among the logins that came
along, and a lock that RDS refuses would name it: better than a login of production that stays unseen.
"""

from __future__ import annotations

from aurora_restore.database.postgresql.quoting import literal

# Roles of Aurora and RDS for PostgreSQL (user guides, "Understanding PostgreSQL roles and permissions"). The last
# five log in for Amazon's own work on the instance: RDS Proxy ("Amazon RDS Proxy", quotas and limitations: the proxy
# makes `rdsproxyadmin` when a target is registered, and it is not to be changed), replication, monitoring, forwarded
# writes.
AMAZON_ROLES = (
    "rds_ad",
    "rds_extension",
    "rds_iam",
    "rds_password",
    "rds_replication",
    "rds_reserved",
    "rds_superuser",
    "rdsadmin",
    "rdsproxyadmin",
    "rdsrepladmin",
    "rdstopmgr",
    "rdswriteforwarduser",
)


def is_amazons(column: str) -> str:
    """The condition in SQL that `column` names a role of PostgreSQL or of Amazon."""
    return f"({column} ~ '^pg_' OR {column} IN ({', '.join(literal(name) for name in AMAZON_ROLES)}))"


def is_like_amazons(name: str) -> bool:
    """Whether the name begins as Amazon's do. Where such a role can be altered, it is a customer's after all."""
    return name.startswith("rds")
