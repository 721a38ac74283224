"""Which accounts belong to MySQL and to Amazon, and so are neither locked nor reported."""

from __future__ import annotations

from aurora_restore.domain.engines import ENGINES, MYSQL

# Aurora's own work on the instance: administration, replication, RDS Proxy, monitoring, forwarded writes. Roles of
# Amazon (rds_superuser_role, AWS_LAMBDA_ACCESS, …) are accounts that cannot log in.
AMAZON_ACCOUNTS = frozenset(
    {
        "rdsrepladmin",
        "rdsproxyadmin",
        "rdstopmgr",
        "rdswriteforwarduser",
        "rds_superuser_role",
        "AWS_BEDROCK_ACCESS",
        "AWS_COMPREHEND_ACCESS",
        "AWS_LAMBDA_ACCESS",
        "AWS_LOAD_S3_ACCESS",
        "AWS_SAGEMAKER_ACCESS",
        "AWS_SELECT_S3_ACCESS",
    }
)
# Accounts of the server's own, and Amazon's administrator: with another host it is a customer's account.
_LOCAL_ACCOUNTS = frozenset({"mysql.sys", "mysql.session", "mysql.infoschema", "mariadb.sys", "rdsadmin"})
SYSTEM_DATABASES = ENGINES[MYSQL].kept_databases


def is_amazons(username: str, host: str) -> bool:
    return username in AMAZON_ACCOUNTS or (username in _LOCAL_ACCOUNTS and host == "localhost")


def is_like_amazons(username: str) -> bool:
    """Whether the name begins as Amazon's do. Where such an account can be altered, it is a customer's after all."""
    return username.startswith(("rds", "mysql.", "mariadb."))
