# Both `make image` and `make test` do all the set-up that a bare Debian 12 machine with git and make needs.
.PHONY: image test check bench setup clean

GOLDEN := .venv/bin/golden
PYTEST := .venv/bin/python -m pytest

# The published, sealed, audited template, and the command that clones it.
image: setup
	$(GOLDEN) build recipes/debian-12.yaml

# Everything, real appliances and boots included; two files at a time, as each keeps about one processor busy.
test: setup
	.setup/packages test
	$(MAKE) check
	$(PYTEST) -m slow -v -n 2 --dist loadfile --no-loadscope-reorder --durations=12

# Seconds: style, types, the direction of imports, and the tests that need no appliance.
check: setup
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy
	.venv/bin/lint-imports
	$(PYTEST) -m "not slow" -n 2

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
