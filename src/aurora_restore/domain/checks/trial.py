"""The test notification: in the shape of a real one, and marked in every part of it as a test."""

from __future__ import annotations

from datetime import datetime

from aurora_restore.domain.notification import Message, message_about
from aurora_restore.domain.operation import Operation
from aurora_restore.domain.record import Record, changed

OUTCOME = "TEST"


def trial_message(region: str, asked_by: str, now: datetime) -> Message:
    """`asked_by`: the ARN of the identity that asked for it. Its outcome is one that no run ends with."""
    operation_id = f"test-{now:%Y%m%d-%H%M%S}"
    operation = Operation(changed(Record, operation_id=operation_id, start_time=now))
    lines = [
        "This is a test of the notifications of the Aurora Restore Pipeline. Nothing was restored.",
        "",
        f"Region:     {region}",
        f"Asked by:   {asked_by}",
        f"Operation:  {operation_id} (no operation has this name)",
        "",
        "What it means: messages about restores reach this subscription.",
        "What to do next: nothing.",
    ]
    message = message_about(operation, OUTCOME, f"Test: notifications of {region}", lines, now)
    return Message(message.subject, message.text, {**message.facts, "test": True}, message.attributes)
