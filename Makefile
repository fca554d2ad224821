# `make` alone lists the targets. Libraries go into .venv, at the versions and hashes of the lock files.
.DEFAULT_GOAL := help
.PHONY: help demo run test bench week lock clean

python := .venv/bin/python
libraries := .venv/libraries.installed
tools := .venv/tools.installed
pip_install := -m pip install -qq --disable-pip-version-check --require-hashes -r
WORKERS ?= 4

# The stamp names the Python it was written for: a .venv that was moved, or whose Python went away or
# became another version, does not match it and is made anew.
identity := -c 'import sys; print(sys.prefix, *sys.version_info[:2])'
ifneq ($(shell $(python) $(identity) 2>/dev/null),$(shell cat $(libraries) 2>/dev/null))
.PHONY: $(libraries)
endif

# Sets $interpreter; a name that exists may still not run (a shim), hence the trial.
define find_interpreter
for interpreter in $(PYTHON) python3.13 python3.12 python3.11 python3 ''; do \
	"$$interpreter" -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))' \
		>/dev/null 2>&1 && break; \
done; \
if [ -z "$$interpreter" ]; then \
	echo "keystall needs Python 3.11 or newer with venv and pip, and found none." >&2; \
	echo "On Debian or Ubuntu: apt install python3-venv. Or name one: make PYTHON=/path/to/python3" >&2; \
	exit 1; \
fi
endef

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-6s %s\n", $$1, $$2 }' Makefile

demo: $(libraries) ## the shop with a sample catalogue and a local Telegram; no account needed
	@$(python) -m bot demo

run: $(libraries) ## the shop, with the settings in .env
	@$(python) -m bot run

test: $(tools) ## lint, types, import contracts and every test there is a server for
	$(python) -m ruff check --quiet .
	$(python) -m ruff format --check --quiet .
	$(python) -m mypy
	.venv/bin/lint-imports --no-logo
	@$(python) -m coverage erase
	$(python) -m pytest -n $(WORKERS) --dist loadgroup --measure
	$(python) -m coverage combine --quiet
	$(python) -m coverage report --fail-under=90
	@$(python) -m coverage report --include='domain/*,payments/*' --fail-under=100 >.coverage-report \
		|| { cat .coverage-report; echo "domain/ and payments/ are to be covered whole." >&2; exit 1; }

bench: $(tools) ## the benchmarks: a table, and bench.json
	@$(python) -m tests.bench

week: $(tools) ## 10,000 orders over every provider, with faults by chance; about a quarter of an hour
	WEEK_ORDERS=10000 $(python) -m pytest tests/week -k sqlite -s

lock: ## resolve pyproject.toml into both lock files; UPGRADE=1 takes the newest versions
	@$(find_interpreter); \
	room=$$(mktemp -d) && trap 'rm -rf "$$room"' EXIT && \
	"$$interpreter" -m venv "$$room" && "$$room/bin/python" -m pip install -qq uv && \
	compile() { "$$room/bin/uv" pip compile -q --universal --python-version 3.11 \
		--generate-hashes --no-emit-index-url --no-emit-find-links --no-header \
		$(if $(UPGRADE),--upgrade) "$$@"; } && \
	compile pyproject.toml -o requirements.lock && \
	compile --group dev -c requirements.lock -o requirements-dev.lock

clean: ## remove .venv and whatever else can be made again; data/ and .env stay
	@rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	@rm -rf .coverage* build *.egg-info bench.json
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(libraries): requirements.lock
	@$(find_interpreter); \
	echo "Installing keystall's libraries into .venv (once; a minute or two) ..."; \
	"$$interpreter" -m venv --clear .venv && $(python) $(pip_install) requirements.lock
	@printf '#!%s\nimport sys\nsys.path.insert(0, "%s")\nfrom bot.__main__ import main\nmain()\n' \
		"$(CURDIR)/$(python)" "$(CURDIR)" >.venv/bin/keystall && chmod +x .venv/bin/keystall
	@$(python) $(identity) >$@

# The libraries' stamp is away meanwhile: an installation that was broken off is begun anew, never trusted.
$(tools): requirements-dev.lock $(libraries)
	@echo "Installing the developers' tools into .venv (once) ..."
	@rm -f $(libraries)
	@$(python) $(pip_install) requirements-dev.lock
	@$(python) $(identity) >$(libraries)
	@touch $@
