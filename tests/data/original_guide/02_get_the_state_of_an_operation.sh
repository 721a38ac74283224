aws dynamodb get-item \
  --table-name AuroraRestoreState \
  --key '{"operation_id": {"S": "restore-20230615-123456"}}'
