"""The proof of an endpoint: when it holds, what is done about a certificate, and that it does not go on for ever."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from aurora_restore.domain.acts import Done, Leave, RebootInstance, StartCluster, StopCluster, Wait
from aurora_restore.domain.errors import EndpointNotProved
from aurora_restore.domain.observed import DbCluster, DbInstance, EndpointAnswer, EndpointAnswerKind
from aurora_restore.domain.proving import (
    PROOF_LIMIT,
    REBOOT_UNSEEN,
    START_ACT,
    STOP_ACT,
    STOP_UNSEEN,
    Proving,
    decide_proof,
    reboot_act,
    renewed_by,
)
from aurora_restore.domain.record import ActState

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
TARGET, FORMER, WRITER, READER = "restored", "restored-1a2b3c4d-new", "restored-1", "restored-2"
SUFFIX = "cluster-c1234567890a.us-west-2.rds.amazonaws.com"
LOGGED_IN = EndpointAnswer(EndpointAnswerKind.LOGGED_IN, "it answers", WRITER)
REFUSED = EndpointAnswer(EndpointAnswerKind.LOGIN_REFUSED, "wrong password")
NO_ANSWER = EndpointAnswer(EndpointAnswerKind.NO_ANSWER, "connection refused")
UNKNOWN = EndpointAnswer(EndpointAnswerKind.UNKNOWN_NAME, "DNS does not know it")
OWN_FORMER = EndpointAnswer(
    EndpointAnswerKind.OTHER_CERTIFICATE, "it names others", None, (f"{FORMER}.{SUFFIX}",)
)
OTHERS = replace(OWN_FORMER, certificate_names=(f"another.{SUFFIX}",))


def ago(seconds: float) -> ActState:
    return ActState(last_time=NOW - timedelta(seconds=seconds), answered=True)


def seen(
    answer: EndpointAnswer = LOGGED_IN,
    *,
    status: str = "available",
    statuses: tuple[str, str] = ("available", "available"),
    acts: Mapping[str, ActState] | None = None,
    **changes: Any,
) -> Proving:
    members = (WRITER, READER)
    cluster = DbCluster(
        TARGET, "arn", status, "aurora-postgresql", "16.6", "postgres", member_identifiers=members
    )
    instances = [
        DbInstance(name, f"arn-{name}", TARGET, each, "db.r5.large", "aurora-postgresql")
        for name, each in zip(members, statuses, strict=True)
    ]
    values: dict[str, Any] = {
        "former_identifier": FORMER,
        "renewal": "auto",
        "is_undo": False,
        "seen_rebooting": False,
        "started": NOW - timedelta(seconds=30),
        **changes,
    }
    return Proving(cluster, instances, answer, acts=acts or {}, now=NOW, **values)


def both_rebooted(seconds: float) -> dict[str, ActState]:
    return {reboot_act(WRITER): ago(seconds + 2), reboot_act(READER): ago(seconds)}


def test_an_instance_of_the_new_cluster_that_logs_in_under_the_name_is_the_proof() -> None:
    decision = decide_proof(seen())

    assert isinstance(decision, Done)
    assert WRITER in decision.reason


@pytest.mark.parametrize(
    "answer", [UNKNOWN, NO_ANSWER, REFUSED, OTHERS, replace(LOGGED_IN, instance_identifier="of-the-old-1")]
)
def test_whatever_else_answers_is_waited_for(answer: EndpointAnswer) -> None:
    assert isinstance(decide_proof(seen(answer)), Wait)


def test_a_cluster_that_came_back_has_a_password_of_its_own_and_the_restored_one_would_take_ours() -> None:
    assert isinstance(decide_proof(seen(REFUSED, is_undo=True)), Done)
    elsewhere = replace(LOGGED_IN, instance_identifier="of-the-restored-1")
    assert isinstance(decide_proof(seen(elsewhere, is_undo=True)), Wait)


def test_nothing_is_proved_while_an_instance_is_rebooting() -> None:
    decision = decide_proof(seen(statuses=("available", "rebooting")))

    assert isinstance(decision, Wait)
    assert decision.waits_for == "reboot"


def test_a_certificate_of_the_former_name_is_renewed_by_a_reboot_of_each_instance_first() -> None:
    first = decide_proof(seen(OWN_FORMER))
    second = decide_proof(seen(OWN_FORMER, acts={reboot_act(WRITER): ago(2)}))

    assert isinstance(first, RebootInstance)
    assert (first.name, first.kind) == (WRITER, reboot_act(WRITER))
    assert isinstance(second, RebootInstance)
    assert (second.name, second.kind) == (READER, reboot_act(READER))


def test_a_reader_of_auto_scaling_which_may_not_be_rebooted_is_left_to_the_stop() -> None:
    """A kept cluster that an undo brings back may have some."""
    came_back = seen(OWN_FORMER, acts={reboot_act(WRITER): ago(REBOOT_UNSEEN.total_seconds() + 1)})
    members = (WRITER, "application-autoscaling-1a2b")
    decision = decide_proof(
        replace(came_back, cluster=replace(came_back.cluster, member_identifiers=members))
    )
    assert isinstance(decision, StopCluster)


def test_a_reboot_that_does_not_show_yet_is_given_its_time() -> None:
    young = seen(OWN_FORMER, acts=both_rebooted(5))
    old = seen(OWN_FORMER, acts=both_rebooted(REBOOT_UNSEEN.total_seconds() + 1))

    assert isinstance(decide_proof(young), Wait)
    assert isinstance(decide_proof(replace(young, seen_rebooting=True)), StopCluster)
    assert isinstance(decide_proof(old), StopCluster)


def test_a_stop_is_seen_through_to_the_start() -> None:
    stopping = {**both_rebooted(90), STOP_ACT: ago(10)}
    stopped = ("stopped", "stopped")

    assert isinstance(decide_proof(seen(OWN_FORMER, acts=stopping)), Wait)
    assert isinstance(decide_proof(seen(NO_ANSWER, status="stopping", acts=stopping)), Wait)
    decision = decide_proof(seen(NO_ANSWER, status="stopped", statuses=stopped, acts=stopping))
    assert isinstance(decision, StartCluster)
    starting = {**stopping, START_ACT: ago(5)}
    assert isinstance(decide_proof(seen(NO_ANSWER, status="starting", acts=starting)), Wait)
    assert isinstance(decide_proof(seen(acts=starting)), Done)
    assert isinstance(decide_proof(seen(OWN_FORMER, acts=starting)), Wait)


def test_a_stop_that_never_came_is_asked_for_again() -> None:
    lost = {STOP_ACT: ago(STOP_UNSEEN.total_seconds() + 1)}

    assert isinstance(decide_proof(seen(OWN_FORMER, acts=lost)), StopCluster)


def test_a_certificate_is_left_as_it_is_where_the_request_says_never() -> None:
    decision = decide_proof(seen(OWN_FORMER, renewal="never"))

    assert isinstance(decision, Leave)
    assert FORMER in decision.reason
    assert isinstance(decide_proof(seen(OTHERS, renewal="never")), Wait)


def test_the_wait_ends_a_while_after_the_last_thing_that_was_done() -> None:
    long_ago = NOW - PROOF_LIMIT - timedelta(seconds=1)

    with pytest.raises(EndpointNotProved, match="DNS does not know it"):
        decide_proof(seen(UNKNOWN, started=long_ago))
    restarted = {STOP_ACT: ago(1200), START_ACT: ago(600)}
    assert isinstance(decide_proof(seen(UNKNOWN, started=long_ago, acts=restarted)), Wait)
    with pytest.raises(EndpointNotProved):
        decide_proof(seen(status="modifying", started=long_ago))


def test_it_is_said_by_what_the_certificate_was_renewed() -> None:
    assert renewed_by({}) is None
    assert renewed_by(both_rebooted(1)) == "reboot"
    assert renewed_by({**both_rebooted(9), STOP_ACT: ago(5), START_ACT: ago(1)}) == "stop and start"
