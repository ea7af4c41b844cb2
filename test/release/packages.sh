#!/usr/bin/env bash
# Installs the Debian packages that make and check releases, where they are missing.
set -euo pipefail
missing=()
command -v git >/dev/null || missing+=(git)
command -v jq >/dev/null || missing+=(jq)
command -v man >/dev/null || missing+=(man-db)
command -v rpm >/dev/null || missing+=(rpm)
command -v ruby >/dev/null || missing+=(ruby)
exec "$(dirname "$0")/../apt.sh" "${missing[@]}"
