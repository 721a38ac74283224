"""The command line's executions say who asks, as AWS STS names the credentials."""

from __future__ import annotations

import json

from tests.support.in_process_aws import shared_aws

from aurora_restore.cli.connection import RegionExecutions
from aurora_restore.domain.asking_party import asker_in

WAITING = {"StartAt": "Hold", "States": {"Hold": {"Type": "Wait", "Seconds": 600, "End": True}}}
NAME = "restore-20261122-120000"


def test_a_start_and_a_stop_name_the_identity_of_the_credentials() -> None:
    aws = shared_aws()
    aws.create_state_machine("aurora-restore-state-machine", WAITING)
    clients = aws.clients()
    executions = RegionExecutions(clients)
    arn = executions.start(NAME, {"dry_run": True})
    seen = clients.stepfunctions().describe_execution(executionArn=arn)
    identity = json.loads(seen["input"])["requested_by"]
    assert identity.startswith(("arn:aws:iam::", "arn:aws:sts::"))
    assert json.loads(seen["input"]) == {"dry_run": True, "requested_by": identity}
    assert executions.stop(NAME, "the wrong day")
    stopped = clients.stepfunctions().describe_execution(executionArn=arn)
    assert stopped["cause"].startswith("the wrong day")
    assert asker_in(stopped["cause"]) == identity
