#!/usr/bin/env bash
# Checks what tools can check. Each rule of this repository that is broken names its fix.
set -euo pipefail
cd "$(dirname "$0")/.."
failed=0

fail() { # RULE LINES
  printf 'error: %s\n%s\n' "$1" "$2" >&2
  failed=1
}

unformatted=$(gofmt -l cmd krew pkg plugins test)
[ -z "$unformatted" ] || fail "not formatted; run gofmt -w on" "$unformatted"

# Each linter is the tool of a module of its own. go tool -n builds it and prints where it is.
tool() { go tool -modfile="$PWD/test/tools/$1/go.mod" -n "$1"; }
golangci=$(tool golangci-lint)
actionlint=$(tool actionlint)

"$golangci" run ./...
(cd test/cluster && "$golangci" run ./...)
GOOS=windows go vet ./cmd/... ./pkg/... ./plugins/...
# GitHub's workflows: ours, and the one that the documentation shows.
"$actionlint"
# shellcheck disable=SC2016 # the backticks are fences of Markdown
sed -n '/^### GitHub Actions/,/^### GitLab/{/^```yaml/,/^```/{/^```/!p}}' docs/ci.md | "$actionlint" -stdin-filename docs/ci.md - ||
  fail "the workflow in docs/ci.md is wrong; fix it" "(line numbers are those of the block)"
git ls-files -z --cached --others --exclude-standard -- '*.sh' '*.bash' .ci/run | xargs -0 shellcheck

# Each of these costs megabytes and milliseconds in every binary.
heavy=$(go list -deps ./cmd/... | grep -E '^k8s.io/(client-go/kubernetes|client-go/(testing|gentype|discovery)|kubectl|kubernetes|cli-runtime/pkg/(genericclioptions|resource))(/|$)' || true)
[ -z "$heavy" ] || fail "heavy packages are linked into a binary; use pkg/kube and small clients instead of" "$heavy"

testing=$(go list -deps ./cmd/... | grep -E '/(kubetest|verbtest)$' || true)
[ -z "$testing" ] || fail "only tests import these; they must not be linked into a binary" "$testing"

foreign=$(go list -deps ./cmd/kubectl-apolo | grep -E '^[^/]+\.[^/]+/' | grep -v '^github.com/neuro-inc/kubectl-apolo/' || true)
[ -z "$foreign" ] || fail "the dispatcher uses the standard library alone; it must not import" "$foreign"

backwards=$(git grep -nE '"github.com/neuro-inc/kubectl-apolo/(plugins|cmd)' -- 'pkg/*.go' || true)
[ -z "$backwards" ] || fail "pkg must not import plugins or cmd; move what is shared into pkg" "$backwards"

exits=$(git grep -nE 'os\.Exit\(|log\.Fatal' -- 'pkg/*.go' 'plugins/*.go' ':!plugins/internal/reference/main.go' ':!plugins/internal/licenses/main.go' || true)
[ -z "$exits" ] || fail "only main ends the process; return an error instead of" "$exits"

prints=$(git grep -nE 'fmt\.Print|os\.Std(out|err)' -- 'pkg/*.go' ':!*_test.go' || true)
[ -z "$prints" ] || fail "pkg does not print; return what is to be shown instead of" "$prints"

todos=$(git grep -nE 'TODO' -- '*.go' '*.sh' Makefile ':!test/lint.sh' | grep -vE 'TODO\(#[0-9]+\)' || true)
[ -z "$todos" ] || fail "a TODO needs the number of an issue, as in TODO(#12)" "$todos"

phrases=$(git grep -nIiE '\b(for ever|tells whether|typing errors?|mended)\b' -- '*.go' '*.ts' '*.tsx' '*.md' '*.sh' '*.txtar' Makefile ':!test/lint.sh' || true)
[ -z "$phrases" ] || fail "write forever, reports whether, a typo, fixed instead of" "$phrases"

exit $failed
