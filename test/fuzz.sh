#!/usr/bin/env bash
# Runs every fuzz target for a while, whatever the others find, and fails where one has found something. What it finds
# is left in the testdata/fuzz of its package, to be mended and committed.
# usage: fuzz.sh DURATION [REPORT]
# With REPORT, a file, it writes there what ran, and keeps the inputs that reach more than the seeds (keep-corpus.sh).
# FUZZJOBS is the number of targets that run at once, each with one worker; without it, each has all cores in its turn.
# FUZZ chooses targets: an extended regular expression.
set -euo pipefail
cd "$(dirname "$0")/.."
duration=${1:?usage: fuzz.sh DURATION [REPORT]}
report=${2:-}
jobs=${FUZZJOBS:-1}
flags=(-fuzzminimizetime=1s) # of the time that is given, more would go into making what was found smaller
[ "$jobs" = 1 ] || flags+=(-parallel=1)
logs=$(mktemp -d)
trap 'rm -rf "$logs"' EXIT

targets=$(git grep -oE --untracked '^func Fuzz[A-Za-z]+' -- '*_test.go' | sed 's/func //' | grep -E ":${FUZZ:-}" || true)
[ -n "$targets" ] || { echo "error: there are no such fuzz targets" >&2; exit 1; }

fuzz() { # one target, as FILE:NAME
  local package target
  package=./$(dirname "${1%%:*}") target=${1##*:}
  echo "== $target in $package for $duration"
  if ! go test "$package" -run '^$' -fuzz "^$target\$" -fuzztime "$duration" "${flags[@]}" </dev/null >"$logs/$target" 2>&1; then
    touch "$logs/$target.failed"
    cat "$logs/$target"
  fi
  echo "$target: $(last "$target")"
}

last() { # what the target $1 reported at its end
  grep -E '^fuzz: elapsed: .*execs: ' "$logs/$1" | tail -n 1 | sed 's/^fuzz: //'
}

while read -r target; do
  while [ "$(jobs -rp | wc -l)" -ge "$jobs" ]; do wait -n; done
  fuzz "$target" &
done <<<"$targets"
wait

failed=$(cd "$logs" && find . -name '*.failed' -printf '%f\n' | sed 's/\.failed$//' | sort | tr '\n' ' ')
if [ -n "$report" ] && [ -z "$failed" ]; then
  while IFS=: read -r file target; do
    test/keep-corpus.sh "./$(dirname "$file")" "$target"
  done <<<"$targets"
  {
    cat <<HEAD
# Fuzzing

Written by \`make fuzz-long\`. Each target ran for $duration without a finding, on $(nproc) cores that $jobs targets shared at a time, on
$(date -u +%F), with $(go env GOVERSION). "Inputs found" are those that reached something new, the ones of earlier runs on the same machine
included; of these, the fewest that reach as many statements of ours are kept in \`testdata/fuzz\` beside the target, where
\`go test\` tries them again each time.

| target | package | executions | inputs found | kept |
| --- | --- | ---: | ---: | ---: |
HEAD
    while IFS=: read -r file target; do
      read -r execs total < <(last "$target" | sed -E 's/.*execs: ([0-9]+).*total: ([0-9]+).*/\1 \2/')
      kept=$(find "$(dirname "$file")/testdata/fuzz/$target" -type f 2>/dev/null | wc -l)
      echo "| \`$target\` | $(dirname "$file") | $execs | $total | $kept |"
    done <<<"$targets"
  } >"$report"
  echo "== wrote $report"
fi
echo "$(wc -l <<<"$targets") targets, each for $duration; with findings: ${failed:-none}"
[ -z "$failed" ]
