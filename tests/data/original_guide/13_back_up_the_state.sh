aws dynamodb export-table-to-point-in-time \
  --table-arn arn:aws:dynamodb:$REGION:$ACCOUNT_ID:table/AuroraRestoreState \
  --s3-bucket aurora-restore-dr-backup \
  --s3-prefix state-table/$(date +%Y-%m-%d)
