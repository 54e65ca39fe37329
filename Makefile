GO ?= go
FUZZTIME ?= 10s
CORPUS ?=
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
PLATFORMS ?= linux/amd64 linux/arm64
export SOURCE_DATE_EPOCH ?= $(shell git log -1 --format=%ct 2>/dev/null)
RELEASE = CGO_ENABLED=0 $(GO) build -trimpath -buildvcs=false -ldflags '-s -w -buildid= -X main.release=$(VERSION)'

.PHONY: help build test race demo torture torture-alerts lint fuzz bench deps mutation negatives learn accuracy scenarios probes page rotations dist reproduce

help: ## list the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/'

build: ## build ./why401
	$(GO) build -trimpath -o why401 ./cmd/why401

test: ## run all tests; those against real components run where the programs are
	$(GO) vet ./...
	$(GO) test ./...

race: ## run all tests under the race detector
	$(GO) test -race ./...

demo: ## real services, a missed rotation, an embedded Pub/Sub and the report
	$(GO) run ./cmd/why401 demo

torture: ## 100,000 entries through the real emulator, killed ten times on the way
	WHY401_TORTURE=100000 WHY401_REQUIRE_REAL=1 $(GO) test -timeout 20m -v -run TestKilledOnTheWay ./cmd/why401

torture-alerts: ## incidents that come and go while why401 or Alertmanager is killed 100 times (about half an hour)
	WHY401_KILLS=100 WHY401_REQUIRE_REAL=1 $(GO) test -count=1 -timeout 90m -v -run 'TestAlertsSurviveKills|TestCountersSurviveKills' ./cmd/why401

lint: ## formatting, vet and, where it is installed, golangci-lint
	@test -z "$$(gofmt -l .)" || { gofmt -l .; exit 1; }
	$(GO) vet ./...
	@if command -v golangci-lint >/dev/null; then golangci-lint run; fi

fuzz: ## every fuzz target for FUZZTIME
	@$(GO) list ./... | while read p; do \
	  for f in $$($(GO) test -list '^Fuzz' $$p | grep '^Fuzz'); do \
	    echo "$$p $$f"; $(GO) test -run '^$$' -fuzz "^$$f$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 1x $$p || exit 1; \
	  done; done

bench: ## every benchmark once; what more rules cost: go test -run NONE -bench Growth -count 5 ./rules
	$(GO) test -run '^$$' -bench . -benchmem ./...

deps: ## install the real components that some tests use (Debian)
	sh .ci/deps

mutation: ## take every anchor from every rule, halve and double every number of every alert, and see that a test misses it
	WHY401_MUTATION=all $(GO) test -timeout 20m -v -run '^TestMutation$$' ./rules
	WHY401_MUTATION=all $(GO) test -timeout 20m -v -run '^TestAlertMutation$$' ./sinks/deploy

rotations: ## 500 rotations with laggards, restarts and rollbacks: when the old version may go, and when not
	WHY401_ROTATIONS=500 $(GO) test -count=1 -v -run '^TestRotations$$' ./analyzer

negatives: ## a million generated entries of ordinary systems, of which none may have a finding
	WHY401_NEGATIVES=1000000 $(GO) test -count=1 -timeout 20m -v -run '^TestUnrelated' ./rules

learn: ## learn from the packs how libraries word each reason, into rules/wording.txt
	UPDATE=1 $(GO) test -count=1 -v -run '^TestWordingIsLearned$$' ./rules

accuracy: ## measure each library with and without its packs (and a labelled corpus in CORPUS) into rules/ACCURACY.md; hold the sink filter against it
	WHY401_CORPUS=$(CORPUS) UPDATE=1 $(GO) test -count=1 -v -run '^TestAccuracy$$|^TestSinkFilterOnCorpus$$' ./rules

scenarios: ## play every scenario of the lab with five seeds and write the table of analyzer/lab/SCENARIOS.md
	WHY401_SCENARIOS=all UPDATE=1 $(GO) test -count=1 -timeout 20m -run '^TestScenarios$$' ./cmd/why401

probes: ## name what 2,000 services hold, on real libraries too; read 1,000 rounds of traffic; measure what probing costs
	WHY401_CANARIES=2000 WHY401_REQUIRE_REAL=1 $(GO) test -count=1 -timeout 20m -v ./analyzer/probe ./cmd/why401 \
	  -run '^Test(MatchNamesMutations|FingerprintNamesMutations|TrafficTellsNothing|CanaryNames|NamedByRealLibraries|MatrixOfAllStates|ReplicasDetectionPower|NegativeCanaries|HostileTargets|HostileHealth)$$'
	$(GO) test -run '^$$' -bench '^BenchmarkProbing$$' -benchtime 50x ./analyzer/probe

page: ## the page in a real Chromium: hostile texts, axe-core, phone, first paint of 500 services over 30 days
	WHY401_REQUIRE_REAL=1 $(GO) test -count=1 -v -run '^TestBrowser' ./sinks/web

dist: ## static binaries for PLATFORMS, the bill of materials and checksums, into .dist
	for p in $(PLATFORMS); do GOOS=$${p%/*} GOARCH=$${p#*/} $(RELEASE) -o .dist/why401-$${p%/*}-$${p#*/} ./cmd/why401 || exit 1; done
	.dist/why401-$$($(GO) env GOHOSTOS)-$$($(GO) env GOHOSTARCH) version --sbom > .dist/why401.spdx.json
	cd .dist && sha256sum why401-* why401.spdx.json > SHA256SUMS

reproduce: ## build the release twice, from two directories and from nothing, and compare; run it where there is nothing else
	WHY401_RELEASE=full $(GO) test -count=1 -timeout 30m -v -run '^TestRelease' ./cmd/why401
