# Every module is built and tested by itself, as whoever imports it does.
export GOWORK = off

MODULES = $(sort $(patsubst %/,%,$(dir $(shell git ls-files 'go.mod' '*/go.mod'))))
NODE_SUITES = examples/basic/e2e interop
export STATICCHECK = honnef.co/go/tools/cmd/staticcheck@v0.8.2
FUZZTIME ?= 30s

# Tools that .ci/deps puts here when the system's are too old.
export PATH := $(CURDIR)/bin:$(PATH)

.DEFAULT_GOAL := help
.PHONY: help run test quick deps lint vet-platforms vuln rehearsal bench fuzz load

help: ## these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: ## the example, on http://localhost:8080
	go run ./examples/basic

test: deps ## every test, with what they need installed first
	@.ci/test full '$(MODULES)' '$(NODE_SUITES)'

quick: ## the root module's tests in their short form, in under two minutes
	@.ci/test quick

deps: ## what the tests run beside Go: looked for, and said how to install
	@.ci/deps

lint: ## gofmt, vet, staticcheck, tidiness
	@test -z "$$(gofmt -l .)" || { gofmt -l .; echo "run gofmt -w"; exit 1; }
	@set -e; for m in $(MODULES); do \
		echo "== $$m"; (cd $$m && $(CURDIR)/.ci/lint); \
	done

# What people build for, beside the machine that the tests run on.
PLATFORMS = windows/amd64,darwin/arm64,freebsd/amd64,linux/386,linux/arm
VET = go run -modfile=.ci/tools.mod ./.ci/vet

vet-platforms: ## the analyses of go vet over every module for other platforms
	@$(VET) $(PLATFORMS) $(MODULES)
	@$(VET) js/wasm .:. .:./client .:./internal/ws .:./interop/wasm

vuln: ## known vulnerabilities, if their database can be reached
	@.ci/vuln $(MODULES)

rehearsal: ## a release in a scratch clone, and every module fetched from it as others do
	@.ci/release-rehearsal

bench: ## the peers side by side; writes bench/RESULTS.md
	cd bench && go run ./cmd/bench

fuzz: ## each fuzz target for FUZZTIME
	@set -e; for m in $(MODULES); do (cd $$m; \
		for p in $$(go list ./...); do \
			for f in $$(go test -list '^Fuzz' $$p | grep '^Fuzz' || true); do \
				echo "== $$p $$f"; go test -run '^$$' -fuzz "^$$f$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 20x $$p; \
			done; \
		done); \
	done

load: ## the tests under load, which take minutes
	go test -tags load -run 'Load|NothingStays' -v -timeout 30m ./internal/test/load
