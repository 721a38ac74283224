aws stepfunctions update-state-machine \
  --state-machine-arn arn:aws:states:$REGION:$ACCOUNT_ID:stateMachine:aurora-restore-state-machine \
  --definition file://infrastructure/step_functions_definition.json
