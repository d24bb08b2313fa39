# Both `make image` and `make test` do all the set-up that a bare Debian 12 machine with git and make needs.
.PHONY: image test check soak bench docs man reference setup clean

GOLDEN := .venv/bin/golden
PYTEST := .venv/bin/python -m pytest

# The published, sealed, audited template, and the command that clones it.
image: setup
	$(GOLDEN) build recipes/debian-12.yaml

# Everything, real appliances and boots included; two files at a time, as each keeps about one processor busy.
test: setup
	.setup/packages test
	$(MAKE) check
	$(PYTEST) -m "slow and not soak" -v -n 2 --dist loadfile --no-loadscope-reorder --durations=12

# Two to three minutes: style, types, documentation, the direction of imports, and the tests that need no appliance.
check: setup
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy
	.venv/bin/lint-imports
	.venv/bin/mkdocs build --strict --quiet
	$(PYTEST) -m "not slow" -n 2

# The documentation as a site, in .site/; broken links and anchors are errors.
docs: setup
	.venv/bin/mkdocs build --strict --quiet

# A manual page for every command, in .man/: `man -l .man/golden-build.1`.
man: setup
	$(GOLDEN) manual --man .man

# The pages that are made from the code. The tests fail while one is out of date.
reference: setup
	$(GOLDEN) manual > docs/reference/commands.md
	$(GOLDEN) reference > recipes/README.md
	$(GOLDEN) schema > recipes/schema.json

# The long matrices: a hundred and twenty kills of nights, comparisons with other tools, every shape of guest. One line for each case.
soak: setup
	.setup/packages test
	$(PYTEST) -m soak -v -n 2 --dist loadgroup --durations=12

# Timings beside virt-customize, virt-sysprep and virt-sparsify, from one run.
bench: setup
	.setup/packages bench
	.venv/bin/python -m tests.bench

setup: .venv/ready

# The system's own Python: the bindings of libguestfs and libvirt are the distribution's.
.venv/ready: pyproject.toml .setup/requirements.lock .setup/packages
	.setup/packages
	/usr/bin/python3 -m venv --system-site-packages .venv
	.venv/bin/pip install --quiet --require-virtualenv --requirement .setup/requirements.lock
	.venv/bin/pip install --quiet --no-deps --no-build-isolation --editable .
	touch $@

clean:
	rm -rf .venv
