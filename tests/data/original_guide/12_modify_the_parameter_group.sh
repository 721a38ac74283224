aws rds modify-db-cluster-parameter-group \
  --db-cluster-parameter-group-name aurora-restore-params \
  --parameters "ParameterName=innodb_file_format,ParameterValue=Barracuda,ApplyMethod=immediate"
