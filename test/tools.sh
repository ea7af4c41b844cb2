#!/usr/bin/env bash
# Installs the Debian packages that linting and testing need, where they are missing. What the
# local cluster needs, it installs itself.
set -euo pipefail

missing=()
command -v shellcheck >/dev/null || missing+=(shellcheck)
command -v gcc >/dev/null || missing+=(gcc libc6-dev) # for the race detector
# Completion is tested in the shells themselves.
[ -e /usr/share/bash-completion/bash_completion ] || missing+=(bash-completion)
command -v zsh >/dev/null || missing+=(zsh)
command -v fish >/dev/null || missing+=(fish)
exec "$(dirname "$0")/apt.sh" "${missing[@]}"
