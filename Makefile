# The course's commands. Each sets up what it needs first (make help lists them; README.md explains them).

PYTHON ?= python3
DATASET ?= $(MLFPGA_DATASET)
# What `make labs` runs if nothing is chosen: a dataset, or all: one dataset for each case, none needs a network.
LABS := digits
HOST := .venv/host/bin
BOARD := .venv/board/bin
# Only the course's two kernels are offered; the encryption is what keeps kernels from warning that they have none.
LAB_OPTIONS := --KernelSpecManager.allowed_kernelspecs="{'mlfpga-host', 'aup-zu3-virtual'}" \
	--MultiKernelManager.default_kernel_name=mlfpga-host --KernelManager.transport_encryption=auto \
	--LabApp.news_url=None

.DEFAULT_GOAL := help
.PHONY: help setup labs test lab figures report lock clean

help:  ## list these commands
	@echo "make COMMAND, where COMMAND is one of"
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  \1\t\2/p' $(MAKEFILE_LIST) | expand -t 12

setup:  ## set up both environments under .venv/ (every other command does this first)
	@$(PYTHON) environments/setup.py

labs: setup  ## run labs 01-06, write the report; DATASET=mnist, pulses, recommender or all, FRESH=1 to run all again
	@$(HOST)/mlfpga run --dataset $(or $(DATASET),$(LABS)) $(if $(FRESH),--fresh)

test: setup  ## run every test, in both environments; this executes every notebook
	$(HOST)/ruff check .
	$(HOST)/ruff format --check .
	$(HOST)/python -m pytest tests --ignore=tests/board
	$(BOARD)/python -m pytest tests/board tests/formats tests/bundle

lab: setup  ## open JupyterLab with both kernels; DATASET=mnist, pulses, … for the labs that serve every case
	$(if $(DATASET),MLFPGA_DATASET=$(DATASET)) $(HOST)/jupyter lab $(LAB_OPTIONS)

figures: setup  ## measure the figures the course must reach (build/figures.json); ONLY=path, board, vivado, cases or pipeline: one group
	@$(HOST)/mlfpga figures $(if $(ONLY),--only $(ONLY))

report: setup  ## write build/report/index.html from the stages that are finished
	@$(HOST)/mlfpga report --dataset $(or $(DATASET),$(LABS))

lock: setup  ## resolve the packages anew: environments/*.lock and environment.yaml
	@$(HOST)/python environments/lock.py

clean:  ## remove everything that was built (build/); the environments stay
	rm -rf build
