#!/usr/bin/env bash
# Locks every dependency with the hashes of all its files; no index is named in what it writes.
set -euo pipefail
cd "$(dirname "$0")/.."
compile() {
  python -m piptools compile --quiet --generate-hashes --allow-unsafe --strip-extras --no-header --no-annotate \
    --no-emit-index-url --no-emit-find-links --no-emit-trusted-host "$@"
}
compile --extra cli --extra local --output-file requirements/app.txt pyproject.toml
for name in build dev template aws; do
  compile --output-file "requirements/$name.txt" "requirements/$name.in"
done
