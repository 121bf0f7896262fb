# The tasks of this repository. `make help` lists them.

GO      ?= go
BIN     := bin
VERSION := $(shell git describe --tags --match 'v*' --always --abbrev=12 --dirty 2>/dev/null)
LDFLAGS := -s -w -X main.version=$(VERSION)

# Omits gRPC's tracing and the HTML templates that it uses, and the copy of HTTP/2 in
# net/http: client-go brings its own.
TAGS := grpcnotrace,nethttpomithttp2

# Without cgo everywhere, so that each package is compiled once: for the tests, for the
# linters, and for the kube-apiserver of the tests, which has most packages in common.
export CGO_ENABLED ?= 0

# The race detector needs cgo and a C compiler.
RACE := $(shell command -v $$($(GO) env CC) >/dev/null && echo -race)
WITH_RACE = $(if $(RACE),CGO_ENABLED=1) $(GO) test $(RACE)

# The three modules, as package patterns of the workspace. The slowest package comes
# first: the others are tested while it waits for servers.
PACKAGES := ./internal/integration/... ./... ./examples/...

# The platforms for which the program and the library must compile: installers run on
# laptops.
PLATFORMS := linux/amd64 linux/arm64 darwin/amd64 darwin/arm64 windows/amd64 windows/arm64

# The fuzzers to run, and the time of each: a duration, or a number of inputs such as
# 3000x.
FUZZTIME ?= 10m
FUZZERS  ?= ^Fuzz
ARGS     ?= --ipv4-pool-cidr 10.244.0.0/16 --ipv6-pool-cidr fd00:10:244::/64

# The name, the architecture and the build tool of `make image`. The default tool is
# the first of docker, podman and buildah that works. The image of a commit is
# reproducible with the same versions of Go and the tool.
IMAGE      ?= calico-bootstrap:$(or $(VERSION),latest)
ARCH       ?= $(shell $(GO) env GOARCH)
IMAGE_TOOL ?= $(shell for tool in docker podman buildah; do $$tool info >/dev/null 2>&1 && echo $$tool && break; done)
REVISION    = $(shell git rev-parse HEAD 2>/dev/null)
comma      := ,
COMMITTED   = $(shell TZ=UTC git log -1 --format=%cd --date=format-local:$(1) 2>/dev/null)

.DEFAULT_GOAL := help

# The groups of `make help`, in the order of use. `make help-all` lists every target.
define HELP
Build and run: build image run
Check: lint check
Test: test test-host test-release
Release: api vuln release
endef
export HELP

.PHONY: help
help: ## list the targets that most need
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{text[$$1] = $$2} END { \
		groups = split(ENVIRON["HELP"], group, "\n"); \
		for (i = 1; i <= groups; i++) { \
			print substr(group[i], 1, index(group[i], ":")); targets = split(substr(group[i], index(group[i], ":") + 1), target, " "); \
			for (j = 1; j <= targets; j++) if (target[j] in text) printf "  %-12s  %s\n", target[j], text[target[j]] \
		} }' $(MAKEFILE_LIST)
	@echo 'Others: make help-all'

.PHONY: help-all
help-all: ## list all targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  %-17s  %s\n", $$1, $$2}' $(MAKEFILE_LIST) | sort

.PHONY: build
build: ## build the program into bin/
	CGO_ENABLED=0 $(GO) build -trimpath -tags '$(TAGS)' -ldflags '$(LDFLAGS)' -o $(BIN)/calico-bootstrap ./examples/calico-bootstrap

.PHONY: image
image: CONTEXT := $(BIN)/image-$(ARCH)
image: ## build the container image (IMAGE=name:tag ARCH=arm64 IMAGE_TOOL=podman)
	@command -v "$(IMAGE_TOOL)" >/dev/null || { echo "make image: $(if $(IMAGE_TOOL),IMAGE_TOOL=$(IMAGE_TOOL): the command is not installed; install it$(comma) or set IMAGE_TOOL to docker or another tool,none of docker$(comma) podman and buildah is installed and works: their command info fails; install one$(comma) or set IMAGE_TOOL to another tool)" >&2; exit 1; }
	@rm -rf $(CONTEXT)
	GOOS=linux GOARCH=$(ARCH) CGO_ENABLED=0 $(GO) build -trimpath -tags '$(TAGS)' -ldflags '$(LDFLAGS)' -o $(CONTEXT)/calico-bootstrap ./examples/calico-bootstrap
	@TZ=UTC touch -t $(or $(call COMMITTED,%Y%m%d%H%M.%S),197001010000) $(CONTEXT)/calico-bootstrap
	SOURCE_DATE_EPOCH=$(or $(call COMMITTED,%s),0) $(IMAGE_TOOL) build --platform linux/$(ARCH) --tag $(IMAGE) \
		--file examples/calico-bootstrap/Dockerfile --build-arg VERSION=$(VERSION) --build-arg REVISION=$(REVISION) \
		--build-arg CREATED=$(call COMMITTED,%Y-%m-%dT%H:%M:%SZ) \
		$(if $(findstring docker,$(IMAGE_TOOL)),,--timestamp $(or $(call COMMITTED,%s),0)) $(CONTEXT)

# The image of a release. Each architecture is built by `make image`; buildah needs no
# emulation for that.
ARCHES      ?= amd64 arm64
DESTINATION ?= docker://$(IMAGE)
.PHONY: push-image
push-image: ## push the image for ARCHES as one to DESTINATION, and write its digest to bin/image-digest (IMAGE=registry.example.com/calico-bootstrap:v1.2.3, needs buildah)
	@# Without the host of a registry, buildah would push to one that it guesses.
	@case '$(DESTINATION)' in docker://*/*) host='$(patsubst docker://%,%,$(DESTINATION))' && host=$${host%%/*};; docker://*) host=;; *) host=localhost;; esac; \
	case "$$host" in *.* | *:* | localhost);; *) \
		echo 'make push-image: set IMAGE to registry.example.com/calico-bootstrap:v1.2.3, with the host of your registry: the destination $(DESTINATION) has none' >&2; exit 1;; esac
	@for arch in $(ARCHES); do $(MAKE) --no-print-directory image IMAGE_TOOL=buildah ARCH=$$arch IMAGE=$(IMAGE)-$$arch || exit 1; done
	@# The list has a name of its own, so that one with the name of the image stays.
	@rm -f $(BIN)/image-digest; buildah manifest rm $(IMAGE)-index >/dev/null 2>&1; buildah manifest create $(IMAGE)-index $(ARCHES:%=$(IMAGE)-%)
	buildah manifest push --all --format oci --digestfile $(BIN)/image-digest $(IMAGE)-index $(DESTINATION)
	@# buildah 1.28 exits with 0 when a push fails, and writes an empty digest.
	@grep -q '^sha256:' $(BIN)/image-digest || { rm -f $(BIN)/image-digest; \
		echo 'make push-image: buildah pushed nothing to $(DESTINATION), though it exited with 0: its output has the cause' >&2; exit 1; }
	@buildah manifest rm $(IMAGE)-index >/dev/null

.PHONY: man
man: ## generate the man pages and the tables of docs/COMMANDS.md
	$(GO) test ./examples/calico-bootstrap -run 'ManPages$$|CommandsDocument' -update

.PHONY: run
run: ## bootstrap into an embedded etcd and show the pools (ARGS='--flag …')
	$(GO) run -tags embedded ./examples/calico-bootstrap --datastore-type embedded $(ARGS)

.PHONY: check
check: lint ## lint, and run the tests that need no server
	$(GO) test ./... ./examples/...

.PHONY: test
test: test-newest test-floors ## run all tests, on the newest and the oldest dependencies, and some fuzzers for 3000 inputs
	@# A number of inputs, not a duration: on a busy machine, a fuzzer that is
	@# interrupted by a timeout fails. Only the oldest fuzzers: the others may find an
	@# old fault at random, and `make test` must not fail without a change.
	$(MAKE) --no-print-directory fuzz FUZZTIME=3000x FUZZERS='^Fuzz(Parse|ParseCIDR|Record|FromEnv)$$'

# The race detector runs on the library, which has the concurrent code, and the conformance suites
# that run it on real servers. -short skips the model check, which runs without it.
.PHONY: test-newest
test-newest: ## run all tests, including those on real servers, on the newest dependencies
	$(GO) test -timeout 35m -skip Suite $(PACKAGES)
	$(WITH_RACE) -short ./bootstrap/... ./internal/... ./ippool/...
	$(WITH_RACE) -timeout 35m -run Suite ./internal/integration

.PHONY: test-floors
test-floors: ## run the library's tests on the oldest supported dependencies
	GOWORK=off $(GO) test -short ./...

.PHONY: test-docs
test-docs: ## test README.md and docs/ (test-host tests docs/OPENSHIFT.md and the image)
	$(GO) test -count=1 . -run 'README|Document|Guarantees|EveryCommand|Links'
	$(GO) test -count=1 ./bootstrap/preflight -run 'Documented'
	$(GO) test -count=1 -timeout 15m ./internal/integration/... -run 'QuickStart|Transcript|Migrating|Help|ConfigTable|Install$$|RenderIsAccepted|Document'

.PHONY: test-host
test-host: ## install the requirements of the tests that need root on Debian or Fedora, and run them: firewalld, NAT of real packets, Ansible, the image
	internal/integration/host/install
	@# -count=1: Go's test cache does not detect changes of the role.
	$(GO) test -tags host -count=1 -timeout 30m ./internal/integration/host/...

# Cold, it builds nfpm and cyclonedx-gomod (four minutes), and the program in the workspace
# and from its own go.mod (up to ten); etcd's packages are there after `make test`. This was
# measured on two cores that twenty other processes shared. Warm, on a nearly idle machine, it
# takes a minute and a half.
.PHONY: test-release
test-release: ## install the requirements of the release's tests on Debian or Fedora, as root, and run them: go install, packages, SBOM, licences
	internal/integration/release/install
	$(GO) test -tags release -count=1 -timeout 30m -v ./internal/integration/release/...

# It is not a part of .ci/run: goreleaser alone builds in 13 minutes, cold, and the program is
# compiled for six platforms.
.PHONY: release-rehearsal
release-rehearsal: ## test all files of a release, as goreleaser makes them (slow, needs what test-release installs)
	internal/integration/release/install
	@$(MAKE) --no-print-directory tidy TIDY=-diff
	$(GO) test -tags 'release rehearsal' -count=1 -timeout 90m -run Rehearsal ./internal/integration/release

# The files beside the program in archives and packages. They don't depend on the platform.
.PHONY: release-files
release-files: RELEASED := $(BIN)/release
release-files:
	@rm -rf $(RELEASED) && mkdir -p $(RELEASED)/completions
	$(GO) run ./internal/integration/release/licences -o $(RELEASED)/licenses -tags '$(TAGS)' -platforms '$(PLATFORMS)' ./examples/calico-bootstrap
	@$(GO) build -trimpath -tags '$(TAGS)' -o $(RELEASED)/program ./examples/calico-bootstrap
	@$(RELEASED)/program completion bash >$(RELEASED)/completions/calico-bootstrap.bash
	@$(RELEASED)/program completion zsh >$(RELEASED)/completions/_calico-bootstrap
	@$(RELEASED)/program completion fish >$(RELEASED)/completions/calico-bootstrap.fish
	@$(RELEASED)/program completion powershell >$(RELEASED)/completions/calico-bootstrap.ps1
	@rm $(RELEASED)/program
	@{ printf '%s\n' 'Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/' \
		'Upstream-Name: calico-bootstrap' 'Source: https://$(MODULE)' \
		'Comment: /usr/share/doc/calico-bootstrap/licenses has the licences of the linked modules.' '' \
		'Files: *' 'Copyright: The calico-bootstrap authors' 'License: Apache-2.0' && \
		sed 's/^/ /; s/^ *$$/ ./' LICENSE; } >$(RELEASED)/copyright
	@gzip -9nc CHANGELOG.md >$(RELEASED)/changelog.gz
	@mkdir $(RELEASED)/man && for page in examples/calico-bootstrap/man/*.1; do \
		gzip -9nc "$$page" >"$(RELEASED)/man/$${page##*/}.gz" || exit 1; \
	done

GORELEASER       ?= goreleaser
GORELEASER_FLAGS ?=
.PHONY: release
release: ## for the release workflow: build and publish a tagged version (GORELEASER_FLAGS='--snapshot --skip=sign' publishes nothing)
	@command -v $(GORELEASER) >/dev/null || { \
		echo 'make release: there is no $(GORELEASER): docs/INSTALL.md, "Build the packages", builds it' >&2; exit 1; }
	TAGS='$(TAGS)' LDFLAGS='$(LDFLAGS)' $(GORELEASER) release --clean $(GORELEASER_FLAGS)

# Each is a go.mod in internal/integration/kubetest/kubernetes-…. Cold, building one takes up
# to seven minutes.
KUBERNETES ?= 1.34 1.36
.PHONY: test-older
test-older: ## run the tests on real API servers with older versions of Kubernetes (KUBERNETES=1.36)
	@for version in $(KUBERNETES); do \
		echo "Kubernetes $$version"; \
		KUBETEST_KUBERNETES=$$version $(GO) test -timeout 40m ./internal/integration/... || exit 1; \
	done

.PHONY: cross
cross: ## compile everything for every platform
	@for platform in $(PLATFORMS); do \
		echo "compile for $$platform"; \
		GOOS=$${platform%/*} GOARCH=$${platform#*/} CGO_ENABLED=0 $(GO) build $(PACKAGES) || exit 1; \
		GOOS=$${platform%/*} GOARCH=$${platform#*/} CGO_ENABLED=0 GOWORK=off $(GO) build ./... || exit 1; \
	done

.PHONY: lint
lint: ## run gofmt, go vet, staticcheck, and actionlint on the workflows
	@unformatted=$$(gofmt -l .); test -z "$$unformatted" || { echo "gofmt would change:"; echo "$$unformatted"; exit 1; }
	$(GO) vet $(PACKAGES)
	$(GO) vet -tags embedded ./examples/...
	$(GO) vet -tags host ./internal/integration/host/...
	$(GO) vet -tags 'release rehearsal' ./internal/integration/release/...
	@$(examples-alone) vet -modfile=$(EXAMPLES_MOD) ./...
	@$(MAKE) --no-print-directory tidy TIDY=-diff TIDIED='$(filter-out $(UNLINTED),$(TIDIED))'
	$(GO) tool staticcheck $(PACKAGES)
	$(GO) tool staticcheck -tags embedded ./examples/...
	$(GO) tool staticcheck -tags host ./internal/integration/host/...
	$(GO) tool staticcheck -tags 'release rehearsal' ./internal/integration/release/...
	@# Without shellcheck and pyflakes, which not every machine has.
	$(GO) tool actionlint -shellcheck= -pyflakes=

# examples/go.mod has no replace directive: `go install …@version` refuses one. Commands
# that don't use the workspace get a copy with the directive, and without the checksums
# of a published version of the library.
EXAMPLES_MOD := $(CURDIR)/$(BIN)/examples.mod
define examples-alone
mkdir -p $(BIN) && cp examples/go.mod $(EXAMPLES_MOD) && \
	{ grep -v '^$(MODULE) ' examples/go.sum >$(EXAMPLES_MOD:.mod=.sum); \
	$(GO) mod edit -replace $(MODULE)=../ $(EXAMPLES_MOD); } && GOWORK=off $(GO) -C examples
endef

# The modules that `make tidy` tidies before examples/. On a clean machine, tidying one of
# UNLINTED downloads hundreds of modules that nothing else needs: `make lint` omits them, and
# `make release-rehearsal` checks them.
TIDIED    = $(filter-out examples,$(patsubst %/,%,$(dir $(shell git ls-files '*go.mod'))))
UNLINTED := internal/integration/release/goreleaser internal/integration/kubetest/kubernetes-%

.PHONY: tidy
tidy: ## tidy the go.mod and go.sum of all modules, and complete go.work.sum (TIDY=-diff only checks, as make lint does)
	@for module in $(TIDIED); do \
		GOWORK=off $(GO) -C $$module mod tidy $(TIDY) || exit 1; \
	done
	@$(examples-alone) mod tidy $(TIDY) -modfile=$(EXAMPLES_MOD)
	@$(if $(TIDY),,$(GO) mod edit -dropreplace $(MODULE) $(EXAMPLES_MOD) && cp $(EXAMPLES_MOD) examples/go.mod && \
		{ grep '^$(MODULE) ' examples/go.sum; cat $(EXAMPLES_MOD:.mod=.sum); } | LC_ALL=C sort -s -t " " -k 1,1 >$(BIN)/go.sum && mv $(BIN)/go.sum examples/go.sum)
	@# Completes go.work.sum: otherwise go doc and go list change it. TestWorkspaceChecksums checks it.
	@$(if $(TIDY),,$(GO) mod download)

.PHONY: pin
pin: ## for a release: make the examples require this version of the library (RELEASE=v1.2.3)
	$(GO) run ./internal/integration/release/pin $(RELEASE)

# The tag or commit to compare the library's API with: the last version, or HEAD if
# there is no version.
MODULE := github.com/calico-bootstrap/calico-bootstrap
RELEASED_AS = $(shell git describe --tags --abbrev=0 --match 'v*' 2>/dev/null)
SINCE  ?= $(or $(RELEASED_AS),HEAD)

.PHONY: api
api: ## list the changes of the library's API, compatible and incompatible (SINCE=v0.1.0)
	@git rev-parse --verify --quiet '$(SINCE)^{commit}' >/dev/null || { echo 'make api: SINCE=$(SINCE): unknown tag or commit; git tag lists the versions' >&2; exit 1; }
	@mkdir -p $(BIN)
	@$(GO) build -o $(BIN)/apidiff golang.org/x/exp/cmd/apidiff
	@then=$$(mktemp -d) && trap 'rm -rf "$$then"' EXIT && \
	git archive -o "$$then/tar" '$(SINCE)' && tar -xf "$$then/tar" -C "$$then" && \
	{ (cd "$$then" && GOWORK=off "$(CURDIR)/$(BIN)/apidiff" -m -w exported $(MODULE)) && \
	changes=$$(GOWORK=off $(BIN)/apidiff -m "$$then/exported" $(MODULE)); } 2>"$$then/log" || { cat "$$then/log" >&2; exit 1; } && \
	echo "$${changes:-The API has not changed since $(SINCE).}"
	@$(if $(RELEASED_AS),,echo 'No version is tagged: there is no released API to compare with.')

# The URL of the Go vulnerability database, or of a mirror.
VULNDB ?= https://vuln.go.dev

.PHONY: vuln
vuln: ## check the code that the library and the program call for known vulnerabilities (skipped if VULNDB is unreachable)
	@mkdir -p $(BIN)
	@# Check the output too: if govulncheck panics, it may exit with 0.
	@$(GO) tool govulncheck -db '$(VULNDB)' ./... ./examples/... >$(BIN)/vuln.txt 2>&1; code=$$?; cat $(BIN)/vuln.txt; \
	if grep -q '^govulncheck: fetching vulnerabilities: ' $(BIN)/vuln.txt; then \
		echo 'make vuln: skipped: no vulnerabilities could be fetched from $(VULNDB); set VULNDB to a mirror'; exit 0; \
	fi; \
	grep -q -e '^No vulnerabilities found' -e '^Your code is affected by 0 vulnerabilities' $(BIN)/vuln.txt || exit $$(($$code ? $$code : 1)); \
	exit $$code

# Go's cache keeps the inputs that increase coverage, and the next run starts with
# them. Minimizing an input is limited to one second: the default of a minute is rarely
# worth it.
.PHONY: fuzz
fuzz: ## run the fuzzers that FUZZERS matches (default all), each for FUZZTIME (default 10m, some hours in total)
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
bench: ## run the benchmarks of docs/PERFORMANCE.md, and update its tables and pictures (BEFORE=COMMIT: compare with an older program)
	@rm -rf $(BIN)/before
ifdef BEFORE
	@mkdir -p $(BIN)/before/tree
	git archive $(BEFORE) | tar -x -C $(BIN)/before/tree
	cd $(BIN)/before/tree && CGO_ENABLED=0 $(GO) build -trimpath -tags '$(TAGS)' -ldflags '-s -w' -o ../calico-bootstrap ./examples/calico-bootstrap
	@rm -rf $(BIN)/before/tree
endif
	$(GO) test -timeout 60m ./internal/integration/performance -run '^$$' -bench . -benchtime 1x -args -write $(if $(BEFORE),-before $(abspath $(BIN))/before/calico-bootstrap)

.PHONY: cover
cover: ## check that the tests, including those on real servers, cover 95 % of the statements of each library package
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
clean: ## remove build output
	rm -rf $(BIN)
