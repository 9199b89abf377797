# Every module is built and tested alone, as an importer would do it.
export GOWORK = off

MODULES = $(sort $(patsubst %/,%,$(dir $(shell git ls-files 'go.mod' '*/go.mod'))))
NODE_SUITES = js examples/basic/e2e interop
export STATICCHECK = honnef.co/go/tools/cmd/staticcheck@v0.8.2
FUZZTIME ?= 30s

# .ci/deps puts tools here if the system's are too old.
export PATH := $(CURDIR)/bin:$(PATH)

.DEFAULT_GOAL := help
.PHONY: help run test quick deps lint vet-platforms vuln rehearsal bench bench-quick fuzz load

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: ## run the example on http://localhost:8080
	go run ./examples/basic

test: deps ## run every test; what they need is installed first
	@.ci/test full '$(MODULES)' '$(NODE_SUITES)'

quick: ## run the root module's tests in their short form, in under two minutes
	@.ci/test quick

deps: ## check what the tests need beside Go, and say how to install it
	@.ci/deps

lint: ## gofmt, vet, staticcheck, tidiness
	@test -z "$$(gofmt -l .)" || { gofmt -l .; echo "run gofmt -w"; exit 1; }
	@set -e; for m in $(MODULES); do \
		echo "== $$m"; (cd $$m && $(CURDIR)/.ci/lint); \
	done

# Platforms that users build for, beside the one of the tests.
PLATFORMS = windows/amd64,darwin/arm64,freebsd/amd64,linux/386,linux/arm
VET = go run -modfile=.ci/tools.mod ./.ci/vet

vet-platforms: ## run the analyses of go vet on every module for other platforms
	@$(VET) $(PLATFORMS) $(MODULES)
	@$(VET) js/wasm .:. .:./client .:./internal/ws .:./interop/wasm

vuln: ## look for known vulnerabilities, if the database can be reached
	@.ci/vuln $(MODULES)

rehearsal: ## rehearse a release in a scratch clone, and fetch every module from it
	@.ci/release-rehearsal

bench: ## compare the servers; writes bench/RESULTS.md
	cd bench && go run ./cmd/bench

bench-quick: ## measure the most important ratios in three minutes, and fail if one is too high
	cd bench && go run ./cmd/bench -quick

fuzz: ## run each fuzz target for FUZZTIME
	@set -e; for m in $(MODULES); do (cd $$m; \
		for p in $$(go list ./...); do \
			for f in $$(go test -list '^Fuzz' $$p | grep '^Fuzz' || true); do \
				echo "== $$p $$f"; go test -run '^$$' -fuzz "^$$f$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 20x $$p; \
			done; \
		done); \
	done

load: ## run the tests under load, which take minutes
	go test -tags load -run 'Load|NothingStays' -v -timeout 30m ./internal/test/load
