# Drayage. `make help` lists the targets.
SHELL := /bin/bash
.DEFAULT_GOAL := help

export CGO_ENABLED := 0

PREFIX  ?= /usr/local
VERSION := $(shell git describe --tags --always --dirty 2>/dev/null)
GOFLAGS_BUILD := -trimpath -ldflags "-s -w -X drayage/internal/cmdline.Version=$(VERSION)"
# Every .go file that the binaries are made of.
SOURCES := $(shell find cmd internal pkg -name '*.go' -not -name '*_test.go') go.mod go.sum

# TEST runs all tests in a folder, with the flags that follow it. What was skipped is told at the end: go test
# says of a package with skipped tests only that it is ok.
define TEST
set -o pipefail; cd $(1) && log=$$(mktemp) && echo "go test ./...  (in $(1))" && \
if go test -count=1 -v $(2) ./... > $$log 2>&1; then ok=0; else ok=1; grep -av -e '^=== ' -e '^ *--- PASS' $$log; fi; \
grep -ae '^ok' -e '^FAIL' $$log; \
grep -aB3 '^ *--- SKIP' $$log | grep -av -e '^=== ' -e '--- PASS' -e '^--$$'; \
echo "$$(grep -ac '^ *--- PASS' $$log) passed, $$(grep -ac '^ *--- FAIL' $$log) failed, $$(grep -ac '^ *--- SKIP' $$log) skipped"; \
rm -f $$log; exit $$ok
endef

.PHONY: help
help: ## list the targets
	@awk -F':.*## ' '/^[a-z-]+:.*## / {printf "  %-15s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: build
build: bin/bundle bin/import ## build bin/bundle and bin/import

bin/%: $(SOURCES)
	go build $(GOFLAGS_BUILD) -o $@ ./cmd/$*

.PHONY: install
install: build ## install as drayage-bundle and drayage-import below PREFIX (/usr/local)
	install -d $(DESTDIR)$(PREFIX)/bin
	install -m 0755 bin/bundle $(DESTDIR)$(PREFIX)/bin/drayage-bundle
	install -m 0755 bin/import $(DESTDIR)$(PREFIX)/bin/drayage-import

.PHONY: demo
demo: build ## the whole path on this machine: source registry, bundle, three nodes; DEMO=-keep leaves it standing
	cd test && go build -o bin/ ./cmd/registry ./cmd/demo
	DRAYAGE_TEST_BIN=test/bin test/bin/demo -bin bin $(DEMO)

.PHONY: bench
bench: build ## measure beside other tools on PATH; BENCH=-quick is for CI, BENCH="-write docs/benchmarks.md" for the page
	cd test && go build -o bin/ ./cmd/registry ./cmd/bench
	DRAYAGE_TEST_BIN=test/bin test/bin/bench -bin bin $(BENCH)

.PHONY: test
test: ## every test: units, each verb, end to end on real registries
	go vet ./...
	@$(call TEST,.)
	cd test && go vet ./...
	@$(call TEST,test)

.PHONY: test-cluster
test-cluster: ## the cluster side on a real API server; compiles for minutes once
	cd test/cluster && go vet ./... && go build -o bin/ ./cmd/...
	TESTCLUSTER=$(CURDIR)/test/cluster/bin/testcluster go test -count=1 -timeout 10m ./pkg/cluster
	@TESTCLUSTER=$(CURDIR)/test/cluster/bin/testcluster; export TESTCLUSTER; $(call TEST,test/cluster,-timeout 30m)

SITE ?= /tmp/drayage-site

.PHONY: site
site: ## a made-up site in SITE, to live docs/runbook.md by hand; ends with ^C; compiles for minutes once
	cd test && go build -o bin/ ./cmd/registry
	cd test/cluster && go build -o bin/ ./cmd/testcluster ./cmd/site
	TESTCLUSTER=$(CURDIR)/test/cluster/bin/testcluster DRAYAGE_TEST_BIN=$(CURDIR)/test/bin test/cluster/bin/site -dir $(SITE)

RUNS ?= 30

.PHONY: test-registries
test-registries: ## RUNS=30 pushes to three nodes each on distribution 3.1 and on Debian's docker-registry 2.8
	cd test && go build -o bin/ ./cmd/registry
	cd test && DRAYAGE_TEST_BIN=$(CURDIR)/test/bin DRAYAGE_TEST_RUNS=$(RUNS) go test -count=1 -v -timeout 40m ./e2e \
	  -run 'TestPushOnRegistriesOfAllAges|TestWholePathOnDebian' | grep -ae '^--- ' -e '^    ---' -e ' FAIL' -e SKIP -e '_test.go:' -e '^ok' -e '^FAIL'; exit $${PIPESTATUS[0]}

.PHONY: test-faults
test-faults: ## kills, flipped bytes, bad bundles, failing requests; minutes; SEED=N and PERCENT=N choose
	cd test && set -o pipefail && DRAYAGE_TORTURE=1 DRAYAGE_TORTURE_SEED=$(SEED) DRAYAGE_TORTURE_PERCENT=$(PERCENT) \
	go test -count=1 -v -timeout 20m ./torture | grep -av -e '^=== ' -e '^ *--- PASS'

# FUZZTIME is how long each fuzz target runs, as go test -fuzztime takes it.
FUZZTIME ?= 1m

.PHONY: fuzz
fuzz: ## every fuzz target for FUZZTIME (1m) each, one after the other; ends with a list of them
	@failed=0; ran=""; \
	for target in $$(grep -rl --include=*_test.go '^func Fuzz' cmd internal pkg | sort | xargs grep -o '^func Fuzz[A-Za-z]*' | sed 's|/[^/]*:func |:|'); do \
	  echo "fuzz $$target for $(FUZZTIME)"; \
	  if go test -run '^$$' -fuzz "^$${target#*:}$$" -fuzztime $(FUZZTIME) ./$${target%:*}; then ran="$$ran ok:$$target"; else failed=1; ran="$$ran FAIL:$$target"; fi; \
	done; echo "ran, each for $(FUZZTIME):"; for r in $$ran; do echo "  $${r%%:*} $${r#*:}"; done; exit $$failed

.PHONY: test-race
test-race: export CGO_ENABLED := 1
test-race: export DRAYAGE_TEST_RACE := 1
test-race: ## all of make test under the race detector, the programs too (needs a C compiler)
	@$(call TEST,.,-race -timeout 30m)
	@$(call TEST,test,-race -timeout 30m)

.PHONY: fmt
fmt: ## format the code
	gofmt -w cmd internal pkg test

.PHONY: clean
clean: ## remove what was built
	rm -rf bin test/bin test/work test/cluster/bin
