#!/usr/bin/env bash
# Tests the Console in Debian's Chromium, against the local cluster of 'make cluster-up'.
# usage: eval "$(make -s cluster-env)"; test/console/run.sh [PLAYWRIGHT_ARGUMENT...]
set -euo pipefail
cd "$(dirname "$0")"
: "${APOLO_CLUSTER_DIR:?run 'make test-console'}"

command -v chromium >/dev/null || ../apt.sh chromium fonts-liberation
node=$(../node.sh)
export PATH="$node:$PATH"
[ node_modules/.package-lock.json -nt package-lock.json ] || npm ci --ignore-scripts --no-fund --no-audit --loglevel error
exec npx --no-install playwright test "$@"
