aws dynamodb import-table \
  --s3-bucket-source '{"S3Bucket":"aurora-restore-dr-backup","S3KeyPrefix":"state-table/YYYY-MM-DD"}' \
  --table-creation-parameters '{"TableName":"AuroraRestoreState","KeySchema":[{"AttributeName":"operation_id","KeyType":"HASH"}],"AttributeDefinitions":[{"AttributeName":"operation_id","AttributeType":"S"}],"BillingMode":"PAY_PER_REQUEST"}'
