#!/usr/bin/env bash
# Makes a release of this checkout, twice, and installs it in the ways that it is for: with krew, dpkg and rpm. The
# commands are then run on the local cluster. Called by 'make test-release', which puts the cluster into the environment.
set -euo pipefail
cd "$(dirname "$0")/../.."
: "${APOLO_CLUSTER_DIR:?run 'make test-release'}"
here=$PWD
dist=$here/dist/release
test/release/packages.sh
tools=$(test/release/tools.sh)
work=$(mktemp -d)
namespace=release-$(head -c 4 /dev/urandom | od -An -tx1 | tr -d ' \n')
kubectl=$(command -v kubectl)
as_admin() { KUBECONFIG=$APOLO_CLUSTER_DIR/kubeconfig/admin "$kubectl" "$@"; }

say() { printf -- '-- %s\n' "$*"; }
fail() {
  printf 'error: %s\n' "$*" >&2
  exit 1
}
# is WHAT GOT WANTED
is() { [ "$2" = "$3" ] || fail "$1 is '$2' and should be '$3'"; }
# has WHAT TEXT PATTERN: a line of the text matches the extended regular expression.
has() { grep -qE -- "$3" <<<"$2" || fail "$1 has no line like '$3':"$'\n'"$2"; }

clean_up() {
  local status=$?
  [ -n "${SERVER_PID:-}" ] && kill "$SERVER_PID" 2>/dev/null
  if dpkg-query -W -f '${Version}' kubectl-apolo 2>/dev/null | grep -q snapshot; then
    dpkg --purge kubectl-apolo >/dev/null
  fi
  as_admin delete namespace "$namespace" --ignore-not-found --wait=false >/dev/null
  rm -rf "$work"
  return $status
}
trap clean_up EXIT

# ---------------------------------------------------------------------------------------------- the same bytes twice

# The archives, packages and SBOMs for two platforms, with the sums of their bytes. To make all six a second time would take
# minutes, and tell nothing new: manifests and recipes are made of these sums.
sums() { (cd "$1" && sha256sum -- *_linux_amd64.* *_windows_amd64.*); }

# existing lists those of the files on standard input that are there; all end with a zero byte.
existing() { while IFS= read -r -d '' file; do [ ! -e "$file" ] || printf '%s\0' "$file"; done; }

# The checkout as it is, with what is not committed yet, in a folder of another name and depth.
copy_checkout() {
  git clone -q --no-hardlinks "$here" "$1"
  git ls-files -z --cached --others --exclude-standard | existing | tar -c --null -T - | tar -x -C "$1"
  git ls-files -z --deleted | (cd "$1" && xargs -0 -r rm -f --)
  if [ -e .cache/node ]; then # a program, not a part of the release
    mkdir -p "$1/.cache"
    ln -s "$here/.cache/node" "$1/.cache/node"
  fi
}

say "a release of this checkout"
make release-snapshot
sums "$dist" >"$work/first"
say "again for two platforms, in another folder, with another umask, time zone and language"
other=$work/some/where/else
copy_checkout "$other"
(
  umask 077
  export TZ=Asia/Kathmandu LC_ALL=C GOFLAGS=-trimpath # so that what is compiled needs not be compiled again
  sed -i 's/goos: \[.*\]/goos: [linux, windows]/; s/goarch: \[.*\]/goarch: [amd64]/' "$other/.goreleaser.yaml"
  make -C "$other" release-snapshot
) >"$work/second.log" 2>&1 || { tail -50 "$work/second.log" >&2; fail "the second release failed"; }
sums "$other/dist/release" >"$work/second"
diff "$work/first" "$work/second" >&2 || fail "the two releases differ"
is "the number of files for two platforms" "$(wc -l <"$work/first")" 30
say "the same bytes: 30 files"
say "the binary with most in it once more, with an empty build cache"
(cd "$other" && GOCACHE=$work/cache "$tools/goreleaser" build --snapshot --clean --single-target --skip=before \
  --id kubectl-apolo_console --output "$work/anew") >"$work/log" 2>&1 || { tail -50 "$work/log" >&2; fail "the third build failed"; }
tar -xOf "$dist"/kubectl-apolo-console_*_"$(go env GOOS)_$(go env GOARCH)".tar.gz kubectl-apolo_console | cmp - "$work/anew" >&2 ||
  fail "what is compiled anew is not what came out of the cache"
rm -rf "$other" "$work/cache"

# ------------------------------------------------------------------------------------------------- what is in it

say "what is in the archives, and what is said of them"
go run ./test/release/inspect -dist "$dist" -not "$here" -not "$(go env GOMODCACHE)" -not "$(go env GOCACHE)"
version=$(jq -er .version "$dist/metadata.json")
is "the published sums beside goreleaser's" "$(sort "$dist/checksums.txt" <(cd "$dist/krew" && sha256sum -- *.yaml))" \
  "$(sort "$here/dist/release-files/assets/checksums.txt")"
is "the recipes" "$(cd "$here/dist/release-files/recipes" && echo *)" "kubectl-apolo.json kubectl-apolo.rb"

say "Homebrew's cask, as its four kinds of machine read it"
for machine in "macos intel amd64" "macos arm arm64" "linux intel amd64" "linux arm arm64"; do
  read -r os cpu arch <<<"$machine"
  got=$(ruby test/release/cask.rb "$dist/homebrew/Casks/kubectl-apolo.rb" "$os" "$cpu")
  archive=kubectl-apolo_${version}_${os/macos/darwin}_$arch.tar.gz
  is "what brew fetches on $os, $cpu" "$(head -2 <<<"$got")" \
    "https://github.com/neuro-inc/kubectl-apolo/releases/download/v$version/$archive"$'\n'"$(sha256sum <"$dist/$archive" | head -c 64)"
  is "what brew links" "$(sed 1,2d <<<"$got" | sort)" "$({
    echo "apolo kubectl-apolo"
    tar -tf "$dist/$archive" | sed -n 's/^kubectl-apolo.*/& &/p'
    tar -tf "$dist/$archive" | sed -n 's/^kubectl-\(apolo.*\)/kubectl_complete-\1 kubectl-apolo/p'
  } | sort)"
done

# ------------------------------------------------------------------------------------------------------- krew

as_admin create namespace "$namespace" >/dev/null
as_admin create rolebinding alice -n "$namespace" --clusterrole=admin --user=alice >/dev/null
cp "$APOLO_CLUSTER_DIR/kubeconfig/alice" "$work/kubeconfig"
export KUBECONFIG=$work/kubeconfig
"$kubectl" config set-context --current --namespace "$namespace" >/dev/null
for _ in {1..200}; do
  [ "$("$kubectl" auth can-i create secrets 2>/dev/null)" != yes ] || break
  sleep 0.1
done

export KREW_ROOT=$work/krew KREW_NO_UPGRADE_CHECK=1
export APOLO_COMPLETION_TIMEOUT=30s # other work may keep the machine busy
mkdir -p "$KREW_ROOT/bin" "$work/bin"
ln -s "$kubectl" "$work/bin/kubectl"
ln -s "$tools/krew" "$work/bin/kubectl-krew"
# Nothing of this checkout is on it: what is not installed is not found.
clean=$KREW_ROOT/bin:$work/bin:/usr/sbin:/usr/bin:/sbin:/bin
krew() { PATH=$clean "$kubectl" krew "$@" </dev/null >"$work/krew.log" 2>&1 || { cat "$work/krew.log" >&2; fail "kubectl krew $*"; }; }
installed() { (cd "$KREW_ROOT/receipts" && find . -name '*.yaml' | sed 's|./||; s|.yaml$||' | sort); }
alice() { PATH=$clean "$@"; }

# The pages of the release are not public yet: the same manifests, with an address on this machine instead.
go build -o "$work/serve" ./test/release/serve
coproc SERVER { exec "$work/serve" "$dist"; }
read -r address <&"${SERVER[0]}"
go run ./krew/generate -base "$address" -out "$work/manifests"
go run ./krew/generate -base "$address" -out "$work/older" -version v0.0.0-older
# shellcheck disable=SC2016 # expanded in the container
print_it='echo "$X"'
# An index with an older release. krew wants one for whatever it does, and the world's is not within reach.
mkdir -p "$work/index/plugins"
in_index() { git -C "$work/index" -c user.name=test -c user.email=test@localhost "$@"; }
in_index init -q
cp "$work/older/"*.yaml "$work/index/plugins/"
in_index add . && in_index commit -qm older
krew index add ours "$work/index"
plugins=(apolo apolo-secret apolo-acl apolo-run apolo-job apolo-console)
is "the manifests" "$(cd "$dist/krew" && echo *)" "$(printf '%s.yaml\n' "${plugins[@]}" | sort | xargs)"

say "krew's own validator, which installs each plugin for each platform"
for plugin in "${plugins[@]}"; do
  base="https://github.com/neuro-inc/kubectl-apolo/releases/download/v$version"
  sed "s|uri: $base/|uri: $address/|" "$dist/krew/$plugin.yaml" | diff - "$work/manifests/$plugin.yaml" >&2 ||
    fail "the manifest of $plugin for this machine is another than the published one"
  "$tools/validate-krew-manifest" -manifest "$dist/krew/$plugin.yaml" -skip-install 2>"$work/log" || { cat "$work/log" >&2; fail "$plugin"; }
  PATH=$clean "$tools/validate-krew-manifest" -manifest "$work/manifests/$plugin.yaml" 2>"$work/log" || { cat "$work/log" >&2; fail "$plugin"; }
  has "what the validator says of $plugin" "$(cat "$work/log")" 'all 6 spec.platforms installed fine'
done

say "each plugin from its archive, alone"
archive_of() { echo "$dist/kubectl-${1}_${version}_linux_amd64.tar.gz"; }
for plugin in "${plugins[@]}"; do
  krew install --manifest="$dist/krew/$plugin.yaml" --archive="$(archive_of "$plugin")"
  is "what krew has noted" "$(installed)" "$plugin"
  has "the version of $plugin" "$(alice kubectl "$plugin" --version)" "^kubectl $plugin v$version \("
  case $plugin in
  apolo)
    has "help" "$(alice kubectl apolo --help)" '^  console '
    is "add" "$(alice kubectl apolo secret add by-krew value)" "secret/by-krew created (5 bytes)"
    has "ls" "$(alice kubectl apolo secret ls)" "by-krew"
    has "acl" "$(alice kubectl apolo acl grant secret:by-krew bob read)" "granted to user bob"
    is "share" "$(alice kubectl apolo share secret:by-krew carol -o 'jsonpath={.access}')" read
    is "run" "$(alice kubectl apolo run -q --env X=secret:by-krew --no-mask busybox:1 -- sh -c "$print_it")" value
    has "ps" "$(alice kubectl apolo ps --all)" succeeded
    has "doctor" "$(alice kubectl apolo doctor)" "^ok +plugins +v$version, as are kubectl-apolo, acl, console, job, run, secret, share$"
    ;;
  apolo-secret) has "ls" "$(alice kubectl apolo-secret ls)" by-krew ;;
  apolo-acl) has "ls" "$(alice kubectl apolo-acl ls --shared)" "by-krew .* carol" ;;
  apolo-run) is "run" "$(alice kubectl apolo-run -q --no-mask --env X=secret:by-krew busybox:1 -- sh -c "$print_it")" value ;;
  apolo-job) has "ls" "$(alice kubectl apolo-job ls --all)" succeeded ;;
  apolo-console) has "help" "$(alice kubectl apolo-console --help)" "kubectl apolo-console" ;;
  esac
  krew uninstall "$plugin"
  is "what krew has noted" "$(installed)" ""
  is "what $plugin left" "$(find "$KREW_ROOT/bin" "$KREW_ROOT/store" "$KREW_ROOT/receipts" ! -type d)" ""
done

say "an older release from an index, completion by a link, upgrade, and removal"
krew install ours/apolo ours/apolo-secret
ln -s kubectl-apolo "$KREW_ROOT/bin/kubectl_complete-apolo" # as docs/completion.md has it
is "completion" "$(alice kubectl __complete apolo secret get by- 2>/dev/null)" "by-krew"$'\n:4'
cp "$work/manifests/"*.yaml "$work/index/plugins/"
in_index commit -qam newer
krew upgrade
has "krew upgrade" "$(cat "$work/krew.log")" '^Upgraded plugin: ours/apolo$'
for plugin in apolo apolo-secret; do
  has "where $plugin is" "$(readlink "$KREW_ROOT/bin/kubectl-${plugin/-/_}")" "/store/$plugin/v$version/"
done
has "ls" "$(alice kubectl apolo secret ls)" by-krew
has "ls" "$(alice kubectl apolo-secret ls)" by-krew
is "completion" "$(alice kubectl __complete apolo secret get by- 2>/dev/null)" "by-krew"$'\n:4'
rm "$KREW_ROOT/bin/kubectl_complete-apolo"
krew uninstall apolo apolo-secret
is "what is left" "$(find "$KREW_ROOT/bin" "$KREW_ROOT/store" "$KREW_ROOT/receipts" ! -type d)" ""

say "from the address of a manifest, as the README has it"
krew install --manifest-url="$address/krew/apolo.yaml" --archive="$(archive_of apolo)"
has "ls" "$(alice kubectl apolo secret ls)" by-krew
krew uninstall apolo

# ------------------------------------------------------------------------------------------------- deb and rpm

deb=$dist/kubectl-apolo_${version}_linux_amd64.deb
rpm=$dist/kubectl-apolo_${version}_linux_amd64.rpm
binaries=$(tar -tf "$(archive_of apolo)" | grep ^kubectl | sort)
# What a package should bring: binaries, links for completion and Apolo's own name, manual pages, licences.
wanted=$({
  sed -n 's|^kubectl-apolo|/usr/bin/&|p' <<<"$binaries"
  echo /usr/bin/apolo
  sed -n 's|^kubectl-apolo|/usr/bin/kubectl_complete-apolo|p' <<<"$binaries"
  sed -n 's|_|-|; s|^kubectl-apolo.*|/usr/share/man/man1/&.1.gz|p' <<<"$binaries"
  echo /usr/share/man/man1/apolo.1.gz
  echo /usr/share/doc/kubectl-apolo/copyright
  echo /usr/share/doc/kubectl-apolo/THIRD_PARTY_LICENSES.md
} | sort)

# as_installed ROOT: the files below it are whole, and do what they should.
as_installed() {
  local root=$1 file
  while read -r file; do
    is "the owner of $file" "$(stat -c %U:%G "$root$file")" root:root
    case $file in
    */bin/apolo | */bin/kubectl_complete-*) is "where $file points" "$(readlink "$root$file")" kubectl-apolo ;;
    */bin/*)
      is "the mode of $file" "$(stat -c %a "$root$file")" 755
      tar -xOf "$(archive_of apolo)" "${file##*/}" | cmp - "$root$file" || fail "$file is not that of the archive"
      ;;
    *) is "the mode of $file" "$(stat -c %a "$root$file")" 644 ;;
    esac
  done <<<"$wanted"
}
# manual FILE: the page is read without a complaint.
manual() { LC_ALL=C.UTF-8 MANWIDTH=100 man --warnings -l "$1" 2>"$work/warnings" </dev/null | col -bx; [ ! -s "$work/warnings" ] || fail "$1: $(cat "$work/warnings")"; }

say "the .deb: what it says, what is in it"
is "the name of the package" "$(dpkg-deb -f "$deb" Package)" kubectl-apolo
is "the architecture" "$(dpkg-deb -f "$deb" Architecture)" amd64
is "what it depends on" "$(dpkg-deb -f "$deb" Depends)" ""
is "what the .deb has" "$(dpkg-deb --fsys-tarfile "$deb" | tar -t | sed -n 's|^\.\{0,1\}/\{0,1\}\(.*[^/]\)$|/\1|p' | sort)" "$wanted"
is "scripts of the .deb" "$(dpkg-deb --ctrl-tarfile "$deb" | tar -t | grep -E '(pre|post)(inst|rm)$' || true)" ""
say "installed, used, and removed again"
if before=$(dpkg-query -W -f '${Status} ${Version}' kubectl-apolo 2>/dev/null) && [[ $before == *installed* && $before != *snapshot* ]]; then
  fail "kubectl-apolo is installed on this machine; remove it first: dpkg --purge kubectl-apolo"
fi
files_in() { find /usr/bin /usr/share/man /usr/share/doc -name '*apolo*' | sort; }
# apt-get runs dpkg, and waits for others that do. Slim images leave out manual pages, unless they are asked.
apt-get -o DPkg::Lock::Timeout=300 -o APT::Sandbox::User=root -o Dpkg::Options::=--path-include='*' -qq install -y \
  --no-install-recommends --reinstall --allow-downgrades "$deb" >"$work/log" 2>&1 || { cat "$work/log" >&2; fail "the .deb cannot be installed"; }
as_installed ""
is "what dpkg finds changed" "$(dpkg --verify kubectl-apolo)" ""
for name in apolo kubectl-apolo; do
  is "$name ls" "$(alice "$name" secret ls -q)" by-krew
  has "man $name" "$(alice man "$name" | col -bx)" 'Keep passwords|keep them, share them'
done
is "kubectl apolo secret ls" "$(alice kubectl apolo secret ls -q)" by-krew
is "kubectl apolo-secret ls" "$(alice kubectl apolo-secret ls -q)" by-krew
is "completion" "$(alice kubectl __complete apolo secret get by- 2>/dev/null)" "by-krew"$'\n:4'
is "completion of a plugin" "$(alice kubectl __complete apolo-secret get by- 2>/dev/null)" "by-krew"$'\n:4'
while read -r page; do
  has "$page" "$(manual "$page")" '^NAME$'
done < <(grep /man1/ <<<"$wanted")
has "man kubectl-apolo-secret" "$(alice man kubectl-apolo-secret | col -bx)" '^ +--overwrite  '
apt-get -o DPkg::Lock::Timeout=300 -qq purge -y kubectl-apolo >/dev/null 2>&1
is "what is left of the package" "$(files_in)" ""
! dpkg-query -s kubectl-apolo >/dev/null 2>&1 || fail "dpkg still knows the package"

say "the .rpm: what it says, what is in it, installed below a separate folder and removed again"
is "the name of the package" "$(rpm -qp --qf '%{NAME} %{ARCH} %{LICENSE}' "$rpm")" "kubectl-apolo x86_64 Apache-2.0"
is "what it requires" "$(rpm -qp --requires "$rpm" | grep -v '^rpmlib(' || true)" ""
is "what it recommends" "$(rpm -qp --recommends "$rpm")" kubectl
is "where it was built" "$(rpm -qp --qf '%{BUILDHOST}' "$rpm")" github.com
is "what the .rpm has" "$(rpm -qlp "$rpm" | grep -v '/doc/kubectl-apolo$' | sort)" "$wanted"
has "its sums" "$(rpm -K --nosignature "$rpm")" 'digests OK$'
# On Debian, rpm says at each installation that it should not be used.
as_root() { rpm --root "$work/root" --nodeps "$@" 2>"$work/log" || { cat "$work/log" >&2; fail "rpm $*"; }; }
mkdir "$work/root"
as_root -i "$rpm"
as_installed "$work/root"
is "what rpm finds changed" "$(as_root -V kubectl-apolo)" ""
is "ls" "$(alice "$work/root/usr/bin/apolo" secret ls -q)" by-krew
as_root -e kubectl-apolo
is "what is left of the package" "$(find "$work/root/usr" -name '*apolo*')" ""

say "all is well with the release"
