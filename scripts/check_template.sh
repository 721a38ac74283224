#!/usr/bin/env bash
# Lints the definitions of the state machines with statelint, and the templates with cfn-lint and checkov, these from a
# virtual environment of their own: their dependencies contradict ours. Nothing is sent anywhere.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
project="${VENV:-.venv}"
venv=.venv-template
make --silent "$project/.dev" "$venv/.done"
for definition in infrastructure/step_functions_definition.json infrastructure/cleanup_definition.json; do
  "$project/bin/python" "$project/bin/statelint" "$definition"
done
root=infrastructure/aurora-restore-pipeline.yaml
templates=("$root" infrastructure/permissions.yaml infrastructure/monitoring.yaml)
# A script names its interpreter in its first line, which cannot hold a space: it is named here instead.
"$venv/bin/python" "$venv/bin/cfn-lint" "${templates[@]}"
# checkov asks a server for guides at its start, and says at length that it cannot reach it: that much is dropped.
report="$(mktemp)"
trap 'rm -f "$report"' EXIT
if ! "$venv/bin/python" "$venv/bin/checkov" --file "${templates[@]}" --config-file .checkov.yaml --skip-download --compact --quiet >"$report" 2>&1; then
  cat "$report"
  exit 1
fi
echo "statelint has no findings on the definitions, cfn-lint and checkov none on ${templates[*]}"
# What CloudFormation takes as the body of a request; tests/unit/infrastructure/test_template.py holds what stays free.
most=51200
size="$(wc -c <"$root")"
echo "$root has $size bytes: $((most - size)) of $most are free"
