#!/usr/bin/env bash
# Installs Debian packages. usage: test/apt.sh [PACKAGE...]
set -euo pipefail
[ $# -gt 0 ] || exit 0
if ! command -v apt-get >/dev/null || [ "$(id -u)" -ne 0 ]; then
  echo "error: please install $* (as root on Debian this is done for you)" >&2
  exit 1
fi
echo "== installing $*" >&2
export DEBIAN_FRONTEND=noninteractive
apt-get -o DPkg::Lock::Timeout=300 -qq update >&2
apt-get -o DPkg::Lock::Timeout=300 -qq install -y --no-install-recommends "$@" >/dev/null
