#!/usr/bin/env bash
# Runs every fuzz target for a while. usage: fuzz.sh DURATION
set -euo pipefail
cd "$(dirname "$0")/.."
duration=${1:?usage: fuzz.sh DURATION}

git grep -hoE --untracked '^func (Fuzz[A-Za-z]+)' -- '*_test.go' >/dev/null || { echo "error: there are no fuzz targets" >&2; exit 1; }
git grep -oE --untracked '^func Fuzz[A-Za-z]+' -- '*_test.go' | while IFS=: read -r file target; do
  target=${target#func }
  echo "== $target in $(dirname "$file") for $duration"
  go test "./$(dirname "$file")" -run '^$' -fuzz "^$target\$" -fuzztime "$duration"
done
