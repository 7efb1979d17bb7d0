# The door to the project: `make` lists what there is.
# DuckDB's Arrow interface needs the build tag; Go takes it from here everywhere.
export GOFLAGS := $(GOFLAGS) -tags=duckdb_arrow
export CGO_ENABLED := 1

VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
BINARY := bin/nightrunner
TESTSERVER := internal/mongotest/server
GOLANGCI_LINT := github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0

.PHONY: help
help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

.PHONY: run
run: build ## build, make a small chain, and run everything on it
	$(BINARY) demo

.PHONY: build
build: ## build bin/nightrunner
	go build -ldflags "-X main.version=$(VERSION)" -o $(BINARY) ./cmd/nightrunner

.PHONY: test
test: testserver ## vet, then all tests; those of packages with the race detector
	go vet ./...
	go test -race -timeout 30m $$(go list ./... | grep -v /cmd/)
	go test -timeout 30m ./cmd/...

.PHONY: race
race: testserver ## all tests of the commands with the race detector, too: twice the time
	go test -race -timeout 60m ./cmd/...

.PHONY: soak
soak: testserver ## kill runs, fill disks and take memory away for long: ROUNDS=50
	NIGHTRUNNER_SOAK=$(or $(ROUNDS),50) go test -timeout 24h -v -run LoseNothing ./cmd/nightrunner

.PHONY: testserver
testserver: bin/mongotest-server ## build the MongoDB server that tests use (make test does)

bin/mongotest-server: $(shell find $(TESTSERVER) -name '*.go') $(TESTSERVER)/go.mod $(TESTSERVER)/go.sum
	go run -C $(TESTSERVER) ./build -o $(CURDIR)/$@

.PHONY: lint
lint: ## gofmt, golangci-lint (pinned), and the rules of SQL files
	@test -z "$$(gofmt -l cmd engine exporters internal loaders migrations sql)" || { gofmt -d cmd engine exporters internal loaders migrations sql; exit 1; }
	GOFLAGS= go run $(GOLANGCI_LINT) run --build-tags duckdb_arrow ./...
	cd $(TESTSERVER) && GOFLAGS= go run $(GOLANGCI_LINT) run ./...
	go run ./cmd/nightrunner lint --sql sql

.PHONY: bench
bench: build ## measure, as ratios to something in the same run; ARGS="-only idle" (docs/benchmarks.md)
	go run ./internal/bench $(ARGS)

.PHONY: fuzz
fuzz: ## fuzz what parses: 30 seconds each
	@for target in $$(grep -rhoE 'func Fuzz[A-Za-z]+' --include='*_test.go' . | awk '{print $$2}' | sort -u); do \
		package=$$(dirname $$(grep -rl "func $$target(" --include='*_test.go' .)); \
		echo "$$target in $$package"; go test $$package -run '^$$' -fuzz "^$$target\$$" -fuzztime 30s || exit 1; \
	done

.PHONY: docs
docs: ## write docs/statistics.md from the SQL files
	go test ./cmd/nightrunner -run TestStatisticsPage -update

.PHONY: proto
proto: ## write loaders/node/nodepb from its .proto files (needs protoc: apt-get install protobuf-compiler)
	@command -v protoc >/dev/null || { echo "protoc is missing: apt-get install protobuf-compiler"; exit 1; }
	go build -o bin/protoc-gen-go google.golang.org/protobuf/cmd/protoc-gen-go
	go build -o bin/protoc-gen-go-grpc google.golang.org/grpc/cmd/protoc-gen-go-grpc
	cd loaders/node/nodepb && PATH="$(CURDIR)/bin:$$PATH" protoc --go_out=. --go_opt=paths=source_relative --go-grpc_out=. --go-grpc_opt=paths=source_relative plt.proto queries.proto

.PHONY: verify
verify: ## check the files in deploy/ (units with systemd-analyze, Debian package systemd)
	@command -v systemd-analyze >/dev/null || echo "systemd-analyze is not there: apt-get install systemd; the units are not checked"
	go test ./cmd/nightrunner -run TestDeployed -v

.PHONY: clean
clean: ## remove what was built and the demo
	rm -rf bin demo
