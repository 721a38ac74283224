for function in $(aws lambda list-functions --query "Functions[?starts_with(FunctionName, 'aurora-restore')].FunctionName" --output text); do
  aws lambda get-function --function-name $function --query 'Code.Location' --output text | \
  xargs curl -o lambda-backups/$function.zip
done
