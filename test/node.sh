#!/usr/bin/env bash
# Prints the folder of a Node.js that can build the Console's page, and puts one there where the machine
# has none: Debian's own is too old. usage: PATH="$(test/node.sh):$PATH"
set -euo pipefail
cd "$(dirname "$0")/.."
version=22.23.3
here=$PWD/.cache/node

fits() { "$1" -e 'const [a, b] = process.versions.node.split(".").map(Number); process.exit(a > 22 || (a === 22 && b >= 12) || (a === 20 && b >= 19) ? 0 : 1)' 2>/dev/null; }

if command -v npm >/dev/null; then
  for found in "$(command -v node || true)" "$here/node_modules/node/bin/node"; do
    if [ -x "$found" ] && fits "$found"; then
      dirname "$found"
      exit 0
    fi
  done
else
  test/apt.sh npm
fi
echo "== installing Node.js $version into .cache/node" >&2
npm install --no-fund --no-audit --loglevel error --no-save --prefix "$here" "node@$version" >&2
fits "$here/node_modules/node/bin/node" || { echo "error: the Node.js in $here does not run; install Node.js 22 yourself" >&2; exit 1; }
echo "$here/node_modules/node/bin"
