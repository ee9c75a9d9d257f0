# Two commands need nothing but make and Python 3.11 or newer. All else is in tox.ini.
#   make run                      the service with its sample on 127.0.0.1:8080
#   make test PYTEST_ARGS="..."   the test suite
.SUFFIXES:
.PHONY: help run test again

PYTHON = python3
PYTEST_ARGS =
# A worker for each core, each with a PostgreSQL of its own; one module stays on one worker.
PARALLEL = -n auto --maxprocesses 8 --dist loadfile
VENV = .venv
STAMP = $(VENV)/installed
TESTS = $(VENV)/tests-installed
# No questions, and no warnings about pip itself or about running it as root.
PIP = PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore PIP_NO_INPUT=1 \
	$(VENV)/bin/python -m pip --quiet
# The environment works, and was made where it lies now: its scripts name the place.
HERE = $(VENV)/bin/python -c '' 2>/dev/null && cat $(STAMP) 2>/dev/null

help:
	@echo 'make run                       serve the sample on 127.0.0.1:8080 (PLANT_HOST, PLANT_PORT)'
	@echo 'make test                      run the test suite'
	@echo 'make test PYTEST_ARGS="-k me"  run a part of it'
	@echo 'make PYTHON=python3.12 run     make .venv with another Python; for the first time'

# exec: a signal is for the service, and its exit code is the answer.
run: $(STAMP)
	@exec $(VENV)/bin/plant serve --sample

test: $(TESTS)
	@exec $(VENV)/bin/python -m pytest $(PARALLEL) $(PYTEST_ARGS)

ifneq ($(shell $(HERE)),$(CURDIR))
$(STAMP): again
endif

# What serving needs, and nothing more: the first start is quick. Everything is pinned by hash, and
# the project itself is installed without a look anywhere else. --no-deps: a lock is whole, and pip
# would else ask for the newest of what a requirement names with an extra, which no lock can pin.
$(STAMP): pyproject.toml requirements/run.lock requirements/build.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
		echo 'Plant needs Python 3.11 or newer; $(PYTHON) is:' >&2; \
		$(PYTHON) --version 2>&1 | head -n 1 >&2; \
		echo 'Name a newer one: make PYTHON=python3.12 run' >&2; exit 2; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
		echo '$(PYTHON) cannot make virtual environments.' >&2; \
		echo 'On Debian and Ubuntu: apt install python3-venv' >&2; exit 2; }
	@echo 'Installing into $(VENV) ...' >&2
	@test "$$($(HERE))" = '$(CURDIR)' || { rm -rf $(VENV) && $(PYTHON) -m venv $(VENV); }
	@rm -f $@
	@$(PIP) install --no-deps --require-hashes -r requirements/run.lock -r requirements/build.lock
	@$(PIP) install --no-deps --no-build-isolation --no-index --editable .
	@echo '$(CURDIR)' > $@

# The locks agree on every version they share.
$(TESTS): $(STAMP) requirements/dev.lock
	@echo 'Installing what the tests need ...' >&2
	@$(PIP) install --no-deps --require-hashes -r requirements/dev.lock
	@touch $@
