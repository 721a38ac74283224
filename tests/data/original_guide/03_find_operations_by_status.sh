aws dynamodb scan \
  --table-name AuroraRestoreState \
  --filter-expression "status = :status AND start_time > :time" \
  --expression-attribute-values '{
    ":status": {"S": "FAILED"},
    ":time": {"S": "2023-06-01T00:00:00Z"}
  }'
