#!/usr/bin/env bash
# Tests the Console in Debian's Chromium, against the local cluster of 'make cluster-up'.
# usage: eval "$(make -s cluster-env)"; test/console/run.sh [PLAYWRIGHT_ARGUMENT...]
set -euo pipefail
cd "$(dirname "$0")"
: "${APOLO_CLUSTER_DIR:?run 'make test-console'}"

if ! command -v chromium >/dev/null; then
  if ! command -v apt-get >/dev/null || [ "$(id -u)" -ne 0 ]; then
    echo "error: please install chromium (as root on Debian this is done for you)" >&2
    exit 1
  fi
  echo "== installing chromium"
  export DEBIAN_FRONTEND=noninteractive
  apt-get -o DPkg::Lock::Timeout=300 -qq update
  apt-get -o DPkg::Lock::Timeout=300 -qq install -y --no-install-recommends chromium fonts-liberation >/dev/null
fi
node=$(../node.sh)
export PATH="$node:$PATH"
[ node_modules/.package-lock.json -nt package-lock.json ] || npm ci --no-fund --no-audit --loglevel error
exec npx --no-install playwright test "$@"
