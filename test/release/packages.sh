#!/usr/bin/env bash
# Installs the Debian packages that make and check releases, where they are missing.
set -euo pipefail
missing=()
command -v git >/dev/null || missing+=(git)
command -v jq >/dev/null || missing+=(jq)
command -v man >/dev/null || missing+=(man-db)
command -v rpm >/dev/null || missing+=(rpm)
command -v ruby >/dev/null || missing+=(ruby)
[ ${#missing[@]} -eq 0 ] && exit 0

if ! command -v apt-get >/dev/null || [ "$(id -u)" -ne 0 ]; then
  echo "error: please install ${missing[*]} (as root on Debian this is done for you)" >&2
  exit 1
fi
echo "== installing ${missing[*]}"
export DEBIAN_FRONTEND=noninteractive
apt-get -o DPkg::Lock::Timeout=300 -qq update
apt-get -o DPkg::Lock::Timeout=300 -qq install -y --no-install-recommends "${missing[@]}" >/dev/null
