aws cloudformation describe-stack-resources --stack-name aurora-restore-pipeline
