"""The `Databases` port for every engine: which adapter answers is decided by the engine of the endpoint."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aurora_restore.database import tls
from aurora_restore.domain.engines import MYSQL, POSTGRESQL
from aurora_restore.domain.user_progress import SetupProgress, always

if TYPE_CHECKING:
    from aurora_restore.database.mysql.adapter import MysqlDatabases
    from aurora_restore.database.postgresql.adapter import PostgresDatabases
    from aurora_restore.domain.defusing import Fuse, Outcome, Survey, SurveyProgress
    from aurora_restore.domain.observed import (
        Credentials,
        DatabaseEndpoint,
        EndpointAnswer,
        LoginAttempt,
    )
    from aurora_restore.domain.users import DbUserLogin, UsersReport


class DatabasesByEngine:
    """One adapter for each engine, made at its first use: a function compiles that of the engine that it meets."""

    def __init__(self, ca_bundle_path: Path = tls.RDS_GLOBAL_BUNDLE, **limits: Any) -> None:
        self._ca_bundle_path = ca_bundle_path
        self._limits = limits
        self._adapters: dict[str, PostgresDatabases | MysqlDatabases] = {}

    def _of(self, endpoint: DatabaseEndpoint) -> PostgresDatabases | MysqlDatabases:
        if endpoint.engine in self._adapters:
            return self._adapters[endpoint.engine]
        adapter: PostgresDatabases | MysqlDatabases
        if endpoint.engine == MYSQL:
            from aurora_restore.database.mysql.adapter import MysqlDatabases  # noqa: PLC0415

            adapter = MysqlDatabases(self._ca_bundle_path, **self._limits)
        elif endpoint.engine == POSTGRESQL:
            from aurora_restore.database.postgresql.adapter import PostgresDatabases  # noqa: PLC0415

            adapter = PostgresDatabases(self._ca_bundle_path, **self._limits)
        else:
            # The preflight lets no other engine through.
            raise ValueError(f"there is no adapter for databases of the engine {endpoint.engine}")
        self._adapters[endpoint.engine] = adapter
        return adapter

    def log_in(self, endpoint: DatabaseEndpoint, credentials: Credentials) -> LoginAttempt:
        """See the port, as for all that follows."""
        return self._of(endpoint).log_in(endpoint, credentials)

    def ask_who_answers(self, endpoint: DatabaseEndpoint, credentials: Credentials) -> EndpointAnswer:
        return self._of(endpoint).ask_who_answers(endpoint, credentials)

    def set_up_users(
        self,
        endpoint: DatabaseEndpoint,
        master: Credentials,
        users: Sequence[DbUserLogin],
        lock_other_logins: bool,
        begun: SetupProgress | None = None,
        has_time: Callable[[], bool] = always,
    ) -> UsersReport:
        return self._of(endpoint).set_up_users(endpoint, master, users, lock_other_logins, begun, has_time)

    def survey_copy(
        self,
        endpoint: DatabaseEndpoint,
        master: Credentials,
        begun: SurveyProgress | None = None,
        has_time: Callable[[], bool] = always,
        is_wanted: Callable[[Fuse], bool] | None = None,
    ) -> Survey:
        return self._of(endpoint).survey_copy(endpoint, master, begun, has_time, is_wanted)

    def defuse(
        self,
        endpoint: DatabaseEndpoint,
        master: Credentials,
        fuses: Sequence[Fuse],
        has_time: Callable[[], bool] = always,
    ) -> Outcome:
        return self._of(endpoint).defuse(endpoint, master, fuses, has_time)
