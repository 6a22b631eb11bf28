# Needs Python 3.10 or later, make and a network to the package index; everything else goes into .venv.
# PYTHON=python3.12 chooses the interpreter, ARGS="..." is appended to the command of search, test, check and docs.

PYTHON ?= python3
VENV := .venv
RUN := $(VENV)/bin/python
READY := $(VENV)/.ready

export PRE_COMMIT_HOME := $(CURDIR)/$(VENV)/.pre-commit

.PHONY: help install search test check bench docs versions
.DEFAULT_GOAL := help

help:  ## this list
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/make \1	\2/p' $(firstword $(MAKEFILE_LIST)) | expand -t 16

install: $(READY)  ## the locked tools and this package, into .venv

search: export WANDB_MODE ?= offline
search: $(READY)  ## search a student and its distillation, then train the best; ARGS="key=value ..."
	$(RUN) -m uniads.search +pair=wrn40_2-wrn16_2 seed=1 $(ARGS)

test: $(READY)  ## the tests; ARGS="-m slow" for the slow ones
	$(RUN) -m pytest $(ARGS)

check: $(READY)  ## every check of a commit: format, lint, types, layers, hygiene
	$(VENV)/bin/pre-commit run --all-files --show-diff-on-failure $(ARGS)

docs: $(READY)  ## this project's pages, at http://127.0.0.1:8000 while it runs; ARGS="-a ADDRESS" for another place
	$(VENV)/bin/mkdocs serve $(ARGS)

versions: $(READY)  ## the tests on Python 3.10 to 3.13, with the oldest and the newest torch; TESTS="tests/search" for a part
	.ci/versions $(ARGS)

bench: $(READY)  ## measure on this machine, some forty minutes; tables here, JSON in benchmarks/results/
	for name in step loop epochs distillers memory search_overhead main_job scaling accuracy; do \
		$(RUN) -m benchmarks.$$name --json benchmarks/results/$$name.json || exit 1; \
	done

$(VENV)/bin/uv:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' \
	|| { echo "Python 3.10 or later is needed; name one with make PYTHON=..."; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null \
	|| { echo "This Python lacks its venv module; install it (on Debian and Ubuntu: the package python3-venv)."; exit 1; }
	test -x $(RUN) && $(RUN) -m ensurepip || $(PYTHON) -m venv $(VENV)
	$(RUN) -m pip install --disable-pip-version-check --quiet uv

$(READY): requirements.lock pyproject.toml | $(VENV)/bin/uv
	$(VENV)/bin/uv pip install --python $(RUN) -r requirements.lock
	$(VENV)/bin/uv pip install --python $(RUN) --no-deps -e .
	@touch $@
