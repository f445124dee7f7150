# `make demo`: everything once, on synthetic scans. `make test`: every test. Both make .venv by themselves.
PYTHON ?= python3
SHELL := bash
.DEFAULT_GOAL := help

.PHONY: help demo test coverage slurm lint clean

help: ## say what there is
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/'

.venv/bin/pip:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed; name one: make PYTHON=python3.12 demo")'
	$(PYTHON) -m venv .venv

# What a user needs, and what tests need besides; pip says what it fetches.
.venv/complete: pyproject.toml constraints.txt | .venv/bin/pip
	@echo 'Once: the packages of constraints.txt go into .venv. That takes 3 to 10 minutes and 2 GB of disk, with CUDA (PyPI, Linux) 7 GB.'
	.venv/bin/pip install --constraint constraints.txt --editable .
	touch $@

.venv/tests: .venv/complete
	.venv/bin/pip install --constraint constraints.txt --editable '.[test]'
	touch $@

demo: .venv/complete ## run the whole pipeline on synthetic scans and print its table
	.venv/bin/snakemake --cores 2 --config scale=smoke -- results/smoke/table3.csv
	@cat results/smoke/table3.md
	@echo
	@echo 'Files of each run    results/runs/<run>/   (.venv/bin/dmd plan --scale smoke names them)'
	@echo 'The same in MLflow   .venv/bin/dmd ui smoke/table3   (kept in results/mlflow.db)'
	@echo 'Next, on real scans  .venv/bin/snakemake --cores 2 --config data="{la: /your/copy}" -- results/half/table3.csv'

test: .venv/tests ## run every test but those on SLURM
	OMP_NUM_THREADS=1 .venv/bin/python -m pytest --numprocesses auto --dist worksteal --ignore tests/slurm

coverage: .venv/tests ## measure how much of dmd/planning and dmd/runs the tests go through, branches included
	OMP_NUM_THREADS=1 .venv/bin/coverage run -m pytest --quiet tests/planning tests/runs tests/test_doctests.py
	.venv/bin/coverage report

slurm: .venv/tests ## run the tests on a private SLURM, where slurm-wlm and munge are installed
	.venv/bin/python -m pytest --numprocesses 2 --dist loadfile tests/slurm

lint: .venv/tests ## check style and types
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/snakefmt --check Snakefile workflow
	.venv/bin/mypy

clean: ## delete the environment, keep results
	rm -rf .venv
