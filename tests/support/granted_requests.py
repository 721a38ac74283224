"""What the functions ask of AWS: the requests of their grants, each with examples of what it is about."""

from __future__ import annotations

from tests.support.template_policies import ACCOUNT, REGION

from aurora_restore.deployment import grants
from aurora_restore.deployment.functions import FUNCTIONS

PREFIX = "aurora-restore-"
TABLES = f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table"
STATE, AUDIT, LOCKS = (f"{TABLES}/AuroraRestore{name}" for name in ("State", "Audit", "Locks"))
RDS = f"arn:aws:rds:{REGION}:{ACCOUNT}"
SOURCE_RDS = f"arn:aws:rds:eu-central-1:{ACCOUNT}"
CLUSTER, INSTANCE = f"{RDS}:cluster:aurora-restored-cluster", f"{RDS}:db:aurora-restored-cluster-1a2b3c4d-1"
QUIET_GROUP = f"{RDS}:cluster-pg:aurora-restore-20230615-123456-quiet-1a2b3c4d"
COPY = f"{RDS}:cluster-snapshot:aurora-restore-20230615-123456"
SOURCE_SNAPSHOT = f"{SOURCE_RDS}:cluster-snapshot:rds:production-2023-06-15-03-10"
SECRETS = f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:aurora-restore"
KEY = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/11111111-2222-3333-4444-555555555555"
ENDPOINT = f"{RDS}:cluster-endpoint:reports"
GLOBAL_CLUSTERS = f"arn:aws:rds::{ACCOUNT}:global-cluster:*"
EXECUTIONS = f"arn:aws:states:{REGION}:{ACCOUNT}:execution"
RUN = f"{EXECUTIONS}:aurora-restore-state-machine:restore-20230615-123456"
ANY = "*"

SCALING_TARGET = f"arn:aws:application-autoscaling:{REGION}:{ACCOUNT}:scalable-target/0a1b2c"
CLEANUP_MACHINE = f"arn:aws:states:{REGION}:{ACCOUNT}:stateMachine:aurora-restore-cleanup-state-machine"
MAIN_MACHINE = f"arn:aws:states:{REGION}:{ACCOUNT}:stateMachine:aurora-restore-state-machine"

# A real resource for each resource of a grant, as the steps name it.
EXAMPLES = {
    grants.EVERYTHING: (ANY,),
    grants.STATE: (STATE,),
    grants.STATE_INDEXES: (f"{STATE}/index/status-start_time-index",),
    grants.AUDIT: (AUDIT,),
    grants.LOCKS: (LOCKS,),
    grants.TOPIC: ("NotificationTopic",),
    grants.RUNS: (RUN,),
    grants.CLEANUP: (CLEANUP_MACHINE,),
    grants.RESTORES: (MAIN_MACHINE,),
    grants.CLUSTERS: (CLUSTER,),
    grants.ANY_CLUSTER: (f"{RDS}:cluster:*",),
    grants.ANY_CLUSTER_ANYWHERE: (f"{SOURCE_RDS}:cluster:*", f"{RDS}:cluster:*"),
    grants.INSTANCES: (INSTANCE,),
    # Of a cluster's instances RDS is asked for all, with a filter; the fence is where they are changed.
    grants.ANY_INSTANCE: (INSTANCE, f"{RDS}:db:*"),
    grants.SCALED_INSTANCES: (f"{RDS}:db:application-autoscaling-1a2b3c4d",),
    grants.COPIES: (COPY,),
    grants.ANY_SNAPSHOT: (COPY, f"{RDS}:cluster-snapshot:*"),
    grants.ANY_SNAPSHOT_ANYWHERE: (SOURCE_SNAPSHOT, COPY, f"{RDS}:cluster-snapshot:*"),
    grants.ANY_INSTANCE_SNAPSHOT: (f"{RDS}:snapshot:any",),
    grants.AUTOMATED_BACKUPS: (f"{RDS}:cluster-auto-backup:ab-1a2b",),
    grants.ENDPOINTS: (ENDPOINT,),
    grants.GLOBAL_CLUSTERS: (GLOBAL_CLUSTERS,),
    grants.CLUSTER_GROUPS: (f"{RDS}:cluster-pg:mine", f"{RDS}:cluster-pg:*", QUIET_GROUP),
    grants.QUIET_GROUPS: (QUIET_GROUP,),
    grants.INSTANCE_GROUPS: (f"{RDS}:pg:mine",),
    grants.SUBNET_GROUPS: (f"{RDS}:subgrp:mine",),
    grants.DEFAULT_OPTION_GROUPS: (f"{RDS}:og:default:aurora-postgresql-16",),
    grants.SECRETS: (f"{SECRETS}/reporting-AbCdEf",),
    grants.ADMIN_SECRET: (f"{SECRETS}/admin-credentials-AbCdEf",),
    # A key may belong to an account that keeps the keys of all; that of the snapshot is where the snapshot is.
    grants.KEYS_ANYWHERE: (KEY, KEY.replace(ACCOUNT, "999999999999"), KEY.replace(REGION, "us-east-1")),
    grants.SCALABLE_TARGETS: (SCALING_TARGET,),
}

CALLS = {
    function.name: [
        (grant.service, grant.request, example)
        for grant in function.grants
        if not grant.by_aws
        for example in EXAMPLES[grant.resource]
    ]
    for function in FUNCTIONS
}
"""What the steps ask of AWS: service, request, and what it is about. That the steps ask for these and for no others is
seen in tests/unit/steps/test_permissions.py."""
