"""What a user of a real server may not do, tried by that user."""

from __future__ import annotations

from pg8000.native import DatabaseError
from tests.contract.database.servers import OWN_SECRET, RestoredCluster

from aurora_restore.domain.observed import Credentials

ANN = Credentials("ann", OWN_SECRET)


def refusals(
    cluster: RestoredCluster, statements: list[str], user: Credentials = ANN, database: str = "shop"
) -> list[str]:
    """Run each, roll it back, and return those that were refused for want of a privilege."""
    refused = []
    with cluster.session(user, database) as session:
        for statement in statements:
            session.run("BEGIN")
            try:
                session.run(statement)
            except DatabaseError as error:
                if error.args[0]["C"] != "42501":
                    raise
                refused.append(statement)
            session.run("ROLLBACK")
    return refused
