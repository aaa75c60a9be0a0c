# Two commands do all the set-up on a fresh Debian 12 machine:
#   make demo     the main job on a real program, with the trace explained
#   make check    lint, types, the suite on the installed wheel, the suite on the tree
# Also: make check-all (slow tests too), make coverage, make bench, make bench-links, make clean.
# make test ARGS="-k accept -x" runs part of the suite on the tree.

PYTHON ?= python3
JOBS ?= 2
ARGS ?=

VENV := .venv
BUILD := build
WHEEL_ENV := $(BUILD)/wheel-env
# Stamp files; each lies in what it vouches for.
TREE := $(VENV)/.installed
WHEEL := $(WHEEL_ENV)/.installed
PACKAGES := $(BUILD)/packages
PACKAGE_LISTS := $(wildcard tests/packages.txt tests/*/packages.txt)
# Folders too: their times change when a file goes.
SOURCES := $(shell find abi syscalls policies ptrace_net -name __pycache__ -prune -o -print)
# What the suite on the installed wheel runs, and what says nothing about it.
WHEEL_TESTS ?= tests
CHECKOUT_ONLY := tests/test_bench.py tests/test_bench_peers.py tests/test_structure.py
# What covers ptrace_net.stack, and what of that talks to other stacks.
PURE_TESTS := tests/stack tests/devices
OTHER_STACKS := $(wildcard tests/stack/*_kernel.py tests/stack/*_passt.py tests/stack/*_differential*.py tests/stack/*_speed.py)
PYTEST_OPTIONS := -q -n $(JOBS) --dist loadgroup
# Succeeds where Python's headers are.
HEADERS := import os, sysconfig, sys; sys.exit(not os.path.exists(sysconfig.get_path("include") + "/Python.h"))
INSTALL := pip install -q --disable-pip-version-check

.NOTPARALLEL:
.PHONY: demo check check-all lint types coverage test test-wheel bench bench-links clean

demo: $(TREE)
	@sh tests/install_packages.sh curl
	@$(VENV)/bin/python -m ptrace_net demo $(ARGS)

# The suite on the tree comes last: its closing summary is the end of the output.
check: lint types coverage test-wheel test

check-all: lint types coverage test-wheel
check-all: MARKS := -m ''
check-all: test

lint: $(TREE)
	$(VENV)/bin/ruff check .

types: $(WHEEL)
	cd $(BUILD) && wheel-env/bin/python -m mypy --config-file ../pyproject.toml -p ptrace_net

# The pure core, every line and every branch, from tests that need neither kernel nor luck.
coverage: $(TREE) $(PACKAGES)
	$(VENV)/bin/python -m pytest -q -n $(JOBS) $(PURE_TESTS) $(OTHER_STACKS:%=--ignore=%) --hypothesis-seed=0 \
	    --cov=ptrace_net.stack --cov-branch --cov-fail-under=100 --cov-report=term-missing:skip-covered

test-wheel: $(WHEEL) $(PACKAGES)
	cd $(BUILD) && PTRACE_NET_TESTED=installed wheel-env/bin/python -m pytest $(PYTEST_OPTIONS) \
	    -c ../pyproject.toml --rootdir .. -p no:cacheprovider \
	    $(CHECKOUT_ONLY:%=--ignore=../%) $(WHEEL_TESTS:%=../%)

test: $(TREE) $(PACKAGES)
	$(VENV)/bin/python -m pytest $(PYTEST_OPTIONS) $(MARKS) $(ARGS)

bench: $(WHEEL)
	@sh tests/install_packages.sh bench/packages.txt
	$(WHEEL_ENV)/bin/python -m bench $(ARGS)

bench-links: $(WHEEL)
	@sh tests/install_packages.sh bench/packages.txt
	$(WHEEL_ENV)/bin/python -m bench.links $(ARGS)

clean:
	rm -rf $(VENV) $(BUILD) *.egg-info

# --- set-up: each step leaves a stamp and is done again when what it read has changed ---


$(PACKAGES): $(PACKAGE_LISTS)
	@sh tests/install_packages.sh $(PACKAGE_LISTS)
	@mkdir -p $(BUILD) && touch $@

# A bare Debian has python3 without ensurepip.
$(VENV)/.made:
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || sh tests/install_packages.sh python3 python3-venv
	$(PYTHON) -m venv $(VENV)
	@touch $@

# build_meta's requirements are installed beside the rest, so that building needs no environment of its own.
$(TREE): setup.cfg pyproject.toml $(VENV)/.made
	$(VENV)/bin/$(INSTALL) 'setuptools>=65' wheel
	$(VENV)/bin/$(INSTALL) --no-build-isolation -e '.[test,dev]'
	@touch $@

# The wheel's hot modules are compiled, where there are Python's headers; the tree's never are.
$(WHEEL): $(TREE) $(SOURCES) setup.py
	@rm -rf $(BUILD)/wheel $(BUILD)/lib* $(BUILD)/temp*
	@$(VENV)/bin/python -c '$(HEADERS)' || sh tests/install_packages.sh gcc python3-dev
	@compile=1; $(VENV)/bin/python -c '$(HEADERS)' || \
	    { compile=0; echo "wheel: nothing is compiled, for there are no headers of Python" >&2; }; \
	    PTRACE_NET_COMPILE=$$compile $(VENV)/bin/pip wheel -q --no-deps --no-build-isolation -w $(BUILD)/wheel .
	test -x $(WHEEL_ENV)/bin/python || $(PYTHON) -m venv $(WHEEL_ENV)
	wheel=$$(echo $(BUILD)/wheel/*.whl) && $(WHEEL_ENV)/bin/$(INSTALL) "$$wheel[test,dev]" && \
	    $(WHEEL_ENV)/bin/$(INSTALL) --force-reinstall --no-deps "$$wheel"
	@touch $@
