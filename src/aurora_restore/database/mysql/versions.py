"""What the server is, and what follows from it. Where versions differ, a comment names them and says why.

Aurora MySQL 2 is MySQL 5.7, version 3 is 8.0 (8.0.23 and later) and 8.4. MariaDB is none of Aurora's: the tests use it
where an account with `mysql_native_password` is needed, which MySQL 9 has no longer.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

NATIVE, SHA2 = "mysql_native_password", "caching_sha2_password"


@dataclass(frozen=True)
class Version:
    """`numbers`: as in 8.0.39. `is_mariadb`: its numbers are not MySQL's."""

    numbers: tuple[int, ...]
    is_mariadb: bool = False

    @classmethod
    def of(cls, text: str) -> Version:
        """From the answer to `SELECT VERSION()`: `8.0.39`, `5.7.12-log`, `10.11.18-MariaDB-0+deb12u1`."""
        numbers = re.match(r"\d+(?:\.\d+)*", text)
        return cls(
            tuple(map(int, numbers.group().split("."))) if numbers else (0,), "mariadb" in text.lower()
        )

    @property
    def has_roles(self) -> bool:
        """Roles, and global privileges by name (`mysql.role_edges`, `mysql.global_grants`), came with MySQL 8.0."""
        return not self.is_mariadb and self.numbers >= (8, 0)

    @property
    def has_comments(self) -> bool:
        """Accounts have a comment since MySQL 8.0.21: it marks a lock of ours. Without it any lock counts as ours."""
        return not self.is_mariadb and self.numbers >= (8, 0, 21)

    @property
    def has_attributes(self) -> bool:
        """`mysql.user.User_attributes`, with second passwords and second factors, came with MySQL 8.0."""
        return not self.is_mariadb and self.numbers >= (8, 0)

    @property
    def says_replica(self) -> bool:
        """SHOW REPLICA STATUS came with MySQL 8.0.22, and SHOW SLAVE STATUS went with 8.4."""
        return not self.is_mariadb and self.numbers >= (8, 0, 22)

    @property
    def says_source(self) -> bool:
        """Aurora MySQL 3 calls the procedures for replication `..._source`, version 2 `..._master`."""
        return not self.is_mariadb and self.numbers >= (8, 0)
