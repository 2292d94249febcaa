# Drayage. `make help` lists the targets.
SHELL := /bin/bash
.DEFAULT_GOAL := help

export CGO_ENABLED := 0

PREFIX  ?= /usr/local
VERSION := $(shell git describe --tags --always --dirty 2>/dev/null)
GOFLAGS_BUILD := -trimpath -ldflags "-s -w -X drayage/internal/cmdline.Version=$(VERSION)"
# Every .go file that the binaries are made of.
SOURCES := $(shell find cmd internal pkg -name '*.go' -not -name '*_test.go') go.mod go.sum

.PHONY: help
help: ## list the targets
	@awk -F':.*## ' '/^[a-z-]+:.*## / {printf "  %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

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
demo: build ## the whole path on this machine: source registry, bundle, three nodes
	cd test && go build -o bin/ ./cmd/registry ./cmd/demo
	DRAYAGE_TEST_BIN=test/bin test/bin/demo -bin bin

.PHONY: test
test: ## every test: units, each verb, end to end on real registries
	go vet ./...
	go test -count=1 ./...
	cd test && go vet ./... && go test -count=1 ./...

.PHONY: test-race
test-race: ## the units under the race detector (needs a C compiler)
	CGO_ENABLED=1 go test -race -count=1 ./...

.PHONY: fmt
fmt: ## format the code
	gofmt -w cmd internal pkg test

.PHONY: clean
clean: ## remove what was built
	rm -rf bin test/bin test/work
