aws sns list-subscriptions-by-topic \
  --topic-arn arn:aws:sns:$REGION:$ACCOUNT_ID:aurora-restore-notifications
