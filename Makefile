# The commands of README.md. Each prepares .venv by itself, once; a bare Debian or Ubuntu with
# python3 (>= 3.11), python3-venv, gcc and make is enough.
PYTHON ?= python3
VENV ?= .venv
JOBS ?= 2
PY := $(VENV)/bin/python
PIP := $(PY) -m pip install -q --disable-pip-version-check
HEADERS = CPATH="$$(sh tools/python-headers.sh $(PY) $(VENV)/headers)"
SOURCES := setup.py $(shell find csrc src -name '*.[ch]' -o -name '*.pyx' -o -name '*.px[di]')
ASAN = LD_PRELOAD="$$(gcc -print-file-name=libasan.so) $$(gcc -print-file-name=libubsan.so)" \
    ASAN_OPTIONS=detect_leaks=0:log_path=$(CURDIR)/build/sanitize/report PYTHONMALLOC=malloc
# The names that tests/c has for the instruction sets of this machine.
C_RUNNERS = names = dict(generic="scalar", x86_v3="avx2", x86_v4="avx512", neon="neon"); \
    from fastmlp import _core; print(*(names[isa] for isa in _core.available_isas()))
.PHONY: help build demo test bench sanitize lint types workflows portability docs clean distclean

help:
	@echo "make demo      train on real data, fastmlp beside scikit-learn"
	@echo "make test      all tests;  make sanitize: a part of them under ASan and UBSan"
	@echo "make bench     speed of training beside scikit-learn (and torch, if installed in $(VENV))"
	@echo "make lint      ruff and C warnings;  make types: annotations and stubs"
	@echo "make portability  other compilers and machines;  make workflows: pyproject.toml, .github"
	@echo "make docs      build/docs/index.html; every code block is run;  make clean, make distclean"

$(VENV)/.installed: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python >= 3.11, please")'
	@echo "== preparing $(VENV) (once, a minute or two): NumPy, SciPy, scikit-learn, Cython"
	@$(PYTHON) -m venv $(VENV)
	@$(PIP) "pip>=25.1" && $(PIP) --group build
	@echo "== compiling fastmlp"
	@$(HEADERS) && export CPATH && $(PIP) --no-build-isolation -e .
	@touch $@

$(VENV)/.built: $(VENV)/.installed $(SOURCES)
	@echo "== compiling what has changed"
	@$(HEADERS) && export CPATH && $(PY) setup.py -q build_ext --inplace
	@touch $@

$(VENV)/.group-%: pyproject.toml $(VENV)/.installed
	@echo "== installing what 'make $*' needs"
	@$(PIP) --group $* && touch $@

build: $(VENV)/.built

demo: build
	@$(PY) examples/demo.py

test: build $(VENV)/.group-test
	@for isa in $$($(PY) -c '$(C_RUNNERS)'); do \
	    $(MAKE) -s -C tests/c BUILD=../../build/tests-c NEON_CC=gcc NEON_RUN= run-$$isa || exit; \
	done
	@$(PY) -m pytest -q -n $(JOBS)

bench: build $(VENV)/.group-bench
	@$(PY) benchmarks/run.py --json build/bench.json
	@$(PY) benchmarks/render.py build/bench.json

# Left out: children that lose LD_PRELOAD, and forks, which ASan's own locks do not survive.
sanitize: build $(VENV)/.group-test
	@echo "== compiling with ASan and UBSan (a few minutes)"
	@$(HEADERS) && export CPATH && FASTMLP_SANITIZE=1 FASTMLP_DEBUG_CYTHON=1 \
	    $(PY) setup.py -q build --build-base build/sanitize --build-lib build/sanitize/lib
	@rm -f build/sanitize/report.*
	@$(ASAN) PYTHONPATH=$(CURDIR)/build/sanitize/lib $(PY) -m pytest -q -n $(JOBS) -m "not slow" \
	    --deselect tests/estimators/test_interrupt.py --deselect tests/test_fork.py || { cat build/sanitize/report.*; exit 1; }

lint: build $(VENV)/.group-lint
	@$(PY) -m ruff check .
	@gcc -std=c11 -Wall -Wextra -Wconversion -Werror -fsyntax-only csrc/core/*.c csrc/cpu/*.c \
	    csrc/kernels/isa_generic.c && echo "C: no warnings"

types: build $(VENV)/.group-types
	@$(PY) -m mypy
	@$(PY) -m mypy.stubtest --mypy-config-file pyproject.toml --allowlist tools/stubtest.txt fastmlp

workflows: $(VENV)/.group-workflows
	@PATH="$(CURDIR)/$(VENV)/bin:$$PATH" tools/check_workflows.sh

portability:
	@tests/c/portability.sh

docs: build $(VENV)/.group-docs
	@$(PY) tools/run_docs.py *.md docs/*.md
	@$(PY) -m sphinx -q -W --keep-going -b html docs build/docs && echo "build/docs/index.html"

clean:
	rm -rf build src/fastmlp/*.so src/*.egg-info $(VENV)/.built

distclean: clean
	rm -rf $(VENV)
