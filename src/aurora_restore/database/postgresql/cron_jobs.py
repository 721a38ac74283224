"""The jobs of pg_cron: the table cron.job, in the one database where the extension is.

Anyone who may create a schema could have made a table of that name, with triggers that run with the rights of the
role that writes to it. So only a table that is pg_cron's own, or of a role of Amazon or the master, is touched.
The commands of jobs are not read: they may hold secrets. (pg_cron: table `cron.job`; AuroraUserGuide, "Scheduling
maintenance with the PostgreSQL pg_cron extension", which changes it with UPDATE.)
"""
# ruff: noqa: S608 - statements are made of the constants of this file

from __future__ import annotations

from dataclasses import dataclass

from aurora_restore.database.found import Found
from aurora_restore.database.postgresql.acting import looking_as
from aurora_restore.database.postgresql.amazon_roles import AMAZON_ROLES, is_amazons
from aurora_restore.database.postgresql.asking import NotSeen
from aurora_restore.database.postgresql.findings_of_cluster import FIRST_OID_OF_USERS
from aurora_restore.database.postgresql.names import Name
from aurora_restore.database.postgresql.quoting import identifier
from aurora_restore.database.postgresql.session import ServerRefused, Session
from aurora_restore.domain.came_along import HIDDEN_JOBS, NAMED_PER_KIND, Finding, Kind, NotLookedInto
from aurora_restore.domain.defusing import Fuse
from aurora_restore.domain.visible_text import visible

_MOST_USERS, _USERS_NAMED = 200, 3
_JOBS_PER_FUSE = 1000
"""A fuse with more of them would be too large for its place in the record: the next look takes the next ones."""


@dataclass(frozen=True)
class _Table:
    owner: Name
    is_plain: bool
    is_trusted: bool
    launches: bool
    """Whether pg_cron is loaded and takes its jobs from this database."""

    is_masters: bool

    @property
    def acts_as(self) -> str:
        """The role to act for: Amazon's roles admit none, but let the master read and write."""
        is_amazons = self.owner.raw in AMAZON_ROLES
        return "" if is_amazons or self.is_masters else self.owner.raw


def cron_database(session: Session) -> str | None:
    """Where pg_cron keeps its jobs; None where it is not loaded."""
    name = session.value("SELECT current_setting('cron.database_name', true)")
    return str(name) if name else None


def cron_jobs(session: Session) -> Found:
    """The jobs of this database, and one fuse for those that are active.

    Raises:
        NotSeen: the table is not safe to touch.
        ServerRefused: in the server's words.
    """
    rows = session.rows(_TABLE)
    if not rows:
        return Found()
    owner, *properties = rows[0]
    table = _Table(Name.of(session, owner), *properties)
    if not table.is_plain or not table.is_trusted:
        raise NotSeen("the table cron.job is not pg_cron's own, and was not touched")
    with looking_as(session, table.acts_as):
        found = _jobs_that_show(session, table, table.acts_as)
        is_hiding = session.value("SELECT row_security_active('cron.job')")
    if is_hiding:
        found.add(_jobs_of_others(session, table))
    return found


def _jobs_that_show(session: Session, table: _Table, role: str, *, own: bool = False) -> Found:
    """Those that the current role may see; with `own` each is changed by the user that owns it."""
    rows = session.rows(_JOBS)
    found = Found()
    for jobid, schedule, where, username, is_active, jobname, _ in rows:
        when, database, user, named = (
            Name.of(session, digits).shown for digits in (schedule, where, username, jobname)
        )
        detail = f"{'active' if is_active else 'inactive'}, {when}, in {database} as {user}"
        name = f"job {jobid}" + (f" ({named})" if named else "")
        ends_with = f"SELECT cron.unschedule({jobid});"
        found.things.append(Finding(Kind.CRON_JOB, visible(session.database), name, ends_with, detail))
    found.count_rest(Kind.CRON_JOB, rows[0][-1] if rows else 0, len(rows))
    if active := [row[0] for row in session.rows(_ACTIVE)]:
        found.fuses.append(_fuse(session.database, table, active, role, own=own))
    return found


def _jobs_of_others(session: Session, table: _Table) -> Found:
    """pg_cron's row security shows each user its own jobs alone, so they are looked at as each of the users."""
    rows = session.rows(
        f"SELECT rolname, has_schema_privilege(oid, 'cron', 'USAGE') FROM pg_roles"
        f" WHERE oid >= {FIRST_OID_OF_USERS} AND NOT {is_amazons('rolname')} AND rolname <> current_user"
        f" ORDER BY oid LIMIT {_MOST_USERS + 1}"
    )
    found, unseen = Found(), ["more users than can be asked for"] if len(rows) > _MOST_USERS else []
    for digits, may_use in rows[:_MOST_USERS]:
        name = Name.of(session, digits)
        # One that may no longer make jobs may still have some.
        usage = "" if may_use else f"GRANT USAGE ON SCHEMA cron TO {identifier(name.raw)}"
        try:
            with looking_as(session, name.raw, granted=usage, granted_by=table.acts_as):
                found.add(_jobs_that_show(session, table, name.raw, own=True))
        except ServerRefused as refused:
            unseen.append(f"{name.shown} ({refused})")
    if unseen:
        more = f" and {len(unseen) - _USERS_NAMED} more" if len(unseen) > _USERS_NAMED else ""
        reason = f"pg_cron shows them to their users alone: {', '.join(unseen[:_USERS_NAMED])}{more}"
        found.not_seen.append(NotLookedInto(visible(session.database), reason, HIDDEN_JOBS))
    return found


_TABLE = (
    "SELECT r.rolname, c.relkind = 'r' AND NOT c.relhasrules,"
    " r.rolsuper OR r.rolname = current_user OR EXISTS (SELECT FROM pg_depend d"
    " JOIN pg_extension e ON e.oid = d.refobjid AND d.refclassid = CAST('pg_extension' AS regclass)"
    " WHERE d.classid = CAST('pg_class' AS regclass) AND d.objid = c.oid AND d.deptype = 'e'"
    " AND e.extname = 'pg_cron'),"
    " coalesce(current_setting('cron.database_name', true) = current_database(), false),"
    " r.rolname = current_user"
    " FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_roles r ON r.oid = c.relowner"
    " WHERE n.nspname = 'cron' AND c.relname = 'job'"
)
# Versions before 1.4 have no such column.
_JOBNAME = "coalesce(to_jsonb(j) ->> 'jobname', '')"
_JOBS = (
    f"SELECT j.jobid, j.schedule, j.database, j.username,"
    f" j.active, {_JOBNAME}, count(*) OVER ()"
    f" FROM cron.job j ORDER BY j.active DESC, j.jobid LIMIT {NAMED_PER_KIND}"
)
_ACTIVE = f"SELECT jobid FROM cron.job WHERE active ORDER BY jobid LIMIT {_JOBS_PER_FUSE}"


def _fuse(database: str, table: _Table, active: list[int], role: str, *, own: bool) -> Fuse:
    jobs = ", ".join(str(jobid) for jobid in active)
    few = len(active) <= NAMED_PER_KIND
    name = f"jobs {jobs}" if few else f"{len(active)} jobs from {active[0]} to {active[-1]}"
    # A user may change its own jobs with this function (pg_cron 1.4 and later), and not with UPDATE.
    change = (
        f"SELECT cron.alter_job(job_id := jobid, active := {{}}) FROM unnest(CAST('{{{{{jobs}}}}}' AS bigint[])) jobid"
        if own
        else f"UPDATE cron.job SET active = {{}} WHERE jobid IN ({jobs})"
    )
    return Fuse(
        Kind.CRON_JOB,
        visible(database),
        name,
        before={"active_jobs": active, "owner": visible(role)},
        statements=(change.format("false"),),
        take_back=(change.format("true") + ";",),
        connect_to=database,
        owner=role,
        acts=table.launches,
    )
