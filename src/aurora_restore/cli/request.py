"""From the options of the command line to the request, which is the execution's input.

Names of options follow the fields of the request. A file gives the whole request; options override its fields.
Nothing is judged here that the pipeline judges itself: it knows the Region, and reports all problems at once.
"""

from __future__ import annotations

import functools
import json
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from aurora_restore.cli.errors import UsageProblem
from aurora_restore.cli.parameters import Decorator, combined, option
from aurora_restore.domain.request import LATEST
from aurora_restore.domain.states import Strategy
from aurora_restore.domain.users import Access

_SOURCE = "What to restore"
_TARGET = "Where to, and how"
_REPLACED = "If a cluster of that name exists already"
_MEASURED = "What is measured"
_WHOLE = "The whole request"
_REQUEST_FILE = "request_file"


def _option(field: str, *names: str, **settings: Any) -> tuple[str, Decorator]:
    """An option for a field of the request."""
    return field, option(*names, field, **settings)


_OPTIONS = (
    _option(
        "source_snapshot_date",
        "--source-date",
        metavar="YYYY-MM-DD",
        heading=_SOURCE,
        help="Day of the snapshot in UTC, `latest` or `yesterday`; for a rehearsal also `random`.",
    ),
    _option(
        "source_cluster_id",
        "--source-cluster",
        heading=_SOURCE,
        help="Cluster that the snapshot is of.",
    ),
    _option(
        "source_snapshot_identifier",
        "--source-snapshot",
        heading=_SOURCE,
        help="Name or ARN of one snapshot, instead of a day.",
    ),
    _option("source_region", "--source-region", heading=_SOURCE, help="Region of the snapshot."),
    _option("target_cluster_id", "--target-cluster", heading=_TARGET, help="Name of the cluster to make."),
    _option(
        "target_region",
        "--target-region",
        heading=_TARGET,
        help="Region in which the pipeline is deployed.",
    ),
    _option("db_instance_class", "--instance-class", heading=_TARGET, help="Class of the instances."),
    _option("instance_count", "--instance-count", type=int, heading=_TARGET, help="How many instances."),
    _option(
        "vpc_security_group_ids",
        "--security-group",
        multiple=True,
        metavar="SG-ID",
        heading=_TARGET,
        help="Security group; may be repeated.",
    ),
    _option("db_subnet_group_name", "--subnet-group", heading=_TARGET, help="DB subnet group."),
    _option("kms_key_id", "--kms-key", heading=_TARGET, help="Key of the target Region to encrypt with."),
    _option(
        "db_users",
        "--db-user",
        multiple=True,
        metavar="NAME:ACCESS:SECRET-ID",
        callback=lambda _context, _option, texts: parse_db_users(texts),
        heading=_TARGET,
        help="User to set up: NAME:ACCESS:SECRET-ID, ACCESS being read_only, read_write or admin; SECRET-ID `iam` "
        "for an IAM user; NAME on Aurora MySQL also 'NAME'@'HOST'; may be repeated.",
    ),
    _option(
        "engine_version",
        "--engine-version",
        metavar="VERSION",
        heading=_TARGET,
        help="A newer minor version than the snapshot's. Default: the snapshot's.",
    ),
    _option(
        "lock_other_logins",
        "--lock-other-logins/--keep-other-logins",
        default=None,
        heading=_TARGET,
        help="Disable the logins that came along with the snapshot.",
    ),
    _option(
        "admin_secret_id",
        "--admin-secret",
        metavar="SECRET-ID",
        heading=_TARGET,
        help="Secret with the master user's name and the password it gets. Default: the deployment's (AdminSecretId).",
    ),
    _option(
        "quiet_start",
        "--quiet-start/--no-quiet-start",
        default=None,
        heading=_TARGET,
        help="Stop what came along with the snapshot and acts by itself: subscriptions, logical slots, jobs of "
        "pg_cron; replication channels, events. Default: yes.",
    ),
    _option(
        "quarantine_security_group_ids",
        "--quarantine-security-group",
        multiple=True,
        metavar="SG-ID",
        heading=_TARGET,
        help="Security group that the cluster has until it gets its own before the switch; may be repeated.",
    ),
    _option(
        "delete_cluster_if_exists",
        "--replace",
        "--delete-cluster-if-exists/--keep-cluster-if-exists",
        default=None,
        heading=_REPLACED,
        help="Replace it. Without this the run is refused before anything is touched.",
    ),
    _option(
        "replace_strategy",
        "--replace-strategy",
        type=click.Choice([Strategy.SWAP.value, Strategy.DELETE_FIRST.value]),
        heading=_REPLACED,
        help="`swap` (default): the new one is made under a staging name and takes the target's when it is proved; "
        "`delete_first`: the old one is removed first, where there is no room for two.",
    ),
    _option(
        "keep_replaced_hours",
        "--keep-replaced-hours",
        type=float,
        metavar="HOURS",
        heading=_REPLACED,
        help="Keep it, renamed and stopped, so that `undo` can put it back: up to 168. Default: 0.",
    ),
    _option(
        "final_snapshot",
        "--final-snapshot/--no-final-snapshot",
        default=None,
        heading=_REPLACED,
        help="Whether a final snapshot of it is made before it is deleted. Default: yes.",
    ),
    _option(
        "final_snapshot_retention_days",
        "--final-snapshot-retention-days",
        type=int,
        metavar="DAYS",
        heading=_REPLACED,
        help="Days after which that snapshot is removed; 0: never. Default: 35.",
    ),
    _option(
        "accept_differences",
        "--accept-difference",
        multiple=True,
        metavar="FIELD",
        heading=_REPLACED,
        help="Field in which the new one may differ without having been asked to; may be repeated.",
    ),
    _option(
        _REQUEST_FILE,
        "--request",
        metavar="FILE",
        heading=_WHOLE,
        help="JSON file with the whole request, `-` for standard input; options override its fields.",
    ),
)


_OF_REHEARSALS = (
    _option(
        "rto_minutes",
        "--rto-minutes",
        type=float,
        metavar="MINUTES",
        heading=_MEASURED,
        help="Objective: the time from the start until a client is proved to reach the new cluster.",
    ),
    _option(
        "rpo_hours",
        "--rpo-hours",
        type=float,
        metavar="HOURS",
        heading=_MEASURED,
        help="Objective: the age of the snapshot at the start.",
    ),
    _option(
        "hold_hours",
        "--hold-hours",
        type=float,
        metavar="HOURS",
        heading=_MEASURED,
        help="Hold the scratch cluster for so long before it is deleted: up to 48. Default: 0.",
    ),
    _option(
        "window_days",
        "--window-days",
        type=int,
        metavar="DAYS",
        heading=_MEASURED,
        help="With --source-date random: draw one of the last so many days. Default: 30.",
    ),
)
_FIELD = re.compile(r"[a-z]+(?:_[a-z]+)+")
_OF_REPLACED = frozenset(
    {
        "delete_cluster_if_exists",
        "replace_strategy",
        "keep_replaced_hours",
        "final_snapshot",
        "final_snapshot_retention_days",
        "accept_differences",
    }
)


def options_named(text: str) -> dict[str, str]:
    """The options for the fields of the request that a text names, by field, in the order of the text."""
    names: dict[str, str] = {}
    for field, decorator in (*_OPTIONS, *_OF_REHEARSALS):
        (parameter,) = decorator(click.Command(None)).params
        # `--target-cluster`; of one that can be turned off `--replace/--keep-cluster-if-exists`.
        names[field] = "/".join((*parameter.opts[:1], *parameter.secondary_opts[:1]))
    return {field: names[field] for field in _FIELD.findall(text) if field in names}


def request_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options of a request; it gets what they say as one parameter, `request`."""

    @functools.wraps(command)
    def with_request(**values: Any) -> Any:
        given = {name: values.pop(name) for name, _ in _OPTIONS}
        return command(request=read_request(given), **values)

    return combined(*(decorator for _, decorator in _OPTIONS))(with_request)


def rehearsal_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The same for a rehearsal, which replaces nothing: the newest snapshot unless another is named."""
    of_restore = tuple(each for each in _OPTIONS if each[0] not in _OF_REPLACED)

    @functools.wraps(command)
    def with_request(**values: Any) -> Any:
        asked = {name: values.pop(name) for name, _ in _OF_REHEARSALS}
        given = {name: values.pop(name) for name, _ in of_restore}
        request = read_request(given, needs_target=False)
        of_file = request.get("rehearsal") or {}
        request["rehearsal"] = of_file | {name: value for name, value in asked.items() if value is not None}
        if not request.get("source_snapshot_identifier"):
            request.setdefault("source_snapshot_date", LATEST)
        return command(request=request, **values)

    return combined(*(decorator for _, decorator in (*_OF_REHEARSALS, *of_restore)))(with_request)


def scheduled_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The same for a schedule: a restore, or, where it is asked for, a rehearsal; of the newest snapshot."""

    @functools.wraps(command)
    def with_request(**values: Any) -> Any:
        rehearses = values.pop("rehearses")
        asked = {name: values.pop(name) for name, _ in _OF_REHEARSALS}
        asked = {name: value for name, value in asked.items() if value is not None}
        given = {name: values.pop(name) for name, _ in _OPTIONS}
        request = read_request(given, needs_target=not (rehearses or asked))
        if rehearses or asked:
            request["rehearsal"] = (request.get("rehearsal") or {}) | asked
        if not request.get("source_snapshot_identifier"):
            request.setdefault("source_snapshot_date", LATEST)
        return command(request=request, **values)

    flag = option(
        "--rehearse",
        "rehearses",
        is_flag=True,
        heading=_MEASURED,
        help="Rehearse: delete the restored cluster again. So does each of the options below.",
    )
    options = (*_OPTIONS, ("rehearses", flag), *_OF_REHEARSALS)
    return combined(*(decorator for _, decorator in options))(with_request)


def read_request(given: Mapping[str, Any], *, needs_target: bool = True) -> dict[str, Any]:
    """The request, from what the options say; None and empty mean: not given. A rehearsal needs no target.

    Raises:
        UsageProblem: a file or a value cannot be read, or no target is named.
    """
    file = given.get(_REQUEST_FILE)
    request = read_request_file(file) if file else {}
    # Click gives an empty tuple for an option that was not repeated even once.
    request |= {
        field: list(value) if isinstance(value, tuple) else value
        for field, value in given.items()
        if field != _REQUEST_FILE and value not in (None, (), [])
    }
    # The one field that is checked here: without it not even the operation's record could say what it is about.
    is_rehearsal = request.get("rehearsal") is not None
    if needs_target and not is_rehearsal and not request.get("target_cluster_id"):
        raise UsageProblem(
            "No target cluster was given.",
            "Give --target-cluster NAME, or target_cluster_id in the file of --request.",
        )
    return request


def read_request_file(name: str) -> dict[str, Any]:
    """Read a request from a JSON file, or from standard input for `-`. Raises UsageProblem."""
    where = "standard input" if name == "-" else name
    try:
        text = sys.stdin.read() if name == "-" else Path(name).read_text(encoding="utf-8")
        request = json.loads(text)
    except OSError as error:
        raise UsageProblem(f"The request cannot be read from {where}: {error.strerror}.") from error
    except ValueError as error:
        raise UsageProblem(f"The request in {where} is not JSON: {error}.") from error
    if not isinstance(request, dict):
        raise UsageProblem(f"The request in {where} is to be a JSON object with the request's fields.")
    return request


def parse_db_users(texts: Sequence[str]) -> list[dict[str, Any]]:
    """Read `NAME:ACCESS:SECRET-ID`, or `'NAME'@'HOST':ACCESS:SECRET-ID` as MySQL writes an account.

    The ARN of a secret, and what is in apostrophes, may hold further colons. Raises UsageProblem.
    """
    users: list[dict[str, Any]] = []
    for text in texts:
        account, _, rest = text.rpartition("':")
        of_host = re.fullmatch(r"'([^']+)'@'([^']+)", account)
        parts = [of_host[1], *rest.split(":", maxsplit=1)] if of_host else text.split(":", maxsplit=2)
        if len(parts) != 3 or not all(parts):
            raise UsageProblem(
                f"--db-user `{text}` is not NAME:ACCESS:SECRET-ID.",
                "For example: --db-user reporting:read_only:aurora-restore/reporting. Other forms (a name with a "
                "colon, single databases) go into the file of --request.",
            )
        username, access, login = parts
        if access not in tuple(Access):
            known = ", ".join(Access)
            raise UsageProblem(f"--db-user `{text}`: the access `{access}` is none of {known}.")
        credentials: dict[str, Any] = {"iam": True} if login == "iam" else {"secret_id": login}
        host = {"host": of_host[2]} if of_host else {}
        users.append({"username": username, **host, **credentials, "access": access})
    return users
