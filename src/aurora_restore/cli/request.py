"""From the options of the command line to the request, which is the execution's input.

Names of options follow the fields of the request. A file gives the whole request; options override its fields.
Nothing is judged here that the pipeline judges itself: it knows the Region, and reports all faults at once.
"""

from __future__ import annotations

import json
import sys
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from aurora_restore.cli.errors import WrongUse
from aurora_restore.domain.users import Access

_SOURCE = "What to restore"
_TARGET = "Where to, and how"
_REPLACED = "If a cluster of that name stands there already"
_WHOLE = "The whole request"

MAX_NAME_CHARACTERS = 80
_REFUSED_IN_A_NAME = frozenset('<>{}[]?*"#%\\^|~`$&,;:/\ufffe\uffff\U0010ffff')
_REFUSED_CATEGORIES = frozenset({"Cc", "Cs", "Zs", "Zl", "Zp"})  # controls, surrogates, white space
_NAME_HINT = "Use letters, digits, `-` and `_`; without --name it is restore-YYYYMMDD-HHMMSS."


def _option(*names: str, help: str, panel: str, metavar: str | None = None) -> Any:
    return typer.Option(*names, help=help, rich_help_panel=panel, metavar=metavar, show_default=False)


class ReplaceStrategy(StrEnum):
    SWAP = "swap"
    DELETE_FIRST = "delete_first"


@dataclass(frozen=True)
class RequestOptions:
    """The options that `start` and `plan` share; None or empty means: not given.

    The name of a field is the name of its field in the request, `request_file` aside.
    """

    source_snapshot_date: Annotated[
        str | None,
        _option(
            "--source-date",
            help="Day of the snapshot in UTC, or `latest`.",
            panel=_SOURCE,
            metavar="YYYY-MM-DD",
        ),
    ] = None
    source_cluster_id: Annotated[
        str | None, _option("--source-cluster", help="Cluster that the snapshot is of.", panel=_SOURCE)
    ] = None
    source_snapshot_identifier: Annotated[
        str | None,
        _option("--source-snapshot", help="Name or ARN of one snapshot, instead of a day.", panel=_SOURCE),
    ] = None
    source_region: Annotated[
        str | None, _option("--source-region", help="Region of the snapshot.", panel=_SOURCE)
    ] = None
    target_cluster_id: Annotated[
        str | None, _option("--target-cluster", help="Name of the cluster to make.", panel=_TARGET)
    ] = None
    target_region: Annotated[
        str | None, _option("--target-region", help="Region that the pipeline stands in.", panel=_TARGET)
    ] = None
    db_instance_class: Annotated[
        str | None, _option("--instance-class", help="Class of the instances.", panel=_TARGET)
    ] = None
    instance_count: Annotated[
        int | None, _option("--instance-count", help="How many instances.", panel=_TARGET)
    ] = None
    vpc_security_group_ids: Annotated[
        list[str] | None,
        _option("--security-group", help="Security group; may be repeated.", panel=_TARGET, metavar="SG-ID"),
    ] = None
    db_subnet_group_name: Annotated[
        str | None, _option("--subnet-group", help="DB subnet group.", panel=_TARGET)
    ] = None
    kms_key_id: Annotated[
        str | None, _option("--kms-key", help="Key of the target Region to encrypt with.", panel=_TARGET)
    ] = None
    db_users: Annotated[
        list[str] | None,
        _option(
            "--db-user",
            help="User to set up: NAME:ACCESS:SECRET-ID, ACCESS being read_only, read_write "
            "or admin; SECRET-ID `iam` for an IAM user; may be repeated.",
            panel=_TARGET,
            metavar="NAME:ACCESS:SECRET-ID",
        ),
    ] = None
    engine_version: Annotated[
        str | None,
        _option(
            "--engine-version",
            help="A newer minor version than the snapshot's. Default: the snapshot's.",
            panel=_TARGET,
            metavar="VERSION",
        ),
    ] = None
    lock_other_logins: Annotated[
        bool | None,
        _option(
            "--lock-other-logins/--keep-other-logins",
            help="Disable the logins that came along with the snapshot.",
            panel=_TARGET,
        ),
    ] = None
    quiet_start: Annotated[
        bool | None,
        _option(
            "--quiet-start/--no-quiet-start",
            help="Put to rest what came along with the snapshot and acts by itself: subscriptions, logical slots, jobs "
            "of pg_cron. Default: yes.",
            panel=_TARGET,
        ),
    ] = None
    quarantine_security_group_ids: Annotated[
        list[str] | None,
        _option(
            "--quarantine-security-group",
            help="Security group that the cluster has until it gets its own before the switch; may be repeated.",
            panel=_TARGET,
            metavar="SG-ID",
        ),
    ] = None
    delete_cluster_if_exists: Annotated[
        bool | None,
        _option(
            "--replace",
            "--delete-cluster-if-exists/--keep-cluster-if-exists",
            help="Replace it. Without this the run is refused before anything is touched.",
            panel=_REPLACED,
        ),
    ] = None
    replace_strategy: Annotated[
        ReplaceStrategy | None,
        _option(
            "--replace-strategy",
            help="`swap` (default): the new one is made beside it and takes its name when it is proved; "
            "`delete_first`: it is removed first, where there is no room for two.",
            panel=_REPLACED,
        ),
    ] = None
    keep_replaced_hours: Annotated[
        float | None,
        _option(
            "--keep-replaced-hours",
            help="Keep it, renamed and stopped, so that `undo` can put it back: up to 168. Default: 0.",
            panel=_REPLACED,
            metavar="HOURS",
        ),
    ] = None
    final_snapshot: Annotated[
        bool | None,
        _option(
            "--final-snapshot/--no-final-snapshot",
            help="Whether a last snapshot of it is made before it is deleted. Default: yes.",
            panel=_REPLACED,
        ),
    ] = None
    final_snapshot_retention_days: Annotated[
        int | None,
        _option(
            "--final-snapshot-retention-days",
            help="Days after which that snapshot is removed; 0: never. Default: 35.",
            panel=_REPLACED,
            metavar="DAYS",
        ),
    ] = None
    accept_differences: Annotated[
        list[str] | None,
        _option(
            "--accept-difference",
            help="Field in which the new one may differ without having been asked to; may be repeated.",
            panel=_REPLACED,
            metavar="FIELD",
        ),
    ] = None
    request_file: Annotated[
        str | None,
        _option("--request", help="JSON file with the whole request, `-` for standard input; options override "
                "its fields.", panel=_WHOLE, metavar="FILE"),
    ] = None  # fmt: skip

    def to_request(self) -> dict[str, Any]:
        """The request. Raises WrongUse where a file or a value cannot be read, or no target is named."""
        request = read_request_file(self.request_file) if self.request_file else {}
        request |= self._given()
        if not request.get("target_cluster_id"):
            raise WrongUse(
                "It is not said which cluster to make.",
                "Give --target-cluster NAME, or target_cluster_id in the file of --request.",
            )
        return request

    def _given(self) -> dict[str, Any]:
        given = {
            option.name: value
            for option in fields(self)
            if option.name != "request_file" and (value := getattr(self, option.name)) not in (None, [])
        }
        if self.db_users:
            given["db_users"] = parse_db_users(self.db_users)
        return given


def read_request_file(name: str) -> dict[str, Any]:
    """Read a request from a JSON file, or from standard input for `-`. Raises WrongUse."""
    where = "standard input" if name == "-" else name
    try:
        text = sys.stdin.read() if name == "-" else Path(name).read_text(encoding="utf-8")
        request = json.loads(text)
    except OSError as error:
        raise WrongUse(f"The request cannot be read from {where}: {error.strerror}.") from error
    except ValueError as error:
        raise WrongUse(f"The request in {where} is not JSON: {error}.") from error
    if not isinstance(request, dict):
        raise WrongUse(f"The request in {where} is to be a JSON object with the request's fields.")
    return request


def parse_db_users(texts: Sequence[str]) -> list[dict[str, Any]]:
    """Read `NAME:ACCESS:SECRET-ID`; a secret's ARN may hold further colons. Raises WrongUse."""
    return [_parse_db_user(text) for text in texts]


def _parse_db_user(text: str) -> dict[str, Any]:
    parts = text.split(":", maxsplit=2)
    if len(parts) != 3 or not all(parts):
        raise WrongUse(
            f"--db-user `{text}` is not NAME:ACCESS:SECRET-ID.",
            "For example: --db-user reporting:read_only:aurora-restore/reporting. Other forms (a name with a "
            "colon, single databases) go into the file of --request.",
        )
    username, access, login = parts
    if access not in tuple(Access):
        known = ", ".join(Access)
        raise WrongUse(f"--db-user `{text}`: the access `{access}` is none of {known}.")
    credentials: dict[str, Any] = {"iam": True} if login == "iam" else {"secret_id": login}
    return {"username": username, **credentials, "access": access}


def read_operation_id(text: str) -> str:
    """The name of an operation, which is that of its execution. Raises WrongUse where Step Functions refuses it.

    Source: API reference of StartExecution, `name`.
    """
    if not text:
        raise WrongUse("--name is empty.", _NAME_HINT)
    if len(text) > MAX_NAME_CHARACTERS:
        raise WrongUse(
            f"--name has {len(text)} characters; Step Functions takes {MAX_NAME_CHARACTERS}.", _NAME_HINT
        )
    if refused := sorted(filter(_is_refused_in_a_name, set(text))):
        listed = " ".join(map(ascii, refused))
        raise WrongUse(f"--name has characters that Step Functions takes in no name: {listed}.", _NAME_HINT)
    return text


def _is_refused_in_a_name(character: str) -> bool:
    return character in _REFUSED_IN_A_NAME or unicodedata.category(character) in _REFUSED_CATEGORIES


def new_operation_id(now: datetime, prefix: str = "restore") -> str:
    """The customary name of an operation: `restore-YYYYMMDD-HHMMSS`, in UTC."""
    return f"{prefix}-{now.astimezone(UTC):%Y%m%d-%H%M%S}"
