#!/usr/bin/env bash
# Copies from the cache of Go's fuzzing those inputs that reach our statements which the target's seeds and the
# inputs kept before don't, small ones first, into the testdata/fuzz of the package.
# usage: keep-corpus.sh PACKAGE TARGET
set -euo pipefail
package=$1 target=$2
found=$(go env GOCACHE)/fuzz/$(go list "$package")/$target
[ -d "$found" ] || exit 0
kept=$package/testdata/fuzz/$target
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
ours=./pkg/...
[[ $package != ./plugins/* ]] || ours+=,./plugins/...
go test -c -cover -coverpkg="$ours" -o "$work/test" "$package"

covered() { # the statements that the target's inputs named $1 reach, one a line
  rm -f "$work/profile"
  (cd "$package" && "$work/test" -test.run "^$target\$/$1" -test.coverprofile "$work/profile" >"$work/log" 2>&1) || { cat "$work/log" >&2; return 1; }
  sed -n 's/ [1-9][0-9]*$//p' "$work/profile" | sort -u
}

covered '.' >"$work/all"
while IFS= read -r input; do
  [ ! -e "$kept/$input" ] || continue
  mkdir -p "$kept"
  cp "$found/$input" "$kept/$input"
  covered "^$input\$" >"$work/more"
  if [ -n "$(comm -13 "$work/all" "$work/more")" ]; then
    sort -u -o "$work/all" "$work/all" "$work/more"
  else
    rm "$kept/$input"
  fi
done < <(find "$found" -maxdepth 1 -type f -size -64k -printf '%s %f\n' | sort -n | cut -d' ' -f2)
find "$package/testdata" -type d -empty -delete 2>/dev/null || true
echo "$target: kept $(find "$kept" -type f 2>/dev/null | wc -l) of $(find "$found" -type f | wc -l) inputs"
