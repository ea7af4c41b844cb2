#!/usr/bin/env bash
# Runs every fuzz target for a while, whatever the others find, and fails where one has found something. What it finds
# is left in the testdata/fuzz of its package, to be fixed and committed.
# usage: fuzz.sh DURATION [REPORT]
# With REPORT, a file, it writes there what ran without a finding, and keeps the inputs that reach more than the seeds
# do (keep-corpus.sh).
# FUZZJOBS is the number of targets that run at once, each with one worker; without it, each has all cores in its turn.
# FUZZ chooses targets: an extended regular expression.
set -euo pipefail
cd "$(dirname "$0")/.."
duration=${1:?usage: fuzz.sh DURATION [REPORT]}
report=${2:-}
jobs=${FUZZJOBS:-1}
flags=-fuzzminimizetime=1s # of the time that is given, more would go into making what was found smaller
[ "$jobs" = 1 ] || flags+=' -parallel=1'
logs=$(mktemp -d)
trap 'rm -rf "$logs"' EXIT

targets=$(git grep -oE --untracked '^func Fuzz[A-Za-z]+' -- '*_test.go' | sed 's/func //' | grep -E ":${FUZZ:-}" || true)
[ -n "$targets" ] || { echo "error: there are no such fuzz targets" >&2; exit 1; }

fuzz() { # one target, as FILE:NAME
  local package target
  package=./$(dirname "${1%%:*}") target=${1##*:}
  echo "== $target in $package for $duration"
  # shellcheck disable=SC2086 # flags are words
  if ! go test "$package" -run '^$' -fuzz "^$target\$" -fuzztime "$duration" $flags </dev/null >"$logs/$target" 2>&1; then
    touch "$logs/$target.failed"
    cat "$logs/$target"
  elif [ -n "$report" ]; then
    test/keep-corpus.sh "$package" "$target"
    (flock 9; tell "$package" "$target") 9>"$logs/lock"
  fi
  echo "$target: $(last "$target")"
}

last() { # what the target $1 reported at its end
  grep -E '^fuzz: elapsed: .*execs: ' "$logs/$1" | tail -n 1 | sed 's/^fuzz: //'
}

tell() { # puts the row of the target $2 of the package $1 into the report
  local execs total kept
  read -r execs total < <(last "$2" | sed -E 's/.*execs: ([0-9]+).*total: ([0-9]+).*/\1 \2/')
  kept=$(find "$1/testdata/fuzz/$2" -type f 2>/dev/null | wc -l)
  { sed '/^| --- |/q' "$report"
    { grep -E '^\| `' "$report" | grep -vF "| \`$2\` | ${1#./} |" || true
      echo "| \`$2\` | ${1#./} | $duration | $execs | $total | $kept | $(date -u +%F) |"; } | sort -t'|' -k3,3 -k2,2
  } >"$logs/report"
  cp "$logs/report" "$report"
}

export -f fuzz last tell
export duration report logs flags
xargs -P "$jobs" -I{} bash -euc 'fuzz {}' <<<"$targets" || touch "$logs/${0##*/}.failed"

failed=$(cd "$logs" && find . -name '*.failed' -printf '%f\n' | sed 's/\.failed$//' | sort | tr '\n' ' ')
echo "$(wc -l <<<"$targets") targets, each for $duration; with findings: ${failed:-none}"
[ -z "$failed" ]
