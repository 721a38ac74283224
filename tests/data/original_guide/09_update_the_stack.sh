aws cloudformation update-stack \
  --stack-name aurora-restore-pipeline \
  --template-body file://infrastructure/aurora-restore-pipeline.yaml \
  --capabilities CAPABILITY_IAM CAPABILITY_NAMED_IAM
