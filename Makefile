# A fresh machine needs Python 3.10 to 3.14 and make. `make help` lists what there is.
.DEFAULT_GOAL := help
.PHONY: help lab test train lint refresh redraws stops readme gallery site audit clean

SUPPORTED := import sys; sys.exit(not (3, 10) <= sys.version_info < (3, 15))
PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11 python3.10 python; do \
	$$p -c '$(SUPPORTED)' 2>/dev/null && echo $$p && break; done)
BIN := .venv/bin
INSTALL = $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt
EXTRAS ?=
TEST := .venv/test$(addprefix -,$(EXTRAS))

help:  ## List the targets
	@grep -E '^[a-z]+:.*##' Makefile | sed -E 's/:[^#]*## /\t/' | expand -t 12

lab: .venv/lab  ## Set everything up and open JupyterLab on the first notebook
	$(BIN)/python -m jupyterlab --ip=localhost notebooks/00_start_here.ipynb

test: $(TEST)  ## Set up, then run every test and, through nbval, every notebook
	$(BIN)/python -m pytest --numprocesses auto --maxprocesses 8 --dist loadgroup

train: .venv/lab  ## Train: the paper's run on a GPU, a small preset on a CPU
	$(BIN)/python train.py

lint: $(TEST)  ## Check the form of code and notebooks
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

refresh: $(TEST)  ## Run the notebooks from clean kernels and store their outputs
	$(BIN)/python tests/notebooks/refresh.py

redraws: $(TEST)  ## Time the redraws of every widget of every notebook
	$(BIN)/python tests/notebooks/redraws.py

stops: $(TEST)  ## Press stop in every live cell of every notebook, and run it again
	$(BIN)/python tests/faults/stops.py

readme: .venv/lab  ## Renew the tables of README.md and docs/ from the code and the records
	$(BIN)/python -m alexnet_lib.cli.readme

gallery: .venv/lab  ## Draw the pictures of README.md and docs/ from the shipped weights and records
	$(BIN)/python -m alexnet_lib.cli.gallery
	$(BIN)/python -m alexnet_lib.cli.readme

site: .venv/docs  ## Write the course as static pages into site/, to be read without a kernel
	$(BIN)/alexnet site --out site

audit: .venv/audit  ## Look up every installed version among the known vulnerabilities
	$(BIN)/python -m pip freeze --exclude-editable | sed 's/+[^ ]*//' > .venv/versions.txt
	$(BIN)/python -m pip_audit --strict --no-deps --disable-pip --requirement .venv/versions.txt

clean:  ## Remove the environment and the decoded images; downloads and runs stay
	rm -rf .venv data/cache

# `python -m venv` needs the system's venv module; Debian and Ubuntu ship it apart (python3-venv).
.venv/python:
	@test -n "$(PYTHON)" || { echo "No Python 3.10 to 3.14 found. Install one, or name it: make PYTHON=/path/to/python3"; exit 1; }
	$(PYTHON) -m venv .venv || { rm -rf .venv; echo "Could not make a virtual environment. On Debian or Ubuntu: apt install python3-venv"; exit 1; }
	@touch $@

.venv/lab: .venv/python pyproject.toml constraints.txt
	@echo "Installing into .venv (a few minutes the first time) ..."
	$(INSTALL) --editable ".[lab]"
	@touch $@

$(TEST): .venv/lab
	$(INSTALL) --editable ".[lab,test$(if $(EXTRAS),$(comma)$(EXTRAS))]"
	@touch $@

.venv/docs: .venv/lab
	$(INSTALL) --editable ".[lab,docs]"
	@touch $@

.venv/audit: $(TEST)
	$(INSTALL) --editable ".[audit]"
	@touch $@

comma := ,
