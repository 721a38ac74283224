aws dynamodb update-item \
  --table-name AuroraRestoreState \
  --key '{"operation_id": {"S": "restore-20230615-123456"}}' \
  --update-expression "SET #status = :status, error = :error" \
  --expression-attribute-names '{"#status": "status"}' \
  --expression-attribute-values '{
    ":status": {"S": "FAILED"},
    ":error": {"M": {"message": {"S": "Manually marked as failed"}, "code": {"S": "MANUAL_INTERVENTION"}}}
  }'
