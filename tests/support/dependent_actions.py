"""What RDS may ask IAM for besides a request's own action: the table of the service authorization reference.

Source: docs.aws.amazon.com/service-authorization/latest/reference/list_rds.html, "API operations defined by Amazon
RDS", read in November 2026. It lists, for an operation, every action that it *may* authorize; which are asked for
depends on the parameters. So each is granted, or is in `NOT_ASKED` with the reason.
"""

from __future__ import annotations

TAGS, PASS_ROLE = "rds:AddTagsToResource", "iam:PassRole"

DEPENDENT_ACTIONS: dict[str, frozenset[str]] = {
    # list_awsapplicationautoscaling.html of the same reference.
    "application-autoscaling:RegisterScalableTarget": frozenset({"application-autoscaling:TagResource"}),
    "rds:AddRoleToDBCluster": frozenset({PASS_ROLE}),
    "rds:CopyDBClusterParameterGroup": frozenset({TAGS}),
    "rds:CopyDBClusterSnapshot": frozenset({TAGS}),
    "rds:CreateDBClusterEndpoint": frozenset({TAGS}),
    "rds:CreateDBClusterParameterGroup": frozenset({TAGS}),
    "rds:CreateDBClusterSnapshot": frozenset({TAGS}),
    "rds:CreateDBInstance": frozenset({TAGS, "rds:CreateTenantDatabase", PASS_ROLE}),
    "rds:DeleteDBCluster": frozenset({TAGS, "rds:CreateDBClusterSnapshot", "rds:DeleteDBInstance"}),
    "rds:DeleteDBInstance": frozenset({TAGS, "rds:CreateDBSnapshot", "rds:DeleteTenantDatabase"}),
    "rds:ModifyDBCluster": frozenset({"rds:ModifyDBInstance", PASS_ROLE}),
    "rds:ModifyDBInstance": frozenset({TAGS, PASS_ROLE}),
    "rds:RestoreDBClusterFromSnapshot": frozenset(
        {"rds:AddRoleToDBCluster", TAGS, "rds:CreateDBInstance", PASS_ROLE}
    ),
}

CHECKED_OF_THE_CALLER = frozenset(
    {
        "rds:CreateDBInstance",
        "rds:DeleteDBInstance",
        TAGS,
        "rds:DescribeDBClusters",
        "rds:DescribeDBInstances",
        "cloudwatch:PutMetricAlarm",
        "cloudwatch:DescribeAlarms",
        "cloudwatch:DeleteAlarms",
    }
)
"""What Application Auto Scaling tries in the name of the caller of RegisterScalableTarget, with requests that can
change nothing (no instance id, a dummy ARN). Source: its user guide, "Permissions validation for API calls on target
resources"; the service authorization reference does not list it."""

SECRET_ACTIONS = frozenset({"secretsmanager:CreateSecret", "secretsmanager:TagResource"})
"""What RDS asks for besides where ModifyDBCluster is to manage the master secret; the table leaves it to the user guide
("Password management with Amazon Aurora and AWS Secrets Manager", permissions required)."""
MANAGES_THE_MASTER_SECRET = frozenset({"retire-replaced", "cleanup"})

NOT_ASKED = {
    "application-autoscaling:TagResource": "no scalable target is registered with tags",
    "rds:CreateTenantDatabase": "tenant databases are those of RDS for Oracle and SQL Server",
    "rds:DeleteTenantDatabase": "tenant databases are those of RDS for Oracle and SQL Server",
}
"""Granted to no function."""

NOT_ASKED_OF = {
    ("switch-over", PASS_ROLE): "a rename names no role",
    ("switch-over", TAGS): "a rename gives no tags",
    ("retire-replaced", PASS_ROLE): "a change of the port names no role",
}
"""Not granted to this function, though a request of its may ask for it."""
