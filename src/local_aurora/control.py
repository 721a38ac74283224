"""The control API of the HTTP face, JSON on loopback: what the local stack and tests do beside the RDS API.

GET    /_aurora/state              everything but passwords
GET    /_aurora/durations          PUT: change some {"copy": 30}
GET    /_aurora/quotas             PUT: change some {"clusters": 2}
GET    /_aurora/habits             PUT: change some {"certificate_renewed_by_reboot": true}
POST   /_aurora/resolve            {"host": "<an endpoint>"}: whether DNS knows it by now
GET    /_aurora/faults             POST: add a rule; DELETE: remove all
POST   /_aurora/release            {"name": "<the rule that holds>"}
POST   /_aurora/seed/<what>        cluster, global-cluster, snapshot, subnet-group, security-group, status, tags,
                                   unusable-key
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from local_aurora.access import PasswordLogin
from local_aurora.endpoints import LOOPBACK
from local_aurora.errors import AwsError
from local_aurora.faults import FaultRule
from local_aurora.model import LocalAurora

PREFIX = "/_aurora/"
_Body = dict[str, Any]
_Route = Callable[[LocalAurora, _Body], Any]


def respond(aurora: LocalAurora, method: str, path: str, body: bytes) -> tuple[int, Any]:
    """HTTP status and JSON answer: 404 for an unknown route, 400 with the reason for what cannot be done."""
    route = _ROUTES.get((method, path.removeprefix(PREFIX).strip("/")))
    if route is None:
        known = ", ".join(f"{verb} {PREFIX}{name}" for verb, name in _ROUTES)
        return 404, {"message": f"There is no {method} {path}. Known: {known}."}
    try:
        values = json.loads(body) if body else {}
        if not isinstance(values, dict):
            return 400, {"message": "The body must be a JSON object."}
        return 200, route(aurora, values)
    except (AwsError, KeyError, TypeError, ValueError) as error:
        return 400, {"message": f"{type(error).__name__}: {error}"}


def _state(aurora: LocalAurora, _: _Body) -> Any:
    return aurora.to_json()


def _durations(aurora: LocalAurora, body: _Body) -> Any:
    return aurora.set_durations(body).to_json()


def _quotas(aurora: LocalAurora, body: _Body) -> Any:
    return asdict(aurora.set_quotas(body))


def _habits(aurora: LocalAurora, body: _Body) -> Any:
    return asdict(aurora.set_habits(body))


def _resolve(aurora: LocalAurora, body: _Body) -> Any:
    return {"addresses": [LOOPBACK] if aurora.knows_host(body["host"]) else []}


def _faults(aurora: LocalAurora, _: _Body) -> Any:
    return {"rules": [{**rule.to_json(), "seen": seen} for rule, seen in aurora.faults.in_force()]}


def _add_fault(aurora: LocalAurora, body: _Body) -> Any:
    rule = FaultRule.from_json(body)
    with aurora.locked():
        aurora.faults.add(rule)
    return rule.to_json()


def _clear_faults(aurora: LocalAurora, _: _Body) -> Any:
    with aurora.locked():
        aurora.faults.clear()
    return {}


def _release(aurora: LocalAurora, body: _Body) -> Any:
    return {"released": aurora.release(body["name"])}


def _seed_cluster(aurora: LocalAurora, body: _Body) -> Any:
    parameters = {**body}
    master = PasswordLogin(parameters.pop("MasterUsername"), parameters.pop("MasterUserPassword"))
    cluster = aurora.seed.put_cluster(
        parameters.pop("region"),
        parameters.pop("DBClusterIdentifier"),
        master,
        engine=parameters.pop("Engine", "aurora-postgresql"),
        instances=parameters.pop("instances", None),
        contents=parameters.pop("contents", None),
        members_with=parameters.pop("members_with", None),
        **parameters,
    )
    return {"DBClusterArn": cluster.arn, "Endpoint": cluster.host_name("cluster"), "Port": cluster.port}


def _seed_global_cluster(aurora: LocalAurora, body: _Body) -> Any:
    return {"GlobalClusterResourceId": aurora.seed.put_global_cluster(**body).resource_id}


def _seed_snapshot(aurora: LocalAurora, body: _Body) -> Any:
    options = {**body}
    created_at = datetime.fromisoformat(options.pop("created_at"))
    snapshot = aurora.seed.put_snapshot(
        options.pop("region"),
        options.pop("DBClusterIdentifier"),
        created_at if created_at.tzinfo else created_at.replace(tzinfo=UTC),
        **options,
    )
    return {"DBClusterSnapshotIdentifier": snapshot.identifier, "DBClusterSnapshotArn": snapshot.arn}


def _seed_subnet_group(aurora: LocalAurora, body: _Body) -> Any:
    return {"DBSubnetGroupArn": aurora.seed.put_subnet_group(**body).arn}


def _done(seed: Callable[[LocalAurora], Callable[..., None]]) -> _Route:
    def route(aurora: LocalAurora, body: _Body) -> Any:
        seed(aurora)(**body)
        return {}

    return route


_ROUTES: dict[tuple[str, str], _Route] = {
    ("GET", "state"): _state,
    ("GET", "durations"): _durations,
    ("PUT", "durations"): _durations,
    ("GET", "quotas"): _quotas,
    ("PUT", "quotas"): _quotas,
    ("GET", "habits"): _habits,
    ("PUT", "habits"): _habits,
    ("POST", "resolve"): _resolve,
    ("GET", "faults"): _faults,
    ("POST", "faults"): _add_fault,
    ("DELETE", "faults"): _clear_faults,
    ("POST", "release"): _release,
    ("POST", "seed/cluster"): _seed_cluster,
    ("POST", "seed/global-cluster"): _seed_global_cluster,
    ("POST", "seed/snapshot"): _seed_snapshot,
    ("POST", "seed/subnet-group"): _seed_subnet_group,
    ("POST", "seed/security-group"): _done(lambda aurora: aurora.seed.put_security_group),
    ("POST", "seed/parameter-group"): _done(lambda aurora: aurora.seed.put_parameter_group),
    ("POST", "seed/status"): _done(lambda aurora: aurora.seed.set_status),
    ("POST", "seed/tags"): _done(lambda aurora: aurora.seed.put_tags),
    ("POST", "seed/unusable-key"): _done(lambda aurora: aurora.seed.make_key_unusable),
}
