aws dynamodb export-table-to-point-in-time \
  --table-arn arn:aws:dynamodb:$REGION:$ACCOUNT_ID:table/AuroraRestoreAudit \
  --s3-bucket aurora-restore-dr-backup \
  --s3-prefix audit-table/$(date +%Y-%m-%d)
