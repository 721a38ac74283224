"""The accounts that came along with the snapshot: production's passwords still open them."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from aurora_restore.database.mysql.accounts import Account, all_accounts
from aurora_restore.database.mysql.amazon_accounts import is_amazons, is_like_amazons
from aurora_restore.database.mysql.session import ServerRefused, Session
from aurora_restore.database.mysql.sessions_of import end_sessions
from aurora_restore.domain.errors import DbUserSetupFailed
from aurora_restore.domain.visible_text import visible


@dataclass(frozen=True)
class OtherLogins:
    """`found`: all of them, the locked ones among them; `locked`: those whose login is disabled; `notes`: of those
    that look like Amazon's and cannot be disabled, and of those whose sessions cannot be recognized."""

    found: tuple[str, ...]
    locked: tuple[str, ...]
    notes: tuple[str, ...] = ()


def survey(session: Session, ours: Collection[tuple[str, str]], *, lock: bool) -> OtherLogins:
    """Find the accounts that are neither `ours` nor of MySQL or Amazon, and lock them if asked to.

    Raises:
        DbUserSetupFailed: some could not be locked; names them.
    """
    everyone = _find(session, ours)
    if not lock:
        return OtherLogins(_names(everyone), _names(each for each in everyone if each.is_locked))
    refusals = [(account, refused) for account in everyone if (refused := _shut(session, account))]
    amazons = [
        (account, refused)
        for account, refused in refusals
        if refused.lacks_privilege and is_like_amazons(account.name)
    ]
    kept = [account for account, _ in amazons]
    failed = [f"{account.shown} ({refused})" for account, refused in refusals if account not in kept]
    if failed:
        raise DbUserSetupFailed(
            f"These logins came along with the snapshot and could not be disabled: {visible(', '.join(failed))}.",
            "Mend in the source cluster what the server's words name (an account with SYSTEM_USER can be changed only "
            "by another one), or disable them there by hand.",
        )
    notes = [
        f"the login {account.shown} was left open: its name is like Amazon's own, and the server does not let the "
        f"master alter it: {refused}"
        for account, refused in amazons
    ]
    notes += [
        f"the anonymous login {account.shown} was disabled, and sessions that it had before may still be open: the "
        "server shows them under other names"
        for account in everyone
        if not account.name
    ]
    return OtherLogins(_names(everyone), _names(each for each in everyone if each not in kept), tuple(notes))


def _names(accounts: Iterable[Account]) -> tuple[str, ...]:
    return tuple(sorted(account.shown for account in accounts))


def _find(session: Session, ours: Collection[tuple[str, str]]) -> list[Account]:
    """Those that can log in, and those that a lock of ours keeps from it.

    Where accounts have no comments (MySQL 5.7), nothing tells a lock of ours from one of production's, and roles do not
    exist: every locked account is reported as locked, which it is.
    """
    marks = session.version.has_comments
    return [
        account
        for account in all_accounts(session)
        if account.key not in ours
        and not is_amazons(*account.key)
        and (not account.is_locked or not marks or account.bears_mark)
    ]


def _shut(session: Session, account: Account) -> ServerRefused | None:
    """Lock the account, marked as ours, and end its sessions; None where both worked."""
    try:
        if not account.is_locked:
            session.run(account.lock(marks=session.version.has_comments))
        # An anonymous account takes in every name that has no account of its own: its sessions cannot be recognized.
        if account.name:
            end_sessions(session, account.name)
    except ServerRefused as refused:
        return refused
    return None
