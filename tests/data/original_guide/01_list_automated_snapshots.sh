aws rds describe-db-cluster-snapshots --snapshot-type automated
