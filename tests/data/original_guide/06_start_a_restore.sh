aws stepfunctions start-execution \
  --state-machine-arn arn:aws:states:$REGION:$ACCOUNT_ID:stateMachine:aurora-restore-state-machine \
  --name restore-$(date +%Y%m%d-%H%M%S) \
  --input '{
    "source_snapshot_date": "2023-06-15",
    "source_region": "us-east-1",
    "target_region": "us-west-2",
    "target_cluster_id": "aurora-restored-cluster",
    "db_instance_class": "db.r5.large",
    "vpc_security_group_ids": ["sg-12345678"],
    "db_subnet_group_name": "default-vpc-subnet-group",
    "delete_cluster_if_exists": true
  }'
