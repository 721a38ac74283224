"""Which roles belong to PostgreSQL and to Amazon, and so are nobody's to lock or to act for.

PostgreSQL keeps `pg_` for itself. Amazon keeps no prefix: a customer may well have an `rdsreport` or an `rds_team`,
so its own roles are named one by one. A new one that can log in would be reported among the logins that came
along, and a lock that RDS refuses would name it: better than a login of production that nobody sees.
"""

from __future__ import annotations

from aurora_restore.database.quoting import literal

# Roles of Aurora and RDS for PostgreSQL (user guides, "Understanding PostgreSQL roles and permissions"; the last
# four log in for Amazon's own work on the instance: replication, monitoring, forwarded writes).
AMAZON_ROLES = (
    "rds_ad",
    "rds_extension",
    "rds_iam",
    "rds_password",
    "rds_replication",
    "rds_reserved",
    "rds_superuser",
    "rdsadmin",
    "rdsrepladmin",
    "rdstopmgr",
    "rdswriteforwarduser",
)


def is_amazons(column: str) -> str:
    """The condition in SQL that `column` names a role of PostgreSQL or of Amazon."""
    return f"({column} ~ '^pg_' OR {column} IN ({', '.join(literal(name) for name in AMAZON_ROLES)}))"
