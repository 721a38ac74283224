"""The audit: what is unusual first, then what went as it should; and the verification of the chains."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from aurora_restore.cli.auditing import AuditedOperation
from aurora_restore.cli.views.common import facts, heading, minute_time, status_text
from aurora_restore.cli.views.events import render_events
from aurora_restore.domain.audit_verification import ChainState
from aurora_restore.domain.counting import counted
from aurora_restore.domain.record import Record
from aurora_restore.domain.visible_text import visible_values

_CHAIN_STYLES = {ChainState.VERIFIED: "green", ChainState.BROKEN: "bold red"}
NOT_KNOWN = "not known: the request does not say it (CloudTrail's event StartExecution does)"


def render_audited(audited: AuditedOperation, now: datetime) -> RenderableType:
    """One operation: who asked for it, what is unusual, whether its events verify, and the events."""
    parts: list[RenderableType] = [
        _title(audited, now),
        _facts(audited, asked=audited.requested_by or NOT_KNOWN),
    ]
    if audited.events:
        parts += [Text(), render_events(audited.events)]
    return Group(*parts)


def render_audit(operations: Sequence[AuditedOperation], now: datetime) -> RenderableType:
    """Operations with anomalies, each with all of them; then the others, in one or two lines each."""
    unusual = [each for each in operations if each.anomalies]
    usual = [each for each in operations if not each.anomalies]
    counts = {state: sum(each.verification.state is state for each in operations) for state in ChainState}
    chains = ", ".join(f"{count} {state.value}" for state, count in counts.items() if count)
    summary = (
        f"{counted(len(operations), 'operation')}, {len(unusual) or 'none'} with anomalies; chains: {chains}."
    )
    parts: list[RenderableType] = [
        Text(summary if operations else "No operation began or had an audit event in this time.")
    ]
    for each in unusual:
        parts += [Text(), _title(each, now), _facts(each, asked=each.requested_by)]
    if usual:
        parts += [Text(), heading("As it should be")]
    for each in usual:
        parts.append(Text.assemble("  ", _title(each, now), "  ", _chain(each)))
        if each.requested_by:
            asker = visible_values(each.requested_by)
            parts.append(Text(f"    requested by {asker}", style="dim", no_wrap=True, overflow="ignore"))
    return Group(*parts)


def render_verification(operations: Sequence[AuditedOperation], now: datetime) -> RenderableType:
    """Of each chain whether it verifies; of one that does not, each finding with its place and what to do."""
    parts: list[RenderableType] = []
    for each in operations:
        parts.append(Text.assemble(_title(each, now), "  ", _chain(each)))
        findings = visible_values([finding.to_item() for finding in each.verification.findings])
        rows: list[tuple[str, str | Text | None]] = []
        for finding in findings:
            rows += [(str(finding["kind"]), str(finding["message"])), ("", str(finding["hint"]))]
        rows += [("note", note) for note in each.verification.notes]
        if rows:
            parts.append(facts(rows))
    return Group(*parts)


def _title(audited: AuditedOperation, now: datetime) -> Text:
    started = Record.read(audited.record).start_time
    shown: Any = visible_values([audited.operation_id, audited.status])
    when = f"  {minute_time(started, now)}" if started else ""
    return Text.assemble(
        (str(shown[0]), "bold"), "  ", status_text(audited.status, str(shown[1])), (when, "dim"),
        no_wrap=True, overflow="ignore",
    )  # fmt: skip


def _chain(audited: AuditedOperation) -> Text:
    state, count = audited.verification.state, audited.verification.count
    events = f"{counted(count, 'event')}, " if count else ""
    return Text(f"{events}{state.value}", style=_CHAIN_STYLES.get(state, "dim"))


def _facts(audited: AuditedOperation, asked: str | None) -> RenderableType:
    rows: list[tuple[str, str | Text | None]] = [("requested by", asked), ("chain", _chain(audited))]
    rows += [(anomaly.kind.value, anomaly.message) for anomaly in audited.anomalies]
    rows += [("note", note) for note in audited.verification.notes]
    return facts(
        [(name, value if isinstance(value, Text) else visible_values(value)) for name, value in rows]
    )
