"""What a role of the tests' own functions, machines and rules may do: what they do, and nothing else."""

from __future__ import annotations

from typing import Any

WORK: dict[str, Any] = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Action": [
                "lambda:InvokeFunction",
                "states:StartExecution",
                "logs:CreateLogStream",
                "logs:PutLogEvents",
            ],
            "Resource": "*",
        }
    ],
}
