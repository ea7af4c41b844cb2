#!/usr/bin/env bash
# Builds what makes and checks releases, once per machine and version, and prints the folder it is in.
set -euo pipefail
cd "$(dirname "$0")/tools"

key=$(cat -- */go.sum */go.mod | sha256sum | head -c 12)
folder="${XDG_CACHE_HOME:-$HOME/.cache}/kubectl-apolo/release-tools-$key"
if [ ! -e "$folder/.complete" ]; then
  echo "== building goreleaser, krew and cyclonedx-gomod into $folder" >&2
  mkdir -p "$folder"
  for module in */; do
    # What a module is not asked to do, it needs no checksums for: 'go mod tidy' would fetch the tests' dependencies.
    (cd "$module" && CGO_ENABLED=0 GOFLAGS=-buildvcs=false go build -trimpath -ldflags '-s -w' -o "$folder/" tool) >&2
  done
  touch "$folder/.complete"
fi
echo "$folder"
