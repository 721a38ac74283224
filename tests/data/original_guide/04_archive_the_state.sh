aws dynamodb export-table-to-point-in-time \
  --table-arn arn:aws:dynamodb:$REGION:$ACCOUNT_ID:table/AuroraRestoreState \
  --s3-bucket aurora-restore-archives \
  --s3-prefix state-data/$(date +%Y-%m-%d)
