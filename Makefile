# Every module is built and tested by itself, as whoever imports it does.
export GOWORK = off

MODULES = . $(patsubst %/go.mod,%,$(wildcard adapters/*/go.mod examples/*/go.mod bench/go.mod verify/go.mod))
export STATICCHECK = honnef.co/go/tools/cmd/staticcheck@v0.8.2
FUZZTIME ?= 30s

.PHONY: run test test-go test-browser deps lint vet-platforms vuln bench fuzz load

run: ## the example, on http://localhost:8080
	go run ./examples/basic

test: deps test-go test-browser ## everything, with what it needs installed first

deps:
	@.ci/deps

test-go:
	@set -e; for m in $(MODULES); do \
		echo "== $$m"; (cd $$m && go test -race -shuffle=on -timeout 30m ./...); \
	done

test-browser:
	@set -e; for d in examples/basic/e2e interop; do \
		echo "== $$d"; (cd $$d && npm ci --no-audit --no-fund && npm test); \
	done

lint:
	@test -z "$$(gofmt -l .)" || { gofmt -l .; echo "run gofmt -w"; exit 1; }
	@set -e; for m in $(MODULES); do \
		echo "== $$m"; (cd $$m && $(CURDIR)/.ci/lint); \
	done

# What people build for, beside the machine that the tests run on.
PLATFORMS = windows/amd64 darwin/arm64 freebsd/amd64 linux/386 linux/arm

vet-platforms: ## go vet for other platforms
	@set -e; for p in $(PLATFORMS); do \
		echo "== $$p"; CGO_ENABLED=0 GOOS=$${p%/*} GOARCH=$${p#*/} go vet ./...; \
	done
	@set -e; for m in adapters/*; do \
		echo "== linux/386 $$m"; (cd $$m && CGO_ENABLED=0 GOOS=linux GOARCH=386 go vet ./...); \
	done
	GOOS=js GOARCH=wasm go vet . ./client ./internal/ws ./interop/wasm

vuln: ## known vulnerabilities, if their database can be reached
	@.ci/vuln $(MODULES)

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
	go test -tags load -run 'Load|NothingStays' -v -timeout 30m .
