"""The shops of the demo: production of each engine, with what fills it and what is asked of it.

What differs between the engines is behind two protocols, and a module is one of each: `seed_data` and
`asking_postgresql` for Aurora PostgreSQL, `seed_data_mysql` and `asking_mysql` for Aurora MySQL.
"""
# ruff: noqa: PLC0415 - the driver of an engine is imported where its shop is asked for

from __future__ import annotations

import functools
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Protocol

from aurora_restore.demo.facts import ShopFacts
from aurora_restore.domain.engines import MYSQL, POSTGRESQL
from aurora_restore.domain.observed import Credentials, DatabaseEndpoint

Session = Any
"""A session of the engine's own driver."""
Connect = Callable[[], AbstractContextManager[Session]]
"""Opens a session as one user of one database; it is closed at the end of the `with`."""

PERMISSION_DENIED, LOGIN_REFUSED = "permission denied", "login refused"


@dataclass(frozen=True)
class History:
    """A shop's orders up to one of them: how many fell on a day, and a fingerprint of all rows."""

    orders_of_day: int
    fingerprint: str


class Filling(Protocol):
    """Writes the history of a shop. Its functions are described in `seed_data`."""

    def create_schema(self, connection: Session, /) -> None: ...

    def create_logins(
        self, connection: Session, application_password: str, reporting_password: str, /
    ) -> None: ...

    def add_days(
        self, connection: Session, first_day: date, last_day: date, orders_per_day: int, /
    ) -> None: ...

    def write_later_orders(self, connection: Session, count: int, day: date, /) -> None: ...

    def create_analytics_database(self, connection: Session, /) -> None: ...

    def create_analytics(self, connection: Session, /) -> None: ...

    def add_analytics_days(self, connection: Session, first_day: date, last_day: date, /) -> None: ...

    def facts(self, connection: Session, /) -> ShopFacts: ...


class Asking(Protocol):
    """What the proof asks a shop. A refusal is in words, None where the server did not refuse."""

    def newest_order_id(self, connection: Session, /) -> int:
        """The number of the newest order; 0 where there is none."""

    def history(self, connection: Session, day: date, newest: int, /) -> History:
        """The orders up to the newest one."""

    def later_orders(self, connection: Session, newest: int, /) -> int:
        """How many orders came after that one."""

    def refusal_of_write(self, connection: Session, /) -> str | None:
        """Try to write one row, and take it back."""

    def refusal_of_login(self, connect: Connect, /) -> str | None:
        """Try to log in."""


class Open(Protocol):
    def __call__(
        self, endpoint: DatabaseEndpoint, login: Credentials, database: str, ca_bundle: Path, /
    ) -> AbstractContextManager[Session]: ...


@dataclass(frozen=True)
class Shop:
    """Production of one engine.

    Attributes:
        cluster: the name of its source cluster.
        master_username: of that cluster.
        master_secret: in the source Region: the master's own password there.
        admin_secret: in the target Region: the password that restored clusters get; None for the pipeline's own one.
    """

    engine: str
    cluster: str
    master_username: str
    master_secret: str
    admin_secret: str | None
    filling: Filling
    asking: Asking
    open: Open


@functools.cache
def shop_of(engine: str) -> Shop:
    """Production of an engine of `ENGINES`."""
    if engine == MYSQL:
        from aurora_restore.demo import asking_mysql, seed_data_mysql
        from local_aurora.engines.mysql.admin import connection as open_mysql

        return Shop(
            engine,
            cluster="production-mysql",
            master_username="admin",
            master_secret="production-mysql/master",  # noqa: S106 - the name of a secret
            admin_secret="aurora-restore/mysql-admin-credentials",  # noqa: S106
            filling=seed_data_mysql,
            asking=asking_mysql,
            open=open_mysql,
        )
    from aurora_restore.demo import asking_postgresql, seed_data
    from local_aurora.engines.postgresql.admin import connection as open_postgresql

    return Shop(
        POSTGRESQL,
        cluster="production",
        master_username="postgres",
        master_secret="production/master",  # noqa: S106
        admin_secret=None,
        filling=seed_data,
        asking=asking_postgresql,
        open=open_postgresql,
    )
