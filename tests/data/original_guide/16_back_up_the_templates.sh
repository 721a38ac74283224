aws s3 cp infrastructure/ s3://aurora-restore-dr-backup/infrastructure/$(date +%Y-%m-%d)/ --recursive
