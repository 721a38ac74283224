./scripts/build_lambda_packages.sh
