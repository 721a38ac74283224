"""The local stack on the screen."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from rich.console import Group, RenderableType
from rich.text import Text

from aurora_restore.cli.views.common import facts, heading, indented, plain_table
from aurora_restore.domain.wording import duration_words

if TYPE_CHECKING:
    from local_stack.lifecycle import StackStatus
    from local_stack.stack_info import StackInfo

_MEGABYTE = 1_000_000


def stack_item(info: StackInfo) -> dict[str, Any]:
    """Where a running stack answers, for programs."""
    return {
        "home": str(info.home),
        "pid": info.pid,
        "endpoint_url": info.endpoint_url,
        "rds_endpoint_url": info.rds_endpoint_url,
        "control_url": info.control_url,
        "ca_bundle": str(info.ca_bundle),
        "account_id": info.account_id,
        "region": info.region,
        "source_region": info.source_region,
        "already_running": info.already_running,
        "seconds": round(info.seconds, 3),
    }


def render_stack(state: StackStatus, deployed: Mapping[str, Any]) -> RenderableType:
    """Ports, processes, memory, clusters and the pipeline's stack."""
    info = state.info
    if info is None:
        return Text(f"No local stack runs in {state.home}. Start it with: aurora-restore local up")
    title = Text.assemble(
        ("The local stack runs", "bold green"), f", for {duration_words(state.uptime_seconds)}."
    )
    if not state.is_complete:
        title.append(
            " It is incomplete: `local up` is still at it, or was ended before its end; another begins anew.",
            "bold yellow",
        )
    rows = facts(
        [
            ("AWS", info.endpoint_url),
            ("RDS", info.rds_endpoint_url),
            ("control", info.control_url),
            ("account", f"{info.account_id}, pipeline in {info.region}, production in {info.source_region}"),
            ("pipeline", str(deployed.get("stack") or "not deployed")),
            ("process", f"{info.pid} (with {state.process_count - 1} below it)"),
            ("memory", f"{state.memory_bytes / _MEGABYTE:.0f} MB together"),
            ("PostgreSQL", _servers(state.postgresql)),
            ("MySQL", _servers(state.mysql)),
            ("workers", f"{len(state.workers)} Lambda workers"),
            ("durations", ", ".join(f"{name} {seconds:g} s" for name, seconds in state.durations.items())),
            ("state in", str(state.home)),
        ]
    )
    clusters = plain_table("region", "cluster", "status", "endpoint")
    for each in deployed.get("clusters") or ():
        clusters.add_row(
            each["region"], each["db_cluster_identifier"], each["status"], each["endpoint"] or ""
        )
    shown = clusters if clusters.rows else Text("none")
    return Group(title, rows, Text(), heading("Clusters"), indented(shown))


def _servers(servers: Mapping[str, Any]) -> str:
    """Which version is behind which clusters: it need not be the one that a cluster says."""
    behind: dict[str, list[str]] = {version: [] for version in servers.get("at_hand", ())}
    for server in servers.get("clusters", ()):
        behind.setdefault(server["version"], []).append(server["db_cluster_identifier"])
    return "; ".join(
        f"{version} behind {', '.join(names) or 'no cluster'}" for version, names in behind.items()
    )
