"""The host of a user as MySQL keeps it: in small letters."""

import pytest

from aurora_restore.domain.errors import DbUserSetupFailed
from aurora_restore.domain.observed import Credentials
from aurora_restore.domain.user_fields import db_users
from aurora_restore.domain.users import DbUserLogin, refuse_impossible_logins


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
