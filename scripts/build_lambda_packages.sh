#!/usr/bin/env bash
# Builds the Lambda package, the definitions of the state machines and the nested templates into build/, writes what is
# deployed into infrastructure/, and uploads the artifacts to the bucket of the account and Region that the environment
# names.
# Usage: scripts/build_lambda_packages.sh [--no-upload] [--bucket NAME] [--region NAME]
set -euo pipefail
root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
python="$root/.venv/bin/python"
if [ ! -x "$python" ]; then
  make -C "$root" setup
fi
PYTHONPATH="$root/src" exec "$python" "$root/scripts/build_lambda_packages.py" "$@"
