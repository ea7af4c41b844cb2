#!/usr/bin/env bash
# Looks for known vulnerabilities in what is linked, and for weaknesses in our own code.
# usage: audit.sh GOVULNCHECK@VERSION DATABASE@VERSION GOSEC@VERSION
set -euo pipefail
cd "$(dirname "$0")/.."

# The database of vuln.go.dev is a Go module too, which also those can get who reach no more than a module proxy.
database=$(go mod download -json "$2" | sed -n 's/^\t"Dir": "\(.*\)",$/\1/p')
go run "$1" -db "file://$database/data/osv" ./...

# G104, errors that nobody looks at: errcheck does, in make lint; this one also counts those that bufio keeps for Flush
# and those of Close on the way out of another error. What is in test is no part of the product.
go run "$3" -quiet -exclude=G104 -exclude-generated -exclude-dir=node_modules -exclude-dir=test ./...
