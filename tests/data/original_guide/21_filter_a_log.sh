aws logs filter-log-events \
  --log-group-name /aws/lambda/aurora-restore-snapshot-check \
  --filter-pattern "ERROR"
