#!/usr/bin/env bash
# Runs every fuzz target for a while, whatever the others find, and fails where one has found something. What it finds
# is left in the testdata/fuzz of its package, to be mended and committed.
# usage: fuzz.sh DURATION [go test's flags, such as -parallel=1]
set -euo pipefail
cd "$(dirname "$0")/.."
duration=${1:?usage: fuzz.sh DURATION [FLAG...]}
shift

targets=$(git grep -oE --untracked '^func Fuzz[A-Za-z]+' -- '*_test.go' | sed 's/func //')
[ -n "$targets" ] || { echo "error: there are no fuzz targets" >&2; exit 1; }
failed=()
while IFS=: read -r file target; do
  echo "== $target in $(dirname "$file") for $duration"
  go test "./$(dirname "$file")" -run '^$' -fuzz "^$target\$" -fuzztime "$duration" "$@" </dev/null || failed+=("$target")
done <<<"$targets"
echo "$(wc -l <<<"$targets") targets, each for $duration; with findings: ${failed[*]:-none}"
[ ${#failed[@]} = 0 ]
