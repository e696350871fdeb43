# The commands for developers, CI and packagers. `make help` lists them.

# The programs that are installed in bin. Each is a module in a directory of the same name.
PROGRAMS := omg omgd omg-index omg-probe omg-fleet

# All programs, including those that only other programs start.
ALL_PROGRAMS := $(PROGRAMS) omg-direct omg-browse omg-fleet-dev omg-alpm-worker

PREFIX   ?= /usr/local
DESTDIR  ?=
FUZZTIME ?= 30s
FUZZ     ?=
BENCH    ?=
# Real databases to measure and compare with. Without them, the steps that need them are skipped.
CORPUS   ?= $(or $(OMG_CORPUS),../shared/corpus)
# Flags for go test, as in `make test TESTFLAGS=-v`, the tested packages, as in `make test TESTPACKAGES=./shared/...`, and the race
# detector, which RACE= disables. With vendored modules, the pattern work would also match the packages of the modules.
TESTFLAGS ?=
TESTPACKAGES ?= $(if $(wildcard vendor),$(shell sed -n 's,^\t\(\./.*\),\1/...,p' go.work),work)
RACE      ?= -race
# The value `required` makes `make lint` fail if the database of vulnerabilities cannot be reached.
VULNERABILITIES ?=

# A release tarball has a file VERSION, and no .git. It may be unpacked inside of another git repository, which has other versions.
# With safe.directory, root gets the version of a clone of another user.
GIT_VERSION = $(if $(wildcard .git),$(shell git -c safe.directory='$(CURDIR)' describe --tags --always --dirty 2>/dev/null))
VERSION ?= $(or $(shell cat VERSION 2>/dev/null),$(GIT_VERSION))
GO_LDFLAGS := -s -w -X github.com/omg-arch/omg/shared/version.stamped=$(VERSION)

# This tag leaves out the documentation generator of the command line library, for smaller programs that start faster.
TAGS := urfave_cli_no_docs
# Only omg-alpm-worker links libalpm. Without libalpm, this program is built as a stub that returns an error. The variable is
# evaluated at each use, because `make deps` may install libalpm.
ALPM = $(shell pkg-config --cflags libalpm >/dev/null 2>&1 && echo yes)
comma := ,
ALL_TAGS = $(TAGS)$(if $(ALPM),$(comma)libalpm)

# go-alpm uses the names that two C structs have in libalpm 14 and later. These definitions rename the structs of libalpm 13
# and have no effect on later versions. -O2 -g is Go's default, which the variable would otherwise replace.
RENAMED := -D__alpm_list_t=_alpm_list_t -D__alpm_handle_t=_alpm_handle_t
export CGO_CFLAGS := $(filter-out $(RENAMED),$(or $(CGO_CFLAGS),$(CFLAGS),-O2 -g)) $(RENAMED)
export CGO_CPPFLAGS := $(or $(CGO_CPPFLAGS),$(CPPFLAGS))
export CGO_LDFLAGS := $(or $(CGO_LDFLAGS),$(LDFLAGS))

# Programs that the user does not wait for are position-independent, with all of their relocations done and made read-only at
# their start. The other programs would take a third longer to start: docs/decisions/0011-position-independent-programs.md.
# With GOFLAGS=-buildmode=pie, all programs are position-independent.
PIE   ?= -buildmode=pie
FIXED := ./omg ./omg/omg-direct ./omg/omg-browse ./omg-probe
MOVED := ./omgd ./omg-index ./omg-fleet ./omg-fleet/omg-fleet-dev
bound  = $(if $(filter -buildmode=pie,$(GOFLAGS) $1), -bindnow)
# The flags for Go's linker in GOFLAGS, which those of the command line replace. Programs without C code have no external linker.
GIVEN_LDFLAGS := $(patsubst -ldflags=%,%,$(filter -ldflags=%,$(GOFLAGS)))
PURE_LDFLAGS  := $(strip $(GO_LDFLAGS) $(filter-out -linkmode=%,$(GIVEN_LDFLAGS)))

# Tools for `make lint` and `make sbom`, pinned in tools/go.mod, built once per Go version.
TOOLS := build/tools/$(shell go env GOVERSION 2>/dev/null)

.DEFAULT_GOAL := build
.DELETE_ON_ERROR:

# A digest of the version and of all files from which the programs are built. A build writes it to bin/.built.
DIGEST = { echo '$(VERSION)'; find go.work go.work.sum $(wildcard vendor) omg omgd omg-index omg-probe omg-fleet shared Makefile packaging/aur-incidents.toml \
	-type f ! -name '*_test.go' -print0 | sort -z | xargs -0 sha256sum; } | sha256sum

.PHONY: build
build: ## Build all programs into bin/
	@scripts/check-go.sh
	@rm -f bin/.built bin/*.cdx.json
	CGO_ENABLED=0 go build -trimpath -buildvcs=false -tags $(TAGS) -ldflags '$(PURE_LDFLAGS)$(call bound)' -o bin/ $(FIXED)
	CGO_ENABLED=0 go build -trimpath -buildvcs=false $(PIE) -tags $(TAGS) -ldflags '$(PURE_LDFLAGS)$(call bound,$(PIE))' -o bin/ $(MOVED)
	CGO_ENABLED=$(if $(ALPM),1,0) go build -trimpath -buildvcs=false $(PIE) -tags $(ALL_TAGS) -ldflags '$(if $(ALPM),$(strip $(GO_LDFLAGS) $(GIVEN_LDFLAGS)),$(PURE_LDFLAGS))$(call bound,$(PIE))' -o bin/omg-alpm-worker ./omgd/alpm-worker
	@cp packaging/aur-incidents.toml bin/
	@$(DIGEST) >bin/.built

# Builds the programs again if their sources or the version have changed. Otherwise make install needs no Go, as under sudo.
.PHONY: current
current:
	@test "$$($(DIGEST))" = "$$(cat bin/.built 2>/dev/null)" || $(MAKE) --no-print-directory build

.PHONY: sbom
sbom: build $(TOOLS)/built ## List the modules in each program, as CycloneDX in bin/NAME.cdx.json
	@for p in $(ALL_PROGRAMS); do \
		$(TOOLS)/cyclonedx-gomod bin -json -std -noserial -notimestamp -version '$(VERSION)' -output bin/$$p.cdx.json bin/$$p || exit 1; \
	done

.PHONY: deps
deps: ## Install what building with libalpm and the tests need (Debian, Ubuntu, Arch)
	@scripts/deps.sh

# Tests run the programs in OMG_BIN. OMG_SOURCES makes go test discard cached results when any source has changed.
TEST = OMG_BIN='$(CURDIR)/bin' OMG_SOURCES=$$($(SOURCES) | xargs -0 cat 2>/dev/null | sha256sum) go test -timeout 90m
SOURCES = $(if $(wildcard .git),git ls-files -z -co --exclude-standard,find . \( -path ./bin -o -path ./build -o -path ./dist \) -prune -o -type f -print0 | sort -z)

# Without the tables for debuggers (-w), the programs of the tests are linked in two thirds of the time.
.PHONY: test
test: deps build ## Install what is missing, build, then run all tests with the race detector
	OMG_REQUIRE=1 CGO_ENABLED=$(if $(RACE),1,$(if $(ALPM),1,0)) $(TEST) $(RACE) -ldflags=-w -tags $(ALL_TAGS) $(TESTFLAGS) $(TESTPACKAGES)

.PHONY: check
check: build ## Run the tests that need no package manager, network or root, without installing anything (for packagers)
	CGO_ENABLED=0 $(TEST) -tags $(TAGS) $(TESTFLAGS) $(TESTPACKAGES)

.PHONY: lint
lint: $(TOOLS)/built ## Check formatting, vet, staticcheck, tidy modules, workflows, known vulnerabilities, words, commit subjects
	@TAGS=$(ALL_TAGS) TOOLS=$(TOOLS) VULNERABILITIES=$(VULNERABILITIES) scripts/lint.sh

$(TOOLS)/built: tools/go.mod tools/go.sum
	GOWORK=off GOBIN=$(CURDIR)/$(TOOLS) go install -C tools tool
	@touch $@

.PHONY: bench
bench: build ## Print a table of all figures, or of ONLY=load,ping; PEER=DIR with an earlier version for ONLY=idle; LISTS=DIR with lists of files for ONLY=lists; BENCH=Search runs the Go benchmarks of that name instead
ifeq ($(BENCH),)
	go run -tags $(TAGS) ./integration/cmd/omg-bench -bin bin -corpus '$(CORPUS)' -out build/bench $(if $(ONLY),-only '$(ONLY)') $(if $(PEER),-peer '$(PEER)') $(if $(LISTS),-lists '$(LISTS)')
else
	go test -tags $(TAGS) -run '^$$' -bench '$(BENCH)' -benchmem work
endif

.PHONY: replay
replay: ## Measure the rules about the AUR on simulated years (docs/journal-measures.md): SET=first, second or all, SEED=1, SCALES=0.3,1,3, PACKAGES=100000
	go run -tags $(TAGS) ./integration/cmd/omg-replay -set '$(or $(SET),first)' -seed '$(or $(SEED),1)' -scales '$(or $(SCALES),0.3,1,3)' -packages '$(or $(PACKAGES),100000)'

.PHONY: bench-once
bench-once: ## Run each Go benchmark once, to check that it still works
	go test -tags $(TAGS) -run '^$$' -bench . -benchtime 1x work

.PHONY: bench-compare
bench-compare: $(TOOLS)/built ## Compare the last two runs of make bench, or the files OLD= and NEW=
	$(TOOLS)/benchstat '$(or $(OLD),build/bench/before.txt)' '$(or $(NEW),build/bench/last.txt)'

ROUND_PARTS := processes,sizes,probe,idle,change,ping,load
.PHONY: bench-rounds
bench-rounds: $(TOOLS)/built ## Measure the commit BASE= and this tree alternately, and compare them: ROUNDS=6 ONLY=processes,idle
	@BASE='$(BASE)' ROUNDS=$(or $(ROUNDS),6) CORPUS='$(CORPUS)' ONLY='$(or $(ONLY),$(ROUND_PARTS))' \
		TAGS=$(TAGS) BENCHSTAT=$(TOOLS)/benchstat scripts/bench-rounds.sh

.PHONY: fuzz
fuzz: ## Run each fuzz target for a time: make fuzz FUZZTIME=5m FUZZ=shared/wire
	@TAGS=$(TAGS) FUZZTIME=$(FUZZTIME) FUZZ='$(FUZZ)' scripts/fuzz.sh

.PHONY: soak
soak: build ## Run tests that have a long form in that form (hours)
	@TAGS=$(TAGS) scripts/soak.sh

.PHONY: stress
stress: ## Run the whole suite on busy, slow and unusual machines, with one row per run in build/stress/table.txt; JOBS=3 does three at the same time (hours, root)
	@CORPUS='$(CORPUS)' scripts/stress.sh

.PHONY: check-fresh
check-fresh: ## Run make demo and make test in a fresh clone on a bare Debian: make check-fresh SUITE=bookworm
	@SUITE=$(or $(SUITE),bookworm) MIRROR='$(MIRROR)' scripts/check-fresh.sh

.PHONY: check-libalpm
check-libalpm: ## Build and test the libalpm worker in a chroot of a newer Debian: make check-libalpm SUITE=sid
	@TAGS=$(TAGS) SUITE=$(or $(SUITE),trixie) MIRROR='$(MIRROR)' CORPUS='$(CORPUS)' scripts/check-libalpm.sh

.PHONY: check-walk
check-walk: ## Run a new user's first day in a booted Debian, and compare it with integration/walk/walk.txt; UPDATE=1 records it (root)
	@TAGS=$(TAGS) UPDATE='$(UPDATE)' MIRROR='$(MIRROR)' scripts/check-walk.sh

.PHONY: check-bars
check-bars: build ## Test the modules for status bars with waybar, polybar, i3blocks, tmux and notify-send, which apt-get installs (root)
	@scripts/check-bars.sh

.PHONY: check-aarch64
check-aarch64: ## Build all programs without libalpm for aarch64, and run the tests of shared/ with qemu-aarch64
	@TAGS=$(TAGS) PACKAGES='$(PACKAGES)' scripts/check-aarch64.sh

.PHONY: demo
demo: build ## Build, index, start a private omgd, search, show a package, stop
	@scripts/demo.sh

.PHONY: docs
docs: build ## Regenerate docs/config.md, docs/json.md, packaging/config.toml, manual pages and completions from --help and the settings' comments
	go run -tags $(TAGS) ./integration/cmd/omg-docs -root . -bin bin

.PHONY: pictures
pictures: build ## Take the pictures in docs/pictures again, from what omg prints and omg browse shows on a demo system, and from the pages of omg-fleet web
	$(TEST) -tags $(TAGS) -count=1 ./integration/pictures -run Pictures -write
	OMG_REQUIRE=1 $(TEST) -tags $(TAGS) -count=1 ./integration/fleetweb -run Pictures -write

.PHONY: captures
captures: build ## Record what each command of omg shows in a terminal and in a pipe (integration/screens), and the screens of omg browse (integration/browse)
	UPDATE=1 $(TEST) -tags $(TAGS) -count=1 ./integration/screens -run Screens/captures
	UPDATE=1 $(TEST) -tags $(TAGS) -count=1 ./integration/browse -run Scripts

.PHONY: compare
compare: build ## Run the commands of the comparison, measure, and write docs/comparison.md and the README's table
	$(TEST) -tags $(TAGS) -count=1 ./integration/compare -run Table_Commands -write -runs $(or $(RUNS),20)

# pacman looks for hooks only in these two directories.
HOOKDIR ?= $(if $(filter /usr,$(PREFIX)),/usr/share/libalpm/hooks,/etc/pacman.d/hooks)
INSTALL = DESTDIR='$(DESTDIR)' PREFIX='$(PREFIX)' HOOKDIR='$(HOOKDIR)' scripts/install.sh

.PHONY: install
install: current ## Install everything under $(DESTDIR)$(PREFIX), with the lists of make sbom; build first if bin/ is not current
	@$(INSTALL) install

.PHONY: uninstall
uninstall: ## Remove what make install has installed under $(DESTDIR)$(PREFIX), but no data
	@$(INSTALL) uninstall

.PHONY: install-omg install-worker
install-omg install-worker: current ## Install all without the libalpm worker, or only the worker (for packagers)
	@$(INSTALL) $(@:install-%=%)

.PHONY: install-units
install-units: ## Install systemd's units, users and directories, and pacman's hook, under $(DESTDIR)$(PREFIX)
	@$(INSTALL) units

.PHONY: dist
dist: ## Write the last commit's reproducible tarball and its checksum into dist/; VENDOR=1 adds the modules
	@VERSION='$(VERSION:%-dirty=%)' VENDOR='$(VENDOR)' scripts/dist.sh

.PHONY: dist-bin
dist-bin: ## Write an archive of the programs for ARCH=aarch64 into dist/, from the tarball of make dist VENDOR=1
	@VERSION='$(VERSION:%-dirty=%)' ARCH='$(or $(ARCH),$(shell uname -m))' scripts/dist-bin.sh

.PHONY: srcinfo
srcinfo: ## Write the .SRCINFO of the PKGBUILDs in packaging/arch, with makepkg
	@scripts/arch.sh srcinfo

.PHONY: arch
arch: ## Write the packages for the AUR into dist/arch, with the checksums of the tarballs in dist/; KEY= is the PGP key of releases
	@VERSION='$(VERSION:%-dirty=%)' KEY='$(KEY)' scripts/arch.sh release

.PHONY: draft
draft: ## Upload the tarballs in dist/ to a draft of the release on GitHub, with gh, and with its changes from CHANGELOG.md
	@VERSION='$(VERSION)' scripts/draft.sh

.PHONY: clean
clean: ## Remove what was built
	rm -rf bin build dist

.PHONY: help
help: ## Show this list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
