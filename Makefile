PYTHON ?= python3
IN_VENV := .venv/bin/python
PACKAGES := weathernote weather ratelimit prewarm manage.py
# Settings from a file, read as cron and systemd read it.
WITH_ENVIRONMENT = $(if $(ENVIRONMENT_FILE),$(IN_VENV) deploy/with_environment.py '$(ENVIRONMENT_FILE)')

.PHONY: help run demo edge test bench bench-quick mutants lint audit docs lock

help:
	@echo "make run    serve with the live Open-Meteo on http://127.0.0.1:8000 (HOST, PORT); open streams on port 8001 (LIVE_PORT)"
	@echo "make demo   the same with a simulated Open-Meteo, for a machine without internet"
	@echo "make edge   nginx before two instances and two processes for streams, on https://127.0.0.1:8443 (EDGE_PORT); needs"
	@echo "            the live Open-Meteo, or REDIS_URL of a Redis that holds forecasts"
	@echo "make test   every test, against real servers that it starts itself (ARGS=--shuffle=random or =7: files in random order)"
	@echo "make bench  the benchmarks, beside their peers, in about ten minutes; needs wrk"
	@echo "make bench-quick   some of them in a minute and a half, compared with tests/benchmarks/measuring/baseline.json"
	@echo "make mutants   how many random changes of one operator the tests of each module notice"
	@echo "               (ARGS=\"weather/budget/quota.py --number 25\": 25 changes of one module)"
	@echo "make lint   ruff, format, types, import arrows, docstrings, migrations, check --deploy"
	@echo "make audit  a bill of materials in .run/sbom.json, and known vulnerabilities where their database can be reached"
	@echo "make docs   the manual as a site in .run/manual; a dead link or a missing page fails"
	@echo "make lock   resolve requirements.txt and requirements-dev.txt anew from pyproject.toml, and those of the clients in tests"
	@echo "run, demo and edge take ENVIRONMENT_FILE=/etc/weathernote/environment; it wins over variables of the command line"

run:
	@$(PYTHON) deploy/venv.py requirements.txt
	@exec $(WITH_ENVIRONMENT) $(IN_VENV) manage.py serve

demo:
	@$(PYTHON) deploy/venv.py requirements.txt
	@exec $(WITH_ENVIRONMENT) $(IN_VENV) manage.py serve --demo

edge:
	@$(PYTHON) deploy/venv.py requirements-dev.txt
	@exec $(WITH_ENVIRONMENT) $(IN_VENV) manage.py edge

test:
	@$(PYTHON) deploy/venv.py requirements-dev.txt
	@exec $(IN_VENV) -m pytest -n 2 --dist loadfile $(ARGS)

bench:
	@$(PYTHON) deploy/venv.py requirements-dev.txt
	@exec $(IN_VENV) -m tests.benchmarks.bench $(ARGS)

bench-quick:
	@$(PYTHON) deploy/venv.py requirements-dev.txt
	@exec $(IN_VENV) -m tests.benchmarks.bench --quick $(ARGS)

mutants:
	@$(PYTHON) deploy/venv.py requirements-dev.txt
	@exec $(IN_VENV) -m tests.mutants $(ARGS)

lint:
	@$(PYTHON) deploy/venv.py requirements-dev.txt
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy .
	.venv/bin/lint-imports
	.venv/bin/interrogate --quiet $(PACKAGES) || \
		{ .venv/bin/interrogate -vv --omit-covered-files --no-color $(PACKAGES); exit 1; }
	$(IN_VENV) manage.py makemigrations --check --dry-run
	SECRET_KEY=$$($(IN_VENV) -c 'import secrets; print(secrets.token_urlsafe(60))') RATE_LIMIT_HASH_KEY=lint \
	ALLOWED_HOSTS=weather.example REDIS_URL=redis://redis.example:6379/0 \
	DATABASE_URL=postgres://weathernote@database.example/weathernote \
	$(IN_VENV) manage.py check --deploy --fail-level WARNING

audit:
	@$(PYTHON) deploy/venv.py requirements-dev.txt
	@exec $(IN_VENV) deploy/audit.py

docs:
	@$(PYTHON) deploy/venv.py requirements-dev.txt
	@NO_MKDOCS_2_WARNING=1 .venv/bin/mkdocs build --quiet --strict
	@echo "Open .run/manual/index.html"

lock:
	@$(PYTHON) deploy/venv.py requirements-dev.txt
	.venv/bin/uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-header \
		pyproject.toml -o requirements.txt
	.venv/bin/uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-header \
		--extra dev -c requirements.txt pyproject.toml -o requirements-dev.txt
	.venv/bin/uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-header \
		tests/support/clients/openmeteo/requirements.in -o tests/support/clients/openmeteo/requirements.txt
