# The two commands that a newcomer needs are `make demo` and `make test`.
SHELL       := /bin/bash -euo pipefail
.SHELLFLAGS := -c
MAKEFLAGS   += --no-print-directory

VERSION  ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo devel)
COMMIT   ?= $(shell git rev-parse --short=12 HEAD 2>/dev/null)
DATE     ?= $(shell git log -1 --format=%cI 2>/dev/null)
package  := github.com/neuro-inc/kubectl-apolo/plugins/internal/version
ldflags  := -s -w -X $(package).version=$(VERSION) -X $(package).commit=$(COMMIT) -X $(package).date=$(DATE)
# The tag leaves out urfave/cli's generator of manual pages, a quarter of a megabyte in each binary.
gobuild  := CGO_ENABLED=0 go build -trimpath -tags urfave_cli_no_docs -ldflags '$(ldflags)'
cluster  := go -C test/cluster run .
platforms := linux/amd64 linux/arm64 darwin/amd64 darwin/arm64 windows/amd64 windows/arm64

# Pinned: a new release of a linter must not break an old commit. Those of make lint are in test/tools.
govulncheck := golang.org/x/vuln/cmd/govulncheck@v1.9.0
gosec       := github.com/securego/gosec/v2/cmd/gosec@v2.30.0
# What is known today breaks no commit of yesterday: 'make audit VULNDB=golang.org/x/vulndb@latest' looks at the newest.
VULNDB      ?= golang.org/x/vulndb@v0.0.0-20261105234957-e22db6528018

# The toolchain that go.mod names, with its security fixes, also where Debian's Go or an image keeps to its own.
export GOTOOLCHAIN := auto

.DEFAULT_GOAL := help

.PHONY: help
help: ## list these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: demo
demo: build cluster-up ## play the main job as alice on a local Kubernetes
	@eval "$$($(cluster) env)"; PATH="$(CURDIR)/bin:$$PATH" test/demo/demo.sh

.PHONY: test
test: lint build test-unit web-test test-e2e test-console ## install what is missing and run every test, but for the long ones of test-all

.PHONY: test-all
test-all: export TEST_ALL := 1
test-all: lint build test-unit web-test test-long test-console test-release ## run every test: also restarts, hostile servers, releases, many processes at once
	@eval "$$($(cluster) env)"; go test -count=1 -timeout 30m ./test/load

.PHONY: test-unit
test-unit: ## run the tests that need no cluster
	@echo "== unit tests, with the race detector"
	go test -race ./cmd/... ./krew/... ./pkg/... ./plugins/...
	go -C test/cluster test ./...

e2e := go test -count=1 -p 1 -timeout 90m -parallel 8 $$(go list ./test/... | grep -v /test/load$$)

.PHONY: test-e2e
test-e2e: build cluster-up ## run the tests that need a cluster, on the local one, but for the long ones
	@echo "== end-to-end tests on the local cluster"
	@eval "$$($(cluster) env)"; $(e2e) -short

.PHONY: test-long
test-long: build cluster-up ## run all tests that need a cluster, on the local one
	@echo "== all end-to-end tests on the local cluster"
	@eval "$$($(cluster) env)"; $(e2e)

.PHONY: reliability
reliability: build cluster-up ## inject every fault into every request of every command, and write the table in docs/reliability.md
	@eval "$$($(cluster) env)"; go test -count=1 -timeout 90m -parallel 24 -run '^TestFaults$$' ./test/e2e -every-fault

.PHONY: test-console
test-console: build cluster-up ## test the Console in a browser, on the local cluster; pictures are left in dist/console
	@echo "== the Console in a browser"
	@eval "$$($(cluster) env)"; test/console/run.sh

.PHONY: screenshots
screenshots: build cluster-up ## make the README's pictures of the Console
	@eval "$$($(cluster) env)"; UPDATE_PICTURES=1 test/console/run.sh --grep @readme

.PHONY: fuzz
fuzz: ## fuzz every parser, FUZZTIME each (default: 30s)
	@test/fuzz.sh $${FUZZTIME:-30s}

.PHONY: fuzz-long
fuzz-long: ## fuzz every parser for ten minutes, FUZZJOBS (default: 2) at once; keep what is found, and write docs/fuzzing.md
	@FUZZJOBS=$${FUZZJOBS:-2} test/fuzz.sh 10m docs/fuzzing.md

.PHONY: bench
bench: build cluster-up ## measure against kubectl, and write docs/benchmarks.md
	@eval "$$($(cluster) env)"; go run ./test/bench -bin bin -out docs/benchmarks.md

.PHONY: load
load: build cluster-up ## let 100 processes work at once, give 10,000 grants, and write docs/load.md
	@eval "$$($(cluster) env)"; go run ./test/load -bin bin -out docs/load.md

.PHONY: soak
soak: build cluster-up ## walk at random over all commands, for SOAK (default: 10m), and compare each answer with a model
	@eval "$$($(cluster) env)"; SOAK=$${SOAK:-10m} go test -count=1 -timeout 0 -v ./test/soak

.PHONY: test-compat
test-compat: build ## run the end-to-end tests on each version of Kubernetes, and write docs/compatibility.md
	@test/compat.sh

web         := plugins/console/web
web_sources := $(shell find $(web) -type f -not -path '*/node_modules/*' -not -path '*/dist/*' -not -name schema.d.ts)
with_node   := PATH="$$(test/node.sh):$$PATH"

.PHONY: web
web: $(web)/dist/.built ## build the Console's page, if something of it has changed

# npm writes this file when it has installed what the lock file says.
$(web)/node_modules/.package-lock.json: $(web)/package-lock.json
	@echo "== installing what builds the Console's page"
	@$(with_node) npm --prefix $(web) ci --ignore-scripts --no-fund --no-audit --loglevel error

$(web)/src/api/schema.d.ts: $(web)/src/api/openapi.json $(web)/node_modules/.package-lock.json
	@$(with_node) npm --prefix $(web) run --silent api

$(web)/dist/.built: $(web_sources) $(web)/src/api/schema.d.ts
	@echo "== building the Console's page"
	@$(with_node); export PATH; npm --prefix $(web) run --silent typecheck; npm --prefix $(web) run --silent build
	@touch $@

.PHONY: web-test
web-test: $(web)/src/api/schema.d.ts ## test the logic of the Console's page
	@echo "== tests of the Console's page"
	@$(with_node) npm --prefix $(web) run --silent test

.PHONY: build
build: web ## build every binary into bin/, stripped
	@echo "== building bin/"
	@mkdir -p bin
	@$(gobuild) -o bin/ ./cmd/...
	@ln -sf kubectl-apolo bin/apolo; ln -sf kubectl-apolo bin/kubectl_complete-apolo
	@for plugin in bin/kubectl-apolo_*; do ln -sf kubectl-apolo "bin/kubectl_complete-$${plugin#bin/kubectl-}"; done

.PHONY: web-api
web-api: ## describe the Console's API in plugins/console/web/src/api/openapi.json, for the page's types
	@mkdir -p plugins/console/web/src/api
	@go run ./cmd/kubectl-apolo_console --print-api > plugins/console/web/src/api/openapi.json

.PHONY: build-all
build-all: web ## cross-compile every binary for every platform into dist/
	@for platform in $(platforms); do \
		echo "== building dist/$$platform"; mkdir -p dist/$$platform; \
		GOOS=$${platform%/*} GOARCH=$${platform#*/} $(gobuild) -o dist/$$platform/ ./cmd/...; \
	done

.PHONY: docs
docs: ## write docs/commands from the commands' help
	@go run ./plugins/internal/reference docs/commands

.PHONY: man
man: ## write the manual pages, for the packages
	@rm -rf .cache/man; go run ./plugins/internal/reference -man .cache/man; gzip -9n .cache/man/*.1

# In a repository without a remote, goreleaser would not look at the commit.
with_remote := GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0=remote.origin.url GIT_CONFIG_VALUE_0=https://github.com/neuro-inc/kubectl-apolo

# Uncommitted changes would be in the binaries and not in their version.
.PHONY: release-snapshot
release-snapshot: ## make all files of a release of this commit, for all platforms, in dist/release
	@echo "== a release of this commit, not to be published"
	@tools=$$(test/release/tools.sh); export PATH="$$tools:$$PATH"; \
		git ls-remote --get-url >/dev/null 2>&1 || export $(with_remote); \
		goreleaser release --snapshot --clean --skip=sign; go run ./krew/generate; test/release/collect.sh

.PHONY: release
release: ## make all files of a release of the tag that is checked out; the workflow signs and publishes them
	@tools=$$(test/release/tools.sh); export PATH="$$tools:$$PATH"; \
		goreleaser release --clean --skip=publish,sign; go run ./krew/generate; test/release/collect.sh

.PHONY: test-release
test-release: tools audit cluster-up ## audit, make a release twice, with the same bytes, and install it: krew, deb, rpm
	@echo "== releases"
	@eval "$$($(cluster) env)"; test/release/test.sh

.PHONY: web-lint
web-lint: $(web)/src/api/schema.d.ts ## eslint and prettier, for the Console's page
	@echo "== linters of the Console's page"
	@$(with_node) npm --prefix $(web) run --silent lint

.PHONY: lint
lint: tools web-lint ## gofmt, golangci-lint, shellcheck, actionlint and the rules of this repository
	@echo "== linters"
	@test/lint.sh

.PHONY: audit
audit: ## look for known vulnerabilities in what is linked, and for weaknesses in the code
	@echo "== govulncheck and gosec"
	@test/audit.sh $(govulncheck) $(VULNDB) $(gosec)

.PHONY: licenses
licenses: ## write docs/licenses.md, what of others is in the binaries
	@go run ./plugins/internal/licenses docs/licenses.md

.PHONY: license-texts
license-texts: web ## write the texts of these licences, for releases
	@go run ./plugins/internal/licenses -texts .cache/licenses/THIRD_PARTY_LICENSES.md

.PHONY: tools
tools: ## install the Debian packages that the tests need
	@test/tools.sh

.PHONY: cluster-up
cluster-up: ## start the local Kubernetes, or check that it runs
	@echo "== local cluster"
	@$(cluster) up

.PHONY: cluster-down
cluster-down: ## end the local Kubernetes and remove every trace of it
	@$(cluster) down

.PHONY: cluster-env
cluster-env: ## print shell lines that point kubectl to it: eval "$(make -s cluster-env)"
	@$(cluster) env
	@echo 'export PATH="$(CURDIR)/bin:$$PATH"'

.PHONY: clean
clean: ## remove what was built
	rm -rf bin dist
