"""The host of a user as MySQL keeps it: in small letters."""

import pytest

from aurora_restore.domain.errors import DbUserSetupFailed
from aurora_restore.domain.observed import Credentials
from aurora_restore.domain.user_fields import db_users
from aurora_restore.domain.users import DbUserLogin, refuse_impossible_logins, refuse_missing_databases


def test_two_spellings_of_a_host_are_one_account() -> None:
    users = db_users(
        [
            {"username": "ann", "secret_id": "s", "host": host}
            for host in ("App.Example.COM", "app.example.com")
        ]
    )
    assert [user.host for user in users] == ["app.example.com"] * 2
    logins = [DbUserLogin(user, Credentials("ann", "Own-secret")) for user in users]
    with pytest.raises(DbUserSetupFailed, match="named twice"):
        refuse_impossible_logins("master", logins)


@pytest.mark.parametrize("closed", [{}, {"archive": "it takes no connections"}])
def test_a_missing_database_is_reported_by_the_account_and_opened_only_where_one_is_closed(
    closed: dict[str, str],
) -> None:
    users = db_users([{"username": "ann", "secret_id": "s", "host": "10.%", "databases": ["archive"]}])
    with pytest.raises(DbUserSetupFailed, match=r"'ann'@'10\.%'") as caught:
        refuse_missing_databases(users, ["shop"], closed)
    assert ("ALLOW_CONNECTIONS" in caught.value.hint) == bool(closed)
