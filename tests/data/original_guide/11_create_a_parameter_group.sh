aws rds create-db-cluster-parameter-group \
  --db-cluster-parameter-group-name aurora-restore-params \
  --db-parameter-group-family aurora-mysql5.7 \
  --description "Parameter group for restored Aurora clusters"
