aws stepfunctions stop-execution \
  --execution-arn arn:aws:states:$REGION:$ACCOUNT_ID:execution:aurora-restore-state-machine:restore-20230615-123456 \
  --error "ManualCancellation" \
  --cause "Restore cancelled by operator"
