# A thin face of `mailserver`: `make run` tries the service, `make test` checks it.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
DIR ?= var
JOBS ?= 4
LOCALES := mailserver/texts/locale

.PHONY: help run check quick test test-long bench texts lock wheels sbom deb clean

help:
	@echo "make run     install into $(VENV), make the demo academy in ./$(DIR), serve every door"
	@echo "make test    install what the tests need, then every check and every test but the long ones (JOBS=4 processes)"
	@echo "make test-long  what the long tests need, then those: the Debian package, hosts on networks of their own"
	@echo "make bench   this service beside Postfix and Dovecot (root); figures into README.md and the guide (20 minutes)"
	@echo "make check   format, lint, types, import layers, dead code"
	@echo "make quick   make check, then the tests of tests/quick.txt: what finds most in two minutes"
	@echo "make texts   bring the catalogue of texts up to date; what is new there waits for its English"
	@echo "make lock    bring requirements.lock up to setup.cfg (LOCK=--upgrade: to the newest that setup.cfg allows)"
	@echo "make wheels  everything that an installation without a network needs, in dist/wheels"
	@echo "make sbom    what the service is made of, with hashes and licences, in dist (CycloneDX)"
	@echo "make deb     the Debian package, in dist (what it is built with: Build-Depends in deploy/debian/control)"
	@echo "make clean   remove $(VENV) and what was built (never ./$(DIR))"

$(VENV)/.made:
	@$(PYTHON) -m venv $(VENV) || { echo "make: $(PYTHON) cannot make a virtual environment (on Debian: apt-get install python3-venv)" >&2; exit 2; }
	$(BIN)/pip install --quiet --disable-pip-version-check --upgrade pip
	touch $@

# A bundle that was not made of these is not served: pages would be without scripts.
FRONT_END := $(wildcard $(addprefix webui/,frontend/*.mjs frontend/package-lock.json frontend/src/* frontend/src/*/* static/*.*))

$(VENV)/.run: $(VENV)/.made setup.cfg setup.py pyproject.toml $(FRONT_END)
	$(BIN)/pip install --quiet --disable-pip-version-check -e .
	touch $@

$(VENV)/.test: $(VENV)/.run
	$(BIN)/pip install --quiet --disable-pip-version-check -e .[traces,test,check]
	touch $@

define WHAT_TO_TRY

À essayer / what to try (edupont, mmartin, skaci, rleroy, admin: Academie#2026):
  webmail        http://127.0.0.1:8080/
  1re connexion  http://127.0.0.1:8080/activation  (jnouveau, NUMEN 21E2600123ABC, 12/09/1999)
  IMAP           curl -u edupont:Academie#2026 imap://127.0.0.1:2143/INBOX
  SMTP           swaks --server 127.0.0.1:2525 --to edupont@ac-exemple.fr
  annuaire/LDAP  ldapsearch -x -H ldap://127.0.0.1:3389 -D uid=edupont,ou=people,dc=ac-exemple,dc=fr -W -b dc=ac-exemple,dc=fr '(sn=Martin)'
  agenda/DAV     https://127.0.0.1:8443/dav/
endef
export WHAT_TO_TRY

run: $(VENV)/.run
	@test -e $(DIR)/mailserver.toml || $(BIN)/mailserver init $(DIR) --demo
	@echo "$$WHAT_TO_TRY"
	@exec $(BIN)/mailserver serve $(DIR)

# Each of them keeps one processor busy: two at once.
CHECKS := check-types check-style check-layers check-dead
.PHONY: $(CHECKS) read
$(CHECKS) read: $(VENV)/.test

check: $(VENV)/.test
	@$(MAKE) --no-print-directory -j 2 --output-sync=target $(CHECKS)

check-style:
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

check-types:
	$(BIN)/mypy .

check-layers:
	$(BIN)/lint-imports

check-dead:
	$(BIN)/python -m tests.dead_code

# Every test read once, beside the checks: each process of tests would read them all by itself, in three times the time.
# What is wrong with one is said by the run.
read:
	@$(BIN)/python -m pytest --collect-only -qq >/dev/null 2>&1 || true

# Thousands of databases are made and synced: in memory, where 8 GB of it may hold files, and programs.
ROOM := $(shell df -Pk /dev/shm 2>/dev/null | awk 'NR == 2 && $$4 > 8000000 { print "enough" }')
IN_MEMORY := $(if $(ROOM),$(shell grep -q ' /dev/shm [^ ]* [^ ]*noexec' /proc/mounts || echo /dev/shm))
ifneq ($(IN_MEMORY),)
quick test test-long: export TMPDIR = $(IN_MEMORY)
endif

# Where nothing may be written beside the sources, each process would read and rewrite every test again.
quick test test-long: export PYTHONDONTWRITEBYTECODE =

quick: $(VENV)/.test
	$(MAKE) --no-print-directory check
	$(BIN)/python -m pytest -n 2 --dist loadfile -m "not alone and not needs" -k "not postgresql" $(shell cat tests/quick.txt) $(PYTEST_ARGS)

test: $(VENV)/.test
	@sh tests/install.sh
	$(MAKE) --no-print-directory -j 2 --output-sync=target $(CHECKS) read
	$(BIN)/python -m pytest -n $(JOBS) --dist loadfile --no-loadscope-reorder -m "not alone" $(PYTEST_ARGS)
	$(BIN)/python -m pytest -m alone $(PYTEST_ARGS)

# They make network interfaces, at which every browser beside them says that its network has changed: one process.
test-long: $(VENV)/.test
	@sh tests/install.sh long
	$(BIN)/python -m pytest -m long $(PYTEST_ARGS)
	THOROUGH=1 $(BIN)/python -m pytest -n $(JOBS) --dist loadfile -m "not alone" \
		$(shell grep -rl "import examples" tests) $(PYTEST_ARGS)

texts: $(VENV)/.test
	$(BIN)/pybabel -q extract -F $(LOCALES)/babel.cfg -k N_ -k Text -k NC_:1c,2 --no-location --sort-output -o messages.pot \
		mailserver directory smtp imap webui calendar/agenda
	$(BIN)/pybabel -q update -l en -i messages.pot -d $(LOCALES) --no-fuzzy-matching --ignore-obsolete --no-wrap
	rm messages.pot

# Both sides in turn, on a machine that does nothing else. What is missing is said.
bench: $(VENV)/.test
	$(BIN)/python -m tests.bench.peers --write $(BENCH)

# Versions that are locked stay, unless LOCK=--upgrade asks for newer ones or setup.cfg no longer allows them.
COMPILE = $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--custom-compile-command "make lock" $(LOCK)

lock: $(VENV)/.made
	$(BIN)/pip install --quiet --disable-pip-version-check -e .[release]
	$(COMPILE) --extra traces setup.cfg -o requirements.lock
	$(COMPILE) deploy/package/build.in -o deploy/package/build.lock
	$(COMPILE) deploy/package/node.in -o deploy/package/node.lock

# For the Python that is named (make wheels PYTHON=python3.13) on machines of this kind, everything by its hash. What a
# library has no wheel of is built here; Node, which builds our front end, is a wheel where the machine has none.
NODE := $(if $(and $(shell command -v node),$(shell command -v npm)),,-r deploy/package/node.lock)

wheels:
	rm -rf build/wheels dist/wheels
	$(PYTHON) -m venv build/wheels
	build/wheels/bin/pip install --quiet --disable-pip-version-check --require-hashes -r deploy/package/build.lock $(NODE)
	build/wheels/bin/pip wheel --quiet --disable-pip-version-check --no-build-isolation --no-deps \
		--require-hashes -r requirements.lock -w dist/wheels
	rm -rf build/lib build/bdist.*
	build/wheels/bin/pip wheel --quiet --disable-pip-version-check --no-build-isolation --no-deps -w dist/wheels .
	$(PYTHON) deploy/package/list_wheels.py dist/wheels

sbom: $(VENV)/.run
	$(BIN)/pip install --quiet --disable-pip-version-check -e .[traces,release]
	mkdir -p dist
	$(BIN)/python deploy/package/bill_of_materials.py dist/mailserver.cdx.json

# For the release of Debian that this is built on, out of dist/wheels.
deb: dist/wheels/requirements.txt
	sh deploy/package/make_deb.sh

dist/wheels/requirements.txt:
	$(MAKE) --no-print-directory wheels PYTHON=/usr/bin/python3

clean:
	rm -rf $(VENV) build dist *.egg-info webui/static/dist
