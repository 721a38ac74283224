"""States of a production that reach further than the objects of one database: how they are made, and taken back."""

from __future__ import annotations

from pg8000.native import identifier
from tests.contract.database.servers import RestoredCluster, reset

_OWN_DATABASES = ("postgres", "shop", "books", "seed", "template0", "template1")


class as_superuser:  # noqa: N801 - reads as a verb where it is called
    """Run statements as what no customer of RDS is."""

    def __init__(self, cluster: RestoredCluster) -> None:
        self._cluster = cluster

    def __call__(self, *statements: str, database: str = "postgres") -> list[list[object]]:
        return self._cluster.run(*statements, login=self._cluster.superuser, database=database)


def undo_states(cluster: RestoredCluster) -> None:
    """Make the shared cluster what it was: settings, limits, event triggers, databases, then all that `reset` does."""
    run = as_superuser(cluster)
    run("ALTER DATABASE shop RESET ALL", "ALTER DATABASE shop CONNECTION LIMIT -1")
    run(
        "DROP EVENT TRIGGER IF EXISTS gate",
        "DROP FUNCTION IF EXISTS public.refuse() CASCADE",
        database="shop",
    )
    for (name,) in run("SELECT datname FROM pg_database"):
        if name not in _OWN_DATABASES:
            run(
                f"ALTER DATABASE {identifier(name)} ALLOW_CONNECTIONS true CONNECTION LIMIT -1 IS_TEMPLATE false"
            )
            run(f"DROP DATABASE {identifier(name)} WITH (FORCE)")
    run(
        "ALTER DATABASE postgres CONNECTION LIMIT -1",
        "ALTER DATABASE books CONNECTION LIMIT -1",
        "ALTER DATABASE books RESET ALL",
        "ALTER ROLE ALL RESET ALL",
    )
    reset(cluster, fresh_shop=True)
