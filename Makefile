# Needs only Python 3.11 or newer with pip; everything else is installed into .venv.
# PYTHON=... chooses the Python that .venv is made with, ARGS=... goes to the script.

.DEFAULT_GOAL := help
.PHONY: demo test test-all lint types check wheel-test bench setup clean help

demo:        ## train on handwritten digits, in seconds
	@scripts/demo $(ARGS)

test:        ## run the tests: make test ARGS="tests/datasets -k split"
	@scripts/test $(ARGS)

test-all:    ## run the slow tests too, and those that compare with other libraries
	@scripts/test-all $(ARGS)

lint:        ## look at formatting and style; ARGS=--fix repairs
	@scripts/lint $(ARGS)

types:       ## check the types
	@scripts/types $(ARGS)

check:       ## lint, types and the rules of the tree: run it before a commit
	@scripts/check

wheel-test:  ## build the wheel and test the installed copy
	@scripts/wheel-test

bench:       ## measure, beside other libraries: ARGS=--quick
	@scripts/bench $(ARGS)

setup:       ## make .venv with what development needs
	@scripts/setup dev plot $(ARGS)

clean:       ## remove what was built and cached, but not .venv
	@scripts/clean

help:        ## show this
	@sed -n 's/^\([a-z-]*\):  *## /  make \1	/p' Makefile | expand -t 20
