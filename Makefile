# `make help` lists the targets.

GO      ?= go
BIN     := bin
VERSION := $(shell git describe --tags --always --dirty 2>/dev/null)
LDFLAGS := -s -w -X main.version=$(VERSION)

# Omit gRPC's tracing, and the templates that it links.
TAGS := grpcnotrace

# The race detector needs a C compiler.
RACE := $(shell command -v $$($(GO) env CC) >/dev/null && echo -race)

# The three modules, as package patterns of the workspace.
PACKAGES := ./... ./examples/... ./internal/integration/...

# The platforms that the program and the library support: installers run on laptops.
PLATFORMS := linux/amd64 linux/arm64 darwin/amd64 darwin/arm64 windows/amd64 windows/arm64

# The fuzzers to run, and for how long each: a duration, or a number of inputs such
# as 3000x.
FUZZTIME ?= 10m
FUZZERS  ?= ^Fuzz
ARGS     ?= --ipv4-pool-cidr 10.244.0.0/16 --ipv6-pool-cidr fd00:10:244::/64

# The name of the image, its architecture, and the tool to build it: the first of
# docker, podman and buildah that works. The image is reproducible with the same
# commit, Go and tool.
IMAGE      ?= calico-bootstrap:$(or $(VERSION),latest)
ARCH       ?= $(shell $(GO) env GOARCH)
IMAGE_TOOL ?= $(shell for tool in docker podman buildah; do $$tool info >/dev/null 2>&1 && echo $$tool && break; done)
REVISION    = $(shell git rev-parse HEAD 2>/dev/null)
COMMITTED   = $(shell TZ=UTC git log -1 --format=%cd --date=format-local:$(1) 2>/dev/null)

.DEFAULT_GOAL := help

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: build
build: ## build the program into bin/
	CGO_ENABLED=0 $(GO) build -trimpath -tags '$(TAGS)' -ldflags '$(LDFLAGS)' -o $(BIN)/calico-bootstrap ./examples/calico-bootstrap

.PHONY: image
image: CONTEXT := $(BIN)/image-$(ARCH)
image: ## build the container image (IMAGE=name:tag ARCH=arm64 IMAGE_TOOL=podman)
	@command -v "$(IMAGE_TOOL)" >/dev/null || { echo "make image: docker, podman and buildah don't work; set IMAGE_TOOL to another tool" >&2; exit 1; }
	@rm -rf $(CONTEXT)
	GOOS=linux GOARCH=$(ARCH) CGO_ENABLED=0 $(GO) build -trimpath -tags '$(TAGS)' -ldflags '$(LDFLAGS)' -o $(CONTEXT)/calico-bootstrap ./examples/calico-bootstrap
	@TZ=UTC touch -t $(or $(call COMMITTED,%Y%m%d%H%M.%S),197001010000) $(CONTEXT)/calico-bootstrap
	SOURCE_DATE_EPOCH=$(or $(call COMMITTED,%s),0) $(IMAGE_TOOL) build --platform linux/$(ARCH) --tag $(IMAGE) \
		--file examples/calico-bootstrap/Dockerfile --build-arg VERSION=$(VERSION) --build-arg REVISION=$(REVISION) \
		--build-arg CREATED=$(call COMMITTED,%Y-%m-%dT%H:%M:%SZ) \
		$(if $(findstring docker,$(IMAGE_TOOL)),,--timestamp $(or $(call COMMITTED,%s),0)) $(CONTEXT)

.PHONY: man
man: ## update the program's man page
	$(GO) test ./examples/calico-bootstrap -run ManPage -update

.PHONY: run
run: ## create the pools in an embedded etcd and show them (ARGS='--flag …')
	$(GO) run -tags embedded ./examples/calico-bootstrap --datastore-type embedded $(ARGS)

.PHONY: check
check: lint ## lint, and the tests that need no server
	$(GO) test ./... ./examples/...

.PHONY: test
test: test-newest test-floors ## all tests with the newest and the oldest dependencies, and some fuzzers for 3000 inputs
	@# The limit is a number of inputs, because a fuzzer that reaches a time limit on
	@# a busy machine fails. Only well-tried fuzzers run, so that a random finding
	@# doesn't fail an unchanged checkout; `make fuzz` runs all of them.
	$(MAKE) --no-print-directory fuzz FUZZTIME=3000x FUZZERS='^Fuzz(Parse|ParseCIDR|Record|FromEnv)$$'

.PHONY: test-newest
test-newest: ## all tests, including those on real servers, with the newest dependencies
	$(GO) test $(RACE) -timeout 35m $(PACKAGES)

.PHONY: test-floors
test-floors: ## the library's tests with the oldest supported dependencies
	GOWORK=off $(GO) test $(RACE) ./...

.PHONY: test-docs
test-docs: ## the tests of README.md and docs/ (except docs/OPENSHIFT.md and the image, see test-host)
	$(GO) test -count=1 . -run 'README|Guarantees|EveryCommand|Links'
	$(GO) test -count=1 ./bootstrap/preflight -run 'Documented'
	$(GO) test -count=1 -timeout 15m ./internal/integration/... -run 'QuickStart|Transcript|Migrating|Help|ConfigTable|MakeRun|Install$$|RenderIsTaken|Document'

.PHONY: test-host
test-host: ## the tests that need root on Debian or Fedora: firewalld, Ansible, the image (installs their packages)
	internal/integration/host/install
	@# -count=1, because Go's test cache ignores changes of the role.
	$(GO) test -tags host -count=1 -timeout 30m ./internal/integration/host/...

# The versions are in internal/integration/kubetest/kubernetes-….
.PHONY: test-older
test-older: ## the tests on real API servers with an older Kubernetes
	KUBETEST_KUBERNETES=1.34 $(GO) test -timeout 40m ./internal/integration/...

.PHONY: cross
cross: ## compile everything for every platform
	@for platform in $(PLATFORMS); do \
		echo "compile for $$platform"; \
		GOOS=$${platform%/*} GOARCH=$${platform#*/} CGO_ENABLED=0 $(GO) build $(PACKAGES) || exit 1; \
		GOOS=$${platform%/*} GOARCH=$${platform#*/} CGO_ENABLED=0 GOWORK=off $(GO) build ./... || exit 1; \
	done

.PHONY: lint
lint: ## gofmt, go vet, staticcheck
	@unformatted=$$(gofmt -l .); test -z "$$unformatted" || { echo "gofmt would change:"; echo "$$unformatted"; exit 1; }
	$(GO) vet $(PACKAGES)
	$(GO) vet -tags embedded ./examples/...
	$(GO) vet -tags host ./internal/integration/host/...
	GOWORK=off $(GO) -C examples vet ./...
	$(GO) tool staticcheck $(PACKAGES)
	$(GO) tool staticcheck -tags embedded ./examples/...
	$(GO) tool staticcheck -tags host ./internal/integration/host/...

# The tag or commit to compare the library's API with: the last version, or HEAD if
# there is none.
MODULE := github.com/calico-bootstrap/calico-bootstrap
SINCE  ?= $(or $(shell git describe --tags --abbrev=0 --match 'v*' 2>/dev/null),HEAD)

.PHONY: api
api: ## show changes of the library's API, and which of them are incompatible (SINCE=v0.1.0)
	@mkdir -p $(BIN)
	@$(GO) build -o $(BIN)/apidiff golang.org/x/exp/cmd/apidiff
	@then=$$(mktemp -d) && trap 'rm -rf "$$then"' EXIT && \
	git archive -o "$$then/tar" '$(SINCE)' && tar -xf "$$then/tar" -C "$$then" && \
	{ (cd "$$then" && GOWORK=off "$(CURDIR)/$(BIN)/apidiff" -m -w exported $(MODULE)) && \
	changes=$$(GOWORK=off $(BIN)/apidiff -m "$$then/exported" $(MODULE)); } 2>"$$then/log" || { cat "$$then/log" >&2; exit 1; } && \
	echo "$${changes:-The API is that of $(SINCE).}"

# The Go vulnerability database, or a mirror.
VULNDB ?= https://vuln.go.dev

.PHONY: vuln
vuln: ## known vulnerabilities in code that the library and the program call (skipped if VULNDB is unreachable)
	@mkdir -p $(BIN)
	@# Check the output as well, because govulncheck may exit with 0 after a panic.
	@$(GO) tool govulncheck -db '$(VULNDB)' ./... ./examples/... >$(BIN)/vuln.txt 2>&1; code=$$?; cat $(BIN)/vuln.txt; \
	if grep -q '^govulncheck: fetching vulnerabilities: ' $(BIN)/vuln.txt; then \
		echo 'make vuln: skipped: $(VULNDB) can't be read; set VULNDB=URL to a mirror'; exit 0; \
	fi; \
	grep -q -e '^No vulnerabilities found' -e '^Your code is affected by 0 vulnerabilities' $(BIN)/vuln.txt || exit $$(($$code ? $$code : 1)); \
	exit $$code

# Go caches the interesting inputs, so the next run starts from them. Minimizing an
# input is limited to a second: the default of a minute takes most of the time.
.PHONY: fuzz
fuzz: ## every fuzzer, or those that FUZZERS matches, for FUZZTIME each (10m by default, hours in total; FUZZTIME=30s)
	@failed=; \
	for package in $$($(GO) list ./... ./examples/...); do \
		listed=$$($(GO) test -list '$(FUZZERS)' $$package) || { echo "$$listed"; exit 1; }; \
		for fuzzer in $$(echo "$$listed" | grep '^Fuzz'); do \
			echo "$$package $$fuzzer"; \
			$(GO) test -run '^$$' -fuzz "^$$fuzzer\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 1s $$package || failed="$$failed $$fuzzer"; \
		done; \
	done; \
	test -z "$$failed" || { echo "failed:$$failed" >&2; exit 1; }

.PHONY: bench
bench: ## run the measurements of docs/PERFORMANCE.md and update its tables
	$(GO) test -timeout 20m ./internal/integration/performance -run '^$$' -bench . -benchtime 1x -args -write

.PHONY: cover
cover: ## statement coverage of the library by all tests; fails below 95 % of a package
	@mkdir -p $(BIN)
	$(GO) test -timeout 35m -coverpkg=./ippool/...,./bootstrap/...,./internal/netcause -coverprofile=$(BIN)/cover.out $(PACKAGES)
	@awk 'NR > 1 { statements[$$1] = $$2; if ($$3 > 0) run[$$1] = 1 } \
		END { for (block in statements) { \
				package = block; sub("/[^/]*$$", "", package); \
				all[package] += statements[block]; if (block in run) done[package] += statements[block] } \
			for (package in all) { \
				share = 100 * done[package] / all[package]; printf "%5.1f %%  %s\n", share, package; \
				if (share < 95) low = 1 } \
			exit low }' $(BIN)/cover.out

.PHONY: clean
clean: ## remove the build results
	rm -rf $(BIN)
