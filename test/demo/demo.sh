#!/usr/bin/env bash
# Plays the main job on the local cluster, as alice and as bob. Called by `make demo`, which puts
# the binaries on PATH and the cluster into the environment.
set -euo pipefail
: "${APOLO_CLUSTER_DIR:?run 'make demo'}"
kubeconfigs=$APOLO_CLUSTER_DIR/kubeconfig
files=$(mktemp -d)
trap 'rm -rf "$files"' EXIT
cd "$files"
export KUBECACHEDIR=$files/cache # what the demo uses need not be remembered

say() { printf '\n# %s\n' "$*"; }
# Shows a command as its user would type it, and runs it.
type_as() {
  local user=$1
  shift
  printf '%s$' "$user"
  printf ' %q' "$@" | sed "s/\\\\//g"
  printf '\n'
  KUBECONFIG=$kubeconfigs/$user "$@"
}
alice() { type_as alice "$@"; }
bob() { type_as bob "$@"; }
refused() {
  if "$@"; then
    echo "error: this should have been refused" >&2
    exit 1
  fi
}

KUBECONFIG=$kubeconfigs/alice apolo secret rm -q --ignore-not-found secret-password gcp-key aws-key
KUBECONFIG=$kubeconfigs/alice kubectl delete jobs -l apolo.us/job=true >/dev/null
KUBECONFIG=$kubeconfigs/bob kubectl delete jobs -l apolo.us/job=true >/dev/null
echo '{"type": "service_account"}' >gcp.json

say "alice keeps two secrets: a password and a file"
printf "alice\$ kubectl apolo secret add secret-password 'p@\$\$w0rd123'\n"
# shellcheck disable=SC2016 # the dollar signs are part of the password
KUBECONFIG=$kubeconfigs/alice kubectl apolo secret add secret-password 'p@$$w0rd123'
alice kubectl apolo secret add gcp-key @gcp.json
alice kubectl apolo secret add aws-key not-needed
alice kubectl apolo secret ls

say "her job gets one as a variable and one as a file, and prints a hash of each"
# shellcheck disable=SC2016 # expanded in the container
job='printf %s "$PASSWORD" | sha256sum; sha256sum < /var/secrets/gcp.json'
printf "alice\$ kubectl apolo run --env PASSWORD=secret:secret-password --volume secret:gcp-key:/var/secrets/gcp.json busybox:1 -- sh -c '%s'\n" "$job"
KUBECONFIG=$kubeconfigs/alice kubectl apolo run --env PASSWORD=secret:secret-password --volume secret:gcp-key:/var/secrets/gcp.json busybox:1 -- sh -c "$job"

say "she shares one with bob, and nothing else"
alice kubectl apolo acl grant secret:secret-password bob read
say "bob does not have it in his list, finds it, and uses it in a job"
bob kubectl apolo secret ls -q
bob kubectl apolo acl list
refused bob kubectl apolo secret get secret://default/alice/gcp-key
# shellcheck disable=SC2016 # expanded in the container
job='printf %s "$PASSWORD" | sha256sum'
printf "bob\$ kubectl apolo run --env PASSWORD=secret://default/alice/secret-password busybox:1 -- sh -c '%s'\n" "$job"
KUBECONFIG=$kubeconfigs/bob kubectl apolo run --env PASSWORD=secret://default/alice/secret-password busybox:1 -- sh -c "$job"

say "alice takes it back"
alice kubectl apolo acl revoke secret:secret-password bob
refused bob kubectl apolo secret get secret://default/alice/secret-password
say "and removes what she does not need"
alice kubectl apolo secret rm aws-key
alice kubectl apolo secret ls

cat <<'EOF'

# Go on by hand, in this folder:
  eval "$(make -s cluster-env)"                                     # you are alice
  kubectl apolo secret ls
  kubectl apolo console                                             # all this in the browser
  KUBECONFIG=$APOLO_CLUSTER_DIR/kubeconfig/bob kubectl apolo acl ls # as bob
  make cluster-down                                                 # when you are done
EOF
