# Everyday commands; `make help` lists them. Each installs the Debian packages it lacks first (cmake/packages.sh).
# The build itself is CMake: see CMakePresets.json for the presets.
HUB ?= hubs/chat
JOBS ?= 2
# Tests at a time: they wait more than they compute.
TEST_JOBS ?= $(shell expr $(JOBS) \* 3 / 2)
export CTEST_OUTPUT_ON_FAILURE = 1

.PHONY: run build dev console check test outages containers bench format fuzz release clean help
.DEFAULT_GOAL := build

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-9s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: build ## build and serve a service directory: make run HUB=hubs/chat
	@exec build/release/hubd $(HUB)

build: packages-build console build/release/build.ninja ## hubd and hubctl, optimised, in build/release
	@cmake --build --preset release -j $(JOBS)

dev: packages-build packages-test console build/dev/build.ninja ## the same with sanitizers, and the tests, in build/dev
	@cmake --build --preset dev -j $(JOBS)

check: dev npm-tests ## for while you work, at most two minutes: units, definitions, some conversations
	@tests/run.sh -j $(TEST_JOBS) -L check

test: build-fuzzers dev npm-tests ## every test: units, definitions, conversations, fuzzing for 5 s each
	@FUZZ_SECONDS=$${FUZZ_SECONDS:-5} tests/run.sh -j $(TEST_JOBS)

containers: dev npm-tests packages-containers ## build the image from a base that is made here, and run it beside real servers (about 5 min)
	@HUBD_CONTAINER_BASE=$${HUBD_CONTAINER_BASE:-made} ctest --preset dev -R '^containers|compose'

outages: dev npm-tests ## outages at any time, ROUNDS=5 of each backend and pair, from a SEED that is printed, and what else is too long; some 15 min
	@ctest --preset dev -C campaign -L campaign -j $(TEST_JOBS)
	@HUBD=build/dev/hubd HUBD_OUTAGE_ROUNDS=$(ROUNDS) HUBD_OUTAGE_SEED=$(SEED) tests/transcript/run.sh $(CURDIR)/tests/transcript/backends/campaign.test.js

bench: packages-bench build ## load figures beside Node and the limit programs
	@tests/bench/run.sh

format: packages-format ## clang-format over all C files
	@git ls-files -co --exclude-standard '*.[ch]' ':!tests/describe/golden' | xargs clang-format-14 -i

fuzz: build-fuzzers ## every fuzz target for 30 s
	@FUZZ_SECONDS=$${FUZZ_SECONDS:-30} tests/fuzz/run.sh

console: ## the script of the page at /console, with npm; without npm hubd is built without the page
	@if command -v node >/dev/null && command -v npm >/dev/null; then $(MAKE) --no-print-directory $(BUNDLE) $(CLIENT) || \
		echo "The console could not be built; hubd will say so at /console." >&2; fi

release: build ## the programs, licence and example hubs as build/release/hubd-<version>-Linux.tar.gz
	@cd build/release && cpack -G TGZ

clean: ## remove everything built
	rm -rf build

# ---- steps of the above ----
packages = packages-build packages-test packages-containers packages-bench packages-format packages-fuzz
.PHONY: $(packages) build-fuzzers npm-tests
$(packages): packages-%:
	@cmake/packages.sh $*

build-fuzzers: packages-build packages-test packages-fuzz build/fuzz/build.ninja
	@cmake --build --preset fuzz --target fuzzers -j $(JOBS)

build/%/build.ninja: CMakePresets.json | packages-build
	@mkdir -p build && cmake --preset $* >build/$*.log 2>&1 || { cat build/$*.log; exit 1; }

# The stock Socket.IO client that the transcript tests drive, and what clients/js is built and tested with.
npm-tests: $(patsubst %/package-lock.json,%/node_modules/.package-lock.json,$(wildcard tests/transcript/package-lock.json clients/js/package-lock.json))
%/node_modules/.package-lock.json: %/package-lock.json | packages-test
	@cd $(dir $<) && npm ci --no-audit --no-fund --prefer-offline
	@touch $@

# The console's bundle, and the client that hubd serves to pages. CMake embeds them when they are there.
BUNDLE = build/console/app.js
CLIENT = build/console/socket.io.min.js build/console/socket.io.esm.min.js
CONSOLE = engine/console
CONSOLE_NPM = build/console/npm
$(BUNDLE): $(CONSOLE_NPM)/node_modules/.package-lock.json $(wildcard $(CONSOLE)/*.js)
	@NODE_PATH=$(CONSOLE_NPM)/node_modules $(CONSOLE_NPM)/node_modules/.bin/esbuild $(CONSOLE)/app.js --bundle --minify --format=esm --target=es2022 --log-level=warning --outfile=$@
$(CLIENT): build/console/%: $(CONSOLE_NPM)/node_modules/.package-lock.json
	@cp $(CONSOLE_NPM)/node_modules/socket.io-client/dist/$* $@
# The packages are installed below build, so that engine has sources only.
$(CONSOLE_NPM)/node_modules/.package-lock.json: $(CONSOLE)/package.json $(CONSOLE)/package-lock.json
	@mkdir -p $(CONSOLE_NPM) && cp $^ $(CONSOLE_NPM) && cd $(CONSOLE_NPM) && npm ci --no-audit --no-fund --prefer-offline --ignore-scripts --fetch-retries=0 --loglevel=error
	@touch $@
