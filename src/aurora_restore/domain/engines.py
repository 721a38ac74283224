"""What differs between the engines, in one table: one row for each engine that the pipeline knows.

A new engine is a new row here and a new folder in `database/`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

POSTGRESQL, MYSQL = "aurora-postgresql", "aurora-mysql"

# Printable ASCII without / ' " @ and space (AuroraUserGuide, "Quotas and constraints for Amazon Aurora").
_MASTER_PASSWORD_LETTER = re.compile(r"(?![/'\"@ ])[!-~]")


@dataclass(frozen=True)
class Engine:
    """One engine of Aurora.

    Attributes:
        name: as RDS calls it.
        words: as people call it.
        default_port: where a cluster listens unless its request says otherwise.
        numbers_of_major: how many numbers of a version say which major version it is.
        family_prefix: how the families of its parameter groups begin.
        log_exports: the logs that RDS can export to CloudWatch (API reference of RestoreDBClusterFromSnapshot).
        master_password_most: the most characters of a master password; the least are 8 for every engine.
        username_bytes_most, username_letters_most: the longest name of a database user; None where only the other
            number counts.
        quiet_parameters: parameters of the cluster's group that keep a copy quiet from its first start on.
        quieted: what of a copy is put to rest, in words.
        looked_for: what of a copy is listed, in words.
        leads_out: whether a database can hold logins to other servers, and tables that are there.
        iam_login: what lets a user log in by IAM and not by its password.
        users_have_hosts: whether an account is made of a name and of the hosts that it logs in from.
        database_bytes_most, database_letters_most: the longest name of a database; None where only the other number
            counts.
        kept_databases: in small letters, databases of the engine and of RDS, in which no user gets anything.
        reserved_prefixes, reserved_names: in small letters, names that the engine or Amazon keeps for itself.
    """

    name: str
    words: str
    default_port: int
    numbers_of_major: int
    family_prefix: str
    log_exports: frozenset[str]
    master_password_most: int
    username_bytes_most: int | None
    username_letters_most: int | None
    quiet_parameters: Mapping[str, str]
    quieted: str
    looked_for: str
    leads_out: bool
    iam_login: str
    users_have_hosts: bool
    database_bytes_most: int | None
    database_letters_most: int | None
    kept_databases: frozenset[str]
    reserved_prefixes: tuple[str, ...]
    reserved_names: frozenset[str]

    @property
    def master_password_rule(self) -> str:
        return (
            f"{self.words} takes 8 to {self.master_password_most} printable ASCII characters, without / ' \" @ and "
            "space."
        )

    def takes_master_password(self, password: str) -> bool:
        return 8 <= len(password) <= self.master_password_most and all(
            map(_MASTER_PASSWORD_LETTER.fullmatch, password)
        )

    def is_reserved(self, username: str) -> bool:
        name = username.casefold()
        return name in self.reserved_names or name.startswith(self.reserved_prefixes)

    def database_problem(self, name: str) -> str | None:
        """Why no user can have access to a database of this name, in words; None where nothing is against it."""
        # In small letters: MySQL compares the names of its own databases without regard to case.
        if name.lower() in self.kept_databases:
            return f"it belongs to {self.words} or to Amazon RDS"
        return _too_long(name, self.database_letters_most, self.database_bytes_most)

    def username_length_problem(self, username: str) -> str | None:
        """Why the name is too long; None where it is not."""
        return _too_long(username, self.username_letters_most, self.username_bytes_most)


def _too_long(name: str, letters_most: int | None, bytes_most: int | None) -> str | None:
    if letters_most is not None and len(name) > letters_most:
        return f"it is longer than {letters_most} characters"
    if bytes_most is not None and len(name.encode(errors="surrogatepass")) > bytes_most:
        return f"it is longer than {bytes_most} bytes"
    return None


ENGINES: Mapping[str, Engine] = {
    engine.name: engine
    for engine in (
        Engine(
            name=POSTGRESQL,
            words="Aurora PostgreSQL",
            default_port=5432,
            numbers_of_major=1,
            family_prefix="aurora-postgresql",
            log_exports=frozenset({"instance", "postgresql", "iam-db-auth-error"}),
            master_password_most=99,
            username_bytes_most=63,
            username_letters_most=None,
            # No worker of a subscription (static: it holds from the start on), and no job of pg_cron 1.6 and later.
            quiet_parameters={"max_logical_replication_workers": "0", "cron.launch_active_jobs": "off"},
            quieted="subscriptions, logical slots and jobs of pg_cron",
            looked_for="subscriptions, slots, jobs, foreign servers, stored logins and whatever else acts or leads out",
            leads_out=True,
            iam_login="membership of rds_iam",
            users_have_hosts=False,
            database_bytes_most=63,
            database_letters_most=None,
            kept_databases=frozenset({"template0", "template1", "rdsadmin"}),
            # pg_monitor, rdsadmin, rds_superuser, rdsrepladmin, …
            reserved_prefixes=("pg_", "rds"),
            reserved_names=frozenset({"public", "none"}),
        ),
        Engine(
            name=MYSQL,
            words="Aurora MySQL",
            default_port=3306,
            # 8.0.mysql_aurora.3.08.0: a restore as 8.4 would be an upgrade.
            numbers_of_major=2,
            family_prefix="aurora-mysql",
            log_exports=frozenset(
                {"audit", "error", "general", "instance", "slowquery", "iam-db-auth-error"}
            ),
            master_password_most=41,
            username_bytes_most=None,
            username_letters_most=32,
            # No event runs. Since MySQL 8.0 the scheduler is on unless a parameter says otherwise.
            quiet_parameters={"event_scheduler": "OFF"},
            quieted="replication channels and events",
            looked_for="replication channels, enabled events, routines and views that act with the rights of others",
            leads_out=False,
            iam_login="AWSAuthenticationPlugin",
            users_have_hosts=True,
            database_bytes_most=None,
            database_letters_most=64,
            kept_databases=frozenset(
                {"mysql", "information_schema", "performance_schema", "sys", "rdsadmin"}
            ),
            # mysql.sys, mysql.session, rdsadmin, rds_superuser_role, …; the others are Amazon's roles.
            reserved_prefixes=("mysql.", "rds"),
            reserved_names=frozenset(
                {
                    "aws_bedrock_access",
                    "aws_comprehend_access",
                    "aws_lambda_access",
                    "aws_load_s3_access",
                    "aws_sagemaker_access",
                    "aws_select_s3_access",
                }
            ),
        ),
    )
}


def engine_of(name: str | None) -> Engine:
    """The row of an engine. Records of earlier releases name none, and an unknown engine is refused elsewhere."""
    return ENGINES.get(name or POSTGRESQL, ENGINES[POSTGRESQL])


def engine_of_family(family: str) -> Engine:
    """The engine that a family of parameter groups belongs to."""
    found = [engine for engine in ENGINES.values() if family.startswith(engine.family_prefix)]
    return found[0] if found else ENGINES[POSTGRESQL]
