"""SetupDbUsers with a fault at each login and each statement: at no moment may a user more than was asked for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from pg8000.native import Connection
from tests.contract.database.catalog import Catalog, Fact, can_log_in, rights_of, superusers_sessions
from tests.contract.database.faults import EFFECTS_DAYS, USERS_DAYS, Plan, chosen
from tests.contract.database.faulty_phases import Call, PhaseOnServer
from tests.contract.database.servers import PRODUCTION, RestoredCluster
from tests.support.faults import StatementFault

from aurora_restore.database.postgresql import roles
from aurora_restore.database.postgresql.reach import BORROWED
from aurora_restore.database.postgresql.session import Session
from aurora_restore.domain.observed import Credentials
from aurora_restore.domain.results import Phase
from aurora_restore.domain.users import DbUserLogin
from aurora_restore.steps.setup_db_users import setup_db_users

WRITER, REPORTS = Credentials("writer", "Writers-secret-4711"), Credentials("reports", "Reports-secret-4711")
PRODUCTIONS_REPORTS = Credentials("reports", "Production-reports-4711")
SECRETS = {f"aurora-restore/users/{each.username}": each for each in (WRITER, REPORTS)}
# The enumeration is of our statements, and takes long.
pytestmark = pytest.mark.newest_server
CASES_AT_LEAST, STATES_AT_LEAST = 10, 3
DATABASES = ("postgres", "shop", "books")
USERS: list[dict[str, Any]] = [
    {"username": "writer", "access": "read_write", "databases": ["books"]},
    {"username": "reports", "access": "read_only", "databases": ["shop"]},
]

# `reports` came along with more than it is to have; `books` lets only its owner in.
CAME_ALONG = {
    "postgres": (
        f"ALTER ROLE reports LOGIN CREATEDB PASSWORD '{PRODUCTIONS_REPORTS.password}';"
        f"ALTER ROLE shop_app LOGIN PASSWORD '{PRODUCTION.password}';"
        "COMMENT ON ROLE shop_app IS NULL;"
        "GRANT team TO reports GRANTED BY master;"
    ),
    "shop": (
        "GRANT INSERT ON app.orders TO reports WITH GRANT OPTION;"
        "GRANT USAGE ON SCHEMA app TO reports;"
        "ALTER DEFAULT PRIVILEGES FOR ROLE shop_app GRANT DELETE ON TABLES TO reports;"
    ),
    "books": "GRANT CREATE ON DATABASE books TO reports;",
}
ONCE = {
    "postgres": (
        "CREATE ROLE team; GRANT team TO master WITH ADMIN OPTION; CREATE ROLE reports;"
        "GRANT reports TO master WITH ADMIN OPTION;"
        "ALTER DATABASE books OWNER TO shop_app; REVOKE ALL ON DATABASE books FROM PUBLIC;"
    ),
    "shop": "DROP FUNCTION app.secret_sum; DROP MATERIALIZED VIEW app.totals; DROP TABLE public.notes;",
    "books": "",
}
FORGET = "DROP OWNED BY writer, reports;"


class Users:
    """The phase on the server, and what the catalog says before it and after it without a fault."""

    def __init__(self, cluster: RestoredCluster, sessions: list[Connection]) -> None:
        self._sessions = dict(zip(DATABASES, sessions, strict=True))
        passwords = [each.password for each in (WRITER, REPORTS, PRODUCTIONS_REPORTS, PRODUCTION)]
        self.catalog = Catalog(sessions, passwords)
        self.gone_on_from: set[tuple[frozenset[Fact], str]] = set()
        self._run(ONCE)
        self._run(CAME_ALONG)
        self.before = self.catalog.facts()
        self.phase = PhaseOnServer(
            cluster,
            Phase.SETUP_DB_USERS,
            setup_db_users,
            SECRETS,
            db_users=[{**each, "secret_id": f"aurora-restore/users/{each['username']}"} for each in USERS],
            lock_other_logins=True,
        )
        self.faultless = self.phase.end()
        self.asked = self.catalog.facts()
        self.reset()

    def reset(self) -> None:
        """As it came along: the roles and rights alone, which is all that the phase changes."""
        made = "SELECT rolname FROM pg_roles WHERE rolname IN ('writer', 'aurora_restore_borrowed')"
        for [role] in self._sessions["postgres"].run(made):
            self._run(dict.fromkeys(DATABASES, f"DROP OWNED BY {role};"))
            self._run({"postgres": f"DROP ROLE {role};"})
        self._run(dict.fromkeys(DATABASES, "DROP OWNED BY reports;"))
        self._run(CAME_ALONG)
        assert self.catalog.facts() == self.before

    def violations(self, plan: Plan) -> Iterator[str]:
        """One call with the fault, then further ones until the phase ends; what is wrong after either of them."""
        call = self.phase.until_fault(plan)
        facts = self.catalog.facts()
        where = f"{plan.kind} at {plan.at}, {plan.places[-1][:100]!r}"
        yield from (f"{where}: meanwhile {words}" for words in self._more_than_asked(facts))
        state = (facts, call.memory)
        # What comes next depends on nothing else: a state that was gone on from leads where it led before.
        if not call.is_final and state not in self.gone_on_from:
            self.gone_on_from.add(state)
            call = self.phase.end(before=call)
            facts = self.catalog.facts()
            yield from (f"{where}: at the end {words}" for words in self._more_than_asked(facts))
        if call.is_done and facts != self.asked and not is_told(call, facts ^ self.asked):
            yield f"{where}: there is {sorted(facts - self.asked)}, not {sorted(self.asked - facts)}"
        if call.error is not None and plan.kind is not StatementFault.REFUSED:
            yield f"{where}: ended with {call.error}"
        if facts != self.before:
            self.reset()

    def _more_than_asked(self, facts: frozenset[Fact]) -> Iterator[str]:
        """Of each user that can log in what it has beyond its level. What came along untouched is not ours."""
        for user in ("writer", "reports"):
            more = rights_of(facts, user) - rights_of(self.asked, user)
            if more and can_log_in(facts, user) and about(facts, user) != about(self.before, user):
                yield f"{user} can log in and has {sorted(more)}"

    def _run(self, statements: dict[str, str]) -> None:
        for database, each in statements.items():
            self._sessions[database].run(each)


@pytest.fixture
def users(cluster: RestoredCluster) -> Iterator[Users]:
    with superusers_sessions(cluster, DATABASES) as sessions:
        yield Users(cluster, sessions)
    cluster.run("ALTER DATABASE books OWNER TO master", login=cluster.superuser, database="postgres")


def about(facts: frozenset[Fact], user: str) -> set[Fact]:
    return {fact for fact in facts if fact[1] == user}


def is_told(call: Call, differences: frozenset[Fact]) -> bool:
    """Whether a note names the databases or the role in which something is not as it was to be."""
    notes = " ".join(call.record["restore_details"]["user_notes"])
    subjects = {
        fact[1] if fact[0] in ("role", "rest of role", "member") else fact[2].split(" ")[0]
        for fact in differences
    }
    return all(subject in notes or BORROWED in notes for subject in subjects)


@pytest.mark.one_day_in(USERS_DAYS)
@pytest.mark.parametrize("kind", StatementFault)
def test_a_fault_at_any_place_gives_no_user_more_than_it_is_to_have(
    users: Users, kind: StatementFault
) -> None:
    places = users.faultless.plan.places
    cases = chosen(places, kind, days=EFFECTS_DAYS)
    found = [words for at in cases for words in users.violations(Plan(kind, at))]

    assert found == [], "\n".join(found)
    assert len(cases) >= CASES_AT_LEAST
    # No call follows a final refusal.
    assert len(users.gone_on_from) >= STATES_AT_LEAST or kind is StatementFault.REFUSED


def test_the_enumeration_sees_a_role_that_is_opened_before_its_rights_are_set(
    users: Users, monkeypatch: pytest.MonkeyPatch
) -> None:
    def opened_at_once(session: Session, login: DbUserLogin, *rest: Any, **more: Any) -> str:
        action = prepare(session, login, *rest, **more)
        roles.open_login(session, login.user)
        return action

    prepare = roles.prepare
    monkeypatch.setattr(roles, "prepare", opened_at_once)
    cases = chosen(users.faultless.plan.places, StatementFault.DIES)

    # The first case that shows it is enough.
    found = (words for at in cases for words in users.violations(Plan(StatementFault.DIES, at)))

    assert any("meanwhile reports can log in and has" in words and "INSERT" in words for words in found)
