"""What a backup, a recovery and an archive say at their ends."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from aurora_restore.cli.backing_up import MadeBackup
from aurora_restore.cli.recovering import Loaded
from aurora_restore.cli.views.common import facts, heading
from aurora_restore.domain.audit_verification import ChainState
from aurora_restore.domain.backup import Manifest
from aurora_restore.domain.counting import counted
from aurora_restore.domain.recovery import Loading, by_decision
from aurora_restore.domain.times import format_time


def chains_in_words(states: Sequence[ChainState]) -> str:
    """`12 verified, 1 BROKEN`: what most operations are comes first."""
    words = {
        ChainState.VERIFIED: "verified",
        ChainState.BROKEN: "BROKEN: see `audit --verify`",
        ChainState.UNLINKED: "without a chain, of an earlier version",
        ChainState.EXPIRED: "expired",
    }
    found = [f"{states.count(state)} {words[state]}" for state in ChainState if state in states]
    return ", ".join(found) or "none"


def made_backup_item(made: MadeBackup, place: str) -> dict[str, Any]:
    manifest = made.manifest
    return {
        "place": place,
        "time": format_time(manifest.time),
        "region": manifest.region,
        "manifest_sha256": made.manifest_sha256,
        "tables": {
            name: sum(file.item_count or 0 for file in files) for name, files in manifest.tables.items()
        },
        "operations": len(made.seals),
        "chains": {state.value: [seal.chain for seal in made.seals].count(state) for state in ChainState},
        "differing_code": sorted(manifest.differing_code),
    }


def render_made_backup(made: MadeBackup, place: str) -> RenderableType:
    item = made_backup_item(made, place)
    rows: list[tuple[str, str | Text | None]] = [
        ("place", place),
        ("of", f"{item['time']}, {item['region']}"),
        *((name, counted(count, "item")) for name, count in item["tables"].items()),
        ("operations", f"{item['operations']}: {chains_in_words([seal.chain for seal in made.seals])}"),
        (
            "stack",
            f"{made.manifest.stack_name}: template, {len(made.manifest.artifacts)} artifacts, parameters",
        ),
        ("other code", ", ".join(item["differing_code"])),
        ("manifest", f"SHA-256 {made.manifest_sha256}"),
    ]
    return Group(heading("The backup is complete, and was read back"), facts(rows))


def loaded_item(loaded: Loaded) -> dict[str, Any]:
    counts = by_decision(loaded.decisions)
    return {
        "written": counts[Loading.WRITE],
        "there_already": counts[Loading.SAME] + counts[Loading.NEWER],
        "left_behind": list(loaded.left_behind),
        "expired": list(loaded.expired),
        "chains": {state.value: count for state, count in loaded.chains.items()},
    }


def render_loaded(loaded: Loaded, manifest: Manifest, region: str) -> RenderableType:
    item = loaded_item(loaded)
    states = [state for state, count in loaded.chains.items() for _ in range(count)]
    rows: list[tuple[str, str | Text | None]] = [
        ("backup of", f"{format_time(manifest.time)}, {manifest.region}"),
        ("operations", f"{item['written']} loaded, {item['there_already']} were there already"),
        ("audit events", chains_in_words(states)),
        ("left behind", ", ".join(loaded.left_behind)),
        ("expired", f"{len(loaded.expired)} left out" if loaded.expired else None),
    ]
    return Group(heading(f"The history is complete in {region}"), facts(rows))


def subscribe_commands(manifest: Manifest, topic_arn: str, region: str) -> list[str]:
    """The commands that make the subscriptions of the backup again; an address of the web has to be filled in."""
    return [
        f"aws sns subscribe --region {region} --topic-arn {topic_arn} --protocol {each['protocol']} "
        f"--notification-endpoint '{each['endpoint']}'"
        for each in manifest.subscriptions
    ]
