# The commands for developers, CI and packagers. `make help` lists them.

# The programs that are installed in bin. Each is a module in a directory of the same name.
PROGRAMS := omg omgd omg-index omg-probe

# All programs, including those that only other programs start.
ALL_PROGRAMS := $(PROGRAMS) omg-direct omg-alpm-worker

PREFIX   ?= /usr/local
DESTDIR  ?=
FUZZTIME ?= 30s
FUZZ     ?=
BENCH    ?=
# Real databases to measure and compare with. Without them, the steps that need them are skipped.
CORPUS   ?= $(or $(OMG_CORPUS),../shared/corpus)
# Flags for go test, as in `make test TESTFLAGS=-v`, and the race detector, which RACE= disables.
TESTFLAGS ?=
RACE      ?= -race
# The value `required` makes `make lint` fail if the database of vulnerabilities cannot be reached.
VULNERABILITIES ?=

# A release tarball has a file VERSION, and no .git. It may be unpacked inside of another git repository, which has other versions.
# With safe.directory, root gets the version of a clone of another user.
GIT_VERSION = $(if $(wildcard .git),$(shell git -c safe.directory='$(CURDIR)' describe --tags --always --dirty 2>/dev/null))
VERSION ?= $(or $(shell cat VERSION 2>/dev/null),$(GIT_VERSION))
LDFLAGS := -s -w -X github.com/omg-arch/omg/shared/version.stamped=$(VERSION)

# This tag leaves out the documentation generator of the command line library, for smaller programs that start faster.
TAGS := urfave_cli_no_docs
# Only omg-alpm-worker links libalpm. Without libalpm, this program is built as a stub that returns an error. The variable is
# evaluated at each use, because `make deps` may install libalpm.
ALPM = $(shell pkg-config --cflags libalpm >/dev/null 2>&1 && echo yes)
comma := ,
ALL_TAGS = $(TAGS)$(if $(ALPM),$(comma)libalpm)

# go-alpm uses the names that two C structs have in libalpm 14 and later. These definitions rename the structs of libalpm 13
# and have no effect on later versions. -O2 -g is Go's default, which the variable would otherwise replace.
export CGO_CFLAGS ?= -O2 -g -D__alpm_list_t=_alpm_list_t -D__alpm_handle_t=_alpm_handle_t

# Programs that the user does not wait for are position-independent, with all of their relocations done and made read-only at
# their start. The other programs would take a third longer to start: docs/decisions/0011-position-independent-programs.md.
PIE   ?= -buildmode=pie
FIXED := ./omg ./omg/omg-direct ./omg-probe
MOVED := ./omgd ./omg-index
BOUND  = $(if $(PIE), -bindnow)

# Tools for `make lint` and `make sbom`, pinned in tools/go.mod, built once per Go version.
TOOLS := build/tools/$(shell go env GOVERSION)

.DEFAULT_GOAL := build
.DELETE_ON_ERROR:

.PHONY: build
build: ## Build all programs into bin/
	@scripts/check-go.sh
	CGO_ENABLED=0 go build -trimpath -buildvcs=false -tags $(TAGS) -ldflags '$(LDFLAGS)' -o bin/ $(FIXED)
	CGO_ENABLED=0 go build -trimpath -buildvcs=false $(PIE) -tags $(TAGS) -ldflags '$(LDFLAGS)$(BOUND)' -o bin/ $(MOVED)
	CGO_ENABLED=$(if $(ALPM),1,0) go build -trimpath -buildvcs=false $(PIE) -tags $(ALL_TAGS) -ldflags '$(LDFLAGS)$(BOUND)' -o bin/omg-alpm-worker ./omgd/alpm-worker

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

.PHONY: test
test: deps build ## Install what is missing, build, then run all tests with the race detector
	OMG_REQUIRE=1 CGO_ENABLED=$(if $(RACE),1,$(if $(ALPM),1,0)) $(TEST) $(RACE) -tags $(ALL_TAGS) $(TESTFLAGS) work

.PHONY: check
check: build ## Run the tests that need no package manager, network or root, without installing anything (for packagers)
	CGO_ENABLED=0 $(TEST) -tags $(TAGS) $(TESTFLAGS) work

.PHONY: lint
lint: $(TOOLS)/built ## Check formatting, vet, staticcheck, tidy modules, known vulnerabilities, words, commit subjects
	@TAGS=$(ALL_TAGS) TOOLS=$(TOOLS) VULNERABILITIES=$(VULNERABILITIES) scripts/lint.sh

$(TOOLS)/built: tools/go.mod tools/go.sum
	GOWORK=off GOBIN=$(CURDIR)/$(TOOLS) go install -C tools tool
	@touch $@

.PHONY: bench
bench: build ## Print a table of all figures, or of ONLY=load,ping; BENCH=Search runs the Go benchmarks of that name instead
ifeq ($(BENCH),)
	go run -tags $(TAGS) ./integration/cmd/omg-bench -bin bin -corpus '$(CORPUS)' -out build/bench $(if $(ONLY),-only '$(ONLY)')
else
	go test -tags $(TAGS) -run '^$$' -bench '$(BENCH)' -benchmem work
endif

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
stress: ## Run the whole suite on busy, slow and unusual machines, with one row per run in build/stress/table.txt (hours, root)
	@CORPUS='$(CORPUS)' scripts/stress.sh

.PHONY: check-fresh
check-fresh: ## Run make demo and make test in a fresh clone on a bare Debian: make check-fresh SUITE=bookworm
	@SUITE=$(or $(SUITE),bookworm) MIRROR='$(MIRROR)' scripts/check-fresh.sh

.PHONY: check-libalpm
check-libalpm: ## Build and test the libalpm worker in a chroot of a newer Debian: make check-libalpm SUITE=sid
	@TAGS=$(TAGS) SUITE=$(or $(SUITE),trixie) MIRROR='$(MIRROR)' CORPUS='$(CORPUS)' scripts/check-libalpm.sh

.PHONY: demo
demo: build ## Build, index, start a private omgd, search, show a package, stop
	@scripts/demo.sh

.PHONY: docs
docs: build ## Regenerate docs/config.md, manual pages and completions from --help and the settings' comments
	go run -tags $(TAGS) ./integration/cmd/omg-docs -root . -bin bin

# Where shells look for completions.
COMPLETIONS = $(DESTDIR)$(PREFIX)/share

.PHONY: install
install: install-units ## Install the programs under $(DESTDIR)$(PREFIX), with the lists of make sbom; build the programs only if bin/ is empty
	@test -e bin/omg || $(MAKE) build
	install -d '$(DESTDIR)$(PREFIX)/bin' '$(DESTDIR)$(PREFIX)/lib/omg' '$(DESTDIR)$(PREFIX)/share/licenses/omg'
	install -m 755 $(PROGRAMS:%=bin/%) '$(DESTDIR)$(PREFIX)/bin'
	install -m 755 bin/omg-direct '$(DESTDIR)$(PREFIX)/lib/omg'
	install -m 755 bin/omg-alpm-worker '$(DESTDIR)$(PREFIX)/lib/omg'
	install -m 644 LICENSE '$(DESTDIR)$(PREFIX)/share/licenses/omg'
	for f in $(wildcard $(ALL_PROGRAMS:%=bin/%.cdx.json)); do \
		install -d '$(DESTDIR)$(PREFIX)/share/doc/omg/sbom' && install -m 644 $$f '$(DESTDIR)$(PREFIX)/share/doc/omg/sbom' || exit 1; done
	for n in 1 5 8; do install -d '$(DESTDIR)$(PREFIX)'/share/man/man$$n && \
		install -m 644 packaging/man/*.$$n '$(DESTDIR)$(PREFIX)'/share/man/man$$n || exit 1; done
	install -d '$(COMPLETIONS)/bash-completion/completions' '$(COMPLETIONS)/zsh/site-functions' '$(COMPLETIONS)/fish/vendor_completions.d'
	for f in packaging/completions/*.bash; do n=$${f##*/} && install -m 644 $$f '$(COMPLETIONS)/bash-completion/completions'/$${n%.bash} || exit 1; done
	install -m 644 packaging/completions/_* '$(COMPLETIONS)/zsh/site-functions'
	install -m 644 packaging/completions/*.fish '$(COMPLETIONS)/fish/vendor_completions.d'

# The files in packaging/, by their paths under $(PREFIX). In *.in, @BINDIR@ stands for the programs' directory.
UNITS := $(patsubst packaging/%,%,$(wildcard packaging/systemd/*/* packaging/sysusers.d/* packaging/tmpfiles.d/*))
HOOKS := $(notdir $(wildcard packaging/hooks/*))

.PHONY: install-units
install-units: ## Install systemd's units, users and directories, and pacman's hook, under $(DESTDIR)$(PREFIX)
	@for f in $(UNITS:%=lib/%) $(HOOKS:%=share/libalpm/hooks/%); do \
		case $$f in lib/*) from=packaging/$${f#lib/} ;; *) from=packaging/hooks/$${f##*/} ;; esac; \
		to='$(DESTDIR)$(PREFIX)'/$${f%.in}; \
		install -d "$${to%/*}" && sed 's,@BINDIR@,$(PREFIX)/bin,g' "$$from" >"$$to" && chmod 644 "$$to" || exit 1; \
	done

.PHONY: dist
dist: ## Write the last commit's reproducible tarball and its checksum into dist/; VENDOR=1 adds the modules
	@VERSION='$(VERSION:%-dirty=%)' VENDOR='$(VENDOR)' scripts/dist.sh

.PHONY: clean
clean: ## Remove what was built
	rm -rf bin build dist

.PHONY: help
help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
