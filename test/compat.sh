#!/usr/bin/env bash
# Runs the end-to-end tests against each version of Kubernetes that test/cluster can build, one after the other, each on
# its own cluster that is taken down afterwards, and writes what passed into docs/compatibility.md.
# COMPAT chooses versions ("1.32 1.37"). Further arguments are those of go test, and leave the file as it is.
set -euo pipefail
cd "$(dirname "$0")/.."

all=$(printf '%s\n' test/cluster/binaries/kubernetes-* | sed 's/.*-//' | sort -V | tr '\n' ' ')
read -ra versions <<<"${COMPAT:-$all}"
# These are about answers that no version of Kubernetes gives, and take a third of the time.
untouched='^Test(Faults|LostAnswerLeavesNoJob|FaultsWhileAJobRuns|HostileServer|HostileStreams)$'
work=$(mktemp -d)
cluster=$work/cluster
go -C test/cluster build -o "$cluster" .

down() {
  "$cluster" down >"$work/down" 2>&1 || cat "$work/down" >&2
}
trap 'down; rm -rf "$work"' EXIT

failed=()
for version in "${versions[@]}"; do
  export APOLO_CLUSTER_KUBERNETES=$version APOLO_CLUSTER_DIR=/var/lib/apolo-cluster/compat-$version
  echo "== Kubernetes $version"
  "$cluster" up
  environment=$("$cluster" env)
  server=$(KUBECONFIG=$APOLO_CLUSTER_DIR/kubeconfig/admin sh -c "$environment; KUBECONFIG=$APOLO_CLUSTER_DIR/kubeconfig/admin kubectl version" | sed -n 's/^Server Version: //p')
  node=$(sh -c "$environment; KUBECONFIG=$APOLO_CLUSTER_DIR/kubeconfig/admin kubectl get nodes -o jsonpath='{.items[0].status.nodeInfo.kubeletVersion}'")
  echo "== API server $server, kubelet $node"
  status=passed
  if ! (eval "$environment"; go test -count=1 -timeout 60m -parallel 8 -v -skip "$untouched" "$@" ./test/e2e/... >"$work/log" 2>&1); then
    status=FAILED
    failed+=("$version")
    grep -a -v -E '^ *(=== |--- PASS)' "$work/log" >&2 || true
  fi
  tests=$(grep -a -c -E '^ *--- PASS' "$work/log" || true)
  not=$(grep -a -c -E '^ *--- (FAIL|SKIP)' "$work/log" || true)
  echo "== Kubernetes $version: $status, $tests tests passed, $not did not"
  down
  if [ $# -eq 0 ] && [ "$status" = passed ]; then
    # The rows are in the order of versions, each of the last run that passed.
    { grep -vE "^\| (v$version\.|no run)" docs/compatibility.md | sed '/^| --- | --- | --- |/q'
      { grep -E '^\| v1\.' docs/compatibility.md | grep -v "^| v$version\." || true
        echo "| $server | $node | $tests | $not | $(date -u +%F) |"; } | sort -V
      sed '1,/^| --- | --- | --- |/d' docs/compatibility.md | grep -vE '^\| (v1\.|no run)'
    } >"$work/compatibility.md"
    cp "$work/compatibility.md" docs/compatibility.md
    echo "== wrote docs/compatibility.md"
  fi
done

if [ ${#failed[@]} -gt 0 ]; then
  echo "error: the tests failed on Kubernetes ${failed[*]}" >&2
  exit 1
fi
