# `make` alone lists what there is. Everything works offline once installed; nothing is installed outside this folder.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
PY := .venv/bin/python
# A dozen processes read the same modules: where the environment forbids .pyc files, each would compile them again.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help setup setup-dev demo test drills check bench fuzz chaos tour fmt lock clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

setup: ## install what the site needs into .venv and node_modules
	@.ci/setup runtime

setup-dev:
	@.ci/setup dev

demo: setup ## start everything and send a campaign; ONCE=1 ends with one line of JSON
	@exec $(PY) manage.py demo $(if $(filter-out 0,$(ONCE)),--once)

test: setup-dev ## all tests but the drills; REQUIRE_BROWSER=1 lets no browser test be skipped
	@.ci/test $(ARGS)

drills: setup-dev ## the long tests: processes killed in mid-campaign, servers restarted, every page in both themes, many examples
	@$(PY) -m pytest -m drill --ignore tests/browser $(ARGS)
	@$(PY) -m pytest -m "hypothesis and not drill" --ignore tests/browser --hypothesis-profile thorough $(ARGS)
	@$(PY) -m pytest -m drill tests/browser -n 2 --dist worksteal $(ARGS)

check: setup-dev ## types, style, import directions, templates, migrations
	$(PY) -m ruff check
	$(PY) -m ruff format --check
	$(PY) -m mypy
	.venv/bin/lint-imports
	.venv/bin/djlint --lint --quiet templates/pages
	$(PY) -m mailplatform.embedded run --data-dir .data/tests -- $(PY) manage.py makemigrations --check --dry-run
	$(PY) -m mailplatform.embedded run --data-dir .data/tests -- $(PY) manage.py check
	$(PY) -m pytest -q tests/architecture

bench: setup-dev ## run one benchmark: make bench BENCH=send; SIZE=full for the long one
	@test -n "$(BENCH)" || { echo "make bench BENCH=name, one of:" $$(ls tests/benchmarks/bench_*.py | xargs -n1 basename -s .py | sed s/bench_//); exit 2; }
	@SIZE=$(SIZE) $(PY) -m tests.benchmarks.bench_$(BENCH) $(ARGS)

chaos: setup ## kill, freeze and lie to a campaign, then compare person by person: SEED=1 SEEDS=1-50 RECIPIENTS=5000 MODE=on
	@exec $(PY) manage.py chaos --seed "$(SEED)" --seeds "$(SEEDS)" --recipients "$(RECIPIENTS)" --mode "$(MODE)"

tour: setup-dev ## take the pictures of docs/tour.md anew
	@$(PY) -m tests.browser.tour

fuzz: setup-dev ## post strange things at the verifier and the parser: make fuzz SECONDS=600
	@$(PY) -m tests.fuzzing.events $(or $(SECONDS),600)

fmt: setup-dev ## format the code
	$(PY) -m ruff check --fix --quiet || true
	$(PY) -m ruff format

lock: ## resolve the newest versions that pyproject.toml allows, with hashes
	@.ci/lock

clean: ## stop the services and delete what was made here, the demo's data too
	@if [ -x $(PY) ]; then for data in .data .data/demo .data/once .data/chaos .data/tests; do $(PY) -m mailplatform.embedded remove --data-dir $$data; done; fi
	rm -rf .data .venv node_modules mailplatform/static/dist .mypy_cache .ruff_cache .pytest_cache .import_linter_cache htmlcov .coverage
