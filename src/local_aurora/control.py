"""The control API of the HTTP face, JSON on loopback: what the local stack and tests do beside the RDS API.

GET    /_aurora/state              everything but passwords
GET    /_aurora/durations          PUT: change some {"copy": 30}
GET    /_aurora/quotas             PUT: change some {"clusters": 2}
GET    /_aurora/habits             PUT: change some {"certificate_renewed_by_reboot": true}
POST   /_aurora/resolve            {"host": "<an endpoint>"}: whether DNS knows it by now
GET    /_aurora/faults             POST: add a rule; DELETE: remove all
POST   /_aurora/release            {"name": "<the rule that holds>"}
POST   /_aurora/seed/<what>        cluster, global-cluster, snapshot, subnet-group, security-group, parameter-group,
                                   status, tags, unusable-key
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
_ROUTES: dict[tuple[str, str], _Route] = {}


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
    # What the model or a constructor makes of the body's values is the caller's mistake.
    except (AwsError, KeyError, TypeError, ValueError) as error:
        return 400, {"message": f"{type(error).__name__}: {error}"}


def _route(path: str, *methods: str) -> Callable[[_Route], _Route]:
    def note(route: _Route) -> _Route:
        _ROUTES.update({(method, path): route for method in methods})
        return route

    return note


@_route("state", "GET")
def _state(aurora: LocalAurora, _: _Body) -> Any:
    return aurora.to_json()


@_route("durations", "GET", "PUT")
def _durations(aurora: LocalAurora, body: _Body) -> Any:
    return aurora.set_durations(body).to_json()


@_route("quotas", "GET", "PUT")
def _quotas(aurora: LocalAurora, body: _Body) -> Any:
    return asdict(aurora.set_quotas(body))


@_route("habits", "GET", "PUT")
def _habits(aurora: LocalAurora, body: _Body) -> Any:
    return asdict(aurora.set_habits(body))


@_route("resolve", "POST")
def _resolve(aurora: LocalAurora, body: _Body) -> Any:
    return {"addresses": [LOOPBACK] if aurora.knows_host(body["host"]) else []}


@_route("faults", "GET")
def _faults(aurora: LocalAurora, _: _Body) -> Any:
    return {"rules": [{**rule.to_json(), "seen": seen} for rule, seen in aurora.faults.in_force()]}


@_route("faults", "POST")
def _add_fault(aurora: LocalAurora, body: _Body) -> Any:
    rule = FaultRule.from_json(body)
    # Calls read the rules under the world's lock.
    with aurora.locked():
        aurora.faults.add(rule)
    return rule.to_json()


@_route("faults", "DELETE")
def _clear_faults(aurora: LocalAurora, _: _Body) -> Any:
    with aurora.locked():
        aurora.faults.clear()
    return {}


@_route("release", "POST")
def _release(aurora: LocalAurora, body: _Body) -> Any:
    return {"released": aurora.release(body["name"])}


@_route("seed/cluster", "POST")
def _seed_cluster(aurora: LocalAurora, body: _Body) -> Any:
    parameters = {**body}
    master = PasswordLogin(parameters.pop("MasterUsername"), parameters.pop("MasterUserPassword"))
    # What is left over are parameters of CreateDBCluster, which refuses those that it does not know.
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


@_route("seed/global-cluster", "POST")
def _seed_global_cluster(aurora: LocalAurora, body: _Body) -> Any:
    return {"GlobalClusterResourceId": aurora.seed.put_global_cluster(**body).resource_id}


@_route("seed/snapshot", "POST")
def _seed_snapshot(aurora: LocalAurora, body: _Body) -> Any:
    options = {**body}
    created_at = datetime.fromisoformat(options.pop("created_at"))
    snapshot = aurora.seed.put_snapshot(
        options.pop("region"),
        options.pop("DBClusterIdentifier"),
        # A time without a zone is UTC, as at AWS.
        created_at if created_at.tzinfo else created_at.replace(tzinfo=UTC),
        **options,
    )
    return {"DBClusterSnapshotIdentifier": snapshot.identifier, "DBClusterSnapshotArn": snapshot.arn}


@_route("seed/subnet-group", "POST")
def _seed_subnet_group(aurora: LocalAurora, body: _Body) -> Any:
    return {"DBSubnetGroupArn": aurora.seed.put_subnet_group(**body).arn}


def _seeds(name: str, seed: Callable[[LocalAurora], Callable[..., None]]) -> None:
    """A route that takes the parameters of a method of the seeder, and has nothing to answer."""

    @_route(f"seed/{name}", "POST")
    def route(aurora: LocalAurora, body: _Body) -> Any:
        seed(aurora)(**body)
        return {}


_seeds("security-group", lambda aurora: aurora.seed.put_security_group)
_seeds("parameter-group", lambda aurora: aurora.seed.put_parameter_group)
_seeds("status", lambda aurora: aurora.seed.set_status)
_seeds("tags", lambda aurora: aurora.seed.put_tags)
_seeds("unusable-key", lambda aurora: aurora.seed.make_key_unusable)
