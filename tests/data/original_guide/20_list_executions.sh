aws stepfunctions list-executions \
  --state-machine-arn arn:aws:states:$REGION:$ACCOUNT_ID:stateMachine:aurora-restore-state-machine \
  --max-results 10
