# The tasks of this project; the work is done by the scripts in tools/setup/. Settings can be given on the command line:
# make run EVENTSTORE_GRPC_LISTEN=127.0.0.1:50052
SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help run test test-asan test-tsan test-faults test-bazel build sbom package dist nightly demo bench bench-growth lint format clean
MAKEFLAGS += --no-print-directory
SCHEDULES ?= 50

help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: ## install what is needed, build, and serve until Ctrl-C (ARGS="--data-dir DIR")
	@tools/setup/run.sh $(ARGS)

test: ## install what is needed, build, and run every test suite
	@tools/setup/test.sh $(ARGS)

test-asan: ## the same, with AddressSanitizer and UndefinedBehaviorSanitizer, in build-asan/
	@tools/setup/test-sanitizer.sh asan $(ARGS)

test-tsan: ## the same, with ThreadSanitizer, in build-tsan/
	@tools/setup/test-sanitizer.sh tsan $(ARGS)

test-faults: ## random faults under load, then the checks (ARGS="--schedules 50 --seconds 60 --jobs 2", ARGS=--help)
	@tools/setup/test-faults.sh $(ARGS)

test-bazel: ## the same build by Bazel, offline, and its suites (ARGS=--quick without a database, ARGS=--all every one)
	@tools/setup/test-bazel.sh $(ARGS)

build: ## build everything into build/ (make test or make run install what it needs)
	@. tools/setup/common.sh && . tools/setup/build.sh && set -e && \
	  { is_configured with-tests || configure with-tests; } && build

sbom: build ## list what the programs are made of: build/sbom.spdx.json
	@tools/sbom.py

nightly: ## what does not fit into CI: packages, every suite by Bazel, fifty schedules of faults (hours; SCHEDULES=50)
	@$(MAKE) package && $(MAKE) test-bazel ARGS=--all && $(MAKE) test-faults ARGS="--schedules $(SCHEDULES) --seconds 60 --jobs 2"

package: ## Debian packages, installed and purged in a Debian of their own; what a release has to hold (ARGS=--no-rootfs)
	@tools/setup/package.sh $(ARGS)

dist: ## the sources of the last commit as an archive that comes out the same twice: dist/
	@tools/release/dist.sh $(ARGS)

demo: ## turn a git history into events and look at them (REPO=path, this one by default)
	@tools/demo.sh

bench: ## measure side by side with COPY, SQL and other event stores; about half an hour (ARGS="--rounds 1 --seconds 1")
	@tools/bench/run.sh bench $(ARGS)

bench-growth: ## measure as the store grows, to ten years of chunks and ten million events (ARGS="--max-events 1000000")
	@tools/bench/run.sh growth $(ARGS)

lint: ## check format, scripts, clang-tidy and protos
	@tools/setup/lint.sh $(ARGS)

format: ## format the C++ sources in place
	@git ls-files --cached --others --exclude-standard -- '*.cc' '*.h' | sort -u | xargs clang-format-19 -i

clean: ## remove build/ and the builds of the presets
	@rm -rf dist build build-asan build-tsan build-fuzz build-tidy build-release
