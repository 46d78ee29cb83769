# SPDX-License-Identifier: GPL-3.0-or-later
#
# Every target brings what it needs: the first one makes the virtual environment and fetches the collections.
# Programs of the test bed are built by the test bed itself (tests/testbed/README.md).

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules

export PATH := $(CURDIR)/.venv/bin:$(PATH)

ON_BED := python -m tests.gates.bed
ANSIBLE_TEST := python -m tests.gates.ansible_test
OLDEST := .venv-2.19

# Of tests/e2e: those that run beside whatever happens to the test bed, and those that take too long for every time.
WITH_SERVERS := $(addprefix tests/e2e/,test_canaries.py test_interrupted_registration.py test_registration.py \
    test_restore_script.py test_vault.py)
LONG := tests/e2e/test_thousand.py
# Verbs as an operations team runs them, on a test bed of their own.
VERBS := $(addprefix tests/e2e/,test_deletion_proof.py test_guards.py test_plan.py test_resize.py test_runs.py test_status.py)
# On a test bed with caches, which the others need not be: those of every time, and those of the campaign.
WITH_CACHES := tests/e2e/test_node.py
CACHES_LONG := $(addprefix tests/e2e/,test_caches.py test_restore.py)
# On a test bed with clusters, which the others need not be: those of every time, and those of the campaign.
WITH_CLUSTERS := $(addprefix tests/e2e/,test_cluster_api_found.py test_cluster_chain.py test_clusters.py test_clusters_bed.py \
    test_deployment_status.py test_helm.py)
CLUSTERS_LONG := $(addprefix tests/e2e/,test_cluster_changes.py test_cluster_faults.py test_cluster_kill.py test_cluster_styles.py)

##@ Use it

.PHONY: demo
demo: ready ## provision environment dev on real programs, from nothing, and prove it
	@python -m tests.demo

.PHONY: up
up: ready ## start the test bed, or heal it; PNOW_TESTBED names another than "demo"
	@python -m tests.testbed up

.PHONY: down
down: ready ## stop the test bed and remove its state
	@python -m tests.testbed down

.PHONY: status
status: ready ## the programs of the test bed
	@python -m tests.testbed status

.PHONY: env
env: ready ## the test bed's variables for a shell: eval "$$(make -s env)"
	@python -m tests.testbed env

##@ Test it

.PHONY: test
test: ready ## every feature, once, on a test bed of its own: what .ci/run runs
	@python -m tests.gates

.PHONY: nightly
nightly: ready ## the long campaigns, one after the other: kills, thousand, matrix, verbs, caches, clusters, integration-oldest
	@python -m tests.gates.nightly

.PHONY: lint
lint: ready ## formatting, types, layers, Ansible's and YAML's rules, documentation, changelog
	ruff check --quiet .
	ruff format --quiet --check .
	mypy --python-version 3.11 --package ansible_collections.pnow.infra.plugins
	mypy tests/gates tests/perf tests/testbed tests/*.py tests/unit/conftest.py
	PYTHONPATH=.ansible/collections lint-imports
	yamllint --strict .
	ansible-lint
	antsibull-docs lint-collection-docs --plugin-docs .
	antsibull-changelog lint

.PHONY: unit
unit: ready ## unit tests: no network, no sleep
	pytest --numprocesses auto tests/unit --ignore tests/unit/compositions

.PHONY: compositions
compositions: ready ## composition tests, through the real renderer and the provider's own schemas
	@python -m tests.testbed build function-pythonic provider-sql provider-kubernetes
	pytest --numprocesses auto tests/unit/compositions

.PHONY: sanity
sanity: ready ## ansible-test sanity, on a copy
	$(ANSIBLE_TEST) sanity

.PHONY: integration
integration: ready ## integration targets, on test bed "test"; TARGET=name for one
	$(ON_BED) $(ANSIBLE_TEST) integration $(TARGET)

.PHONY: molecule
molecule: export MOLECULE_GLOB := molecule/*/molecule.yml
molecule: build ## the playbooks from nothing to nothing, on test bed "test": molecule's default scenario
	$(ON_BED) env MOLECULE_EPHEMERAL_DIRECTORY=$(CURDIR)/.ansible/molecule molecule test --no-command-borders

.PHONY: e2e
e2e: ready ## what playbooks and test beds survive, on test bed "test"
	$(ON_BED) pytest tests/e2e $(addprefix --ignore=,$(WITH_SERVERS) $(VERBS) $(WITH_CACHES) $(CACHES_LONG) $(WITH_CLUSTERS) $(CLUSTERS_LONG) $(LONG))

.PHONY: verbs
verbs: export PNOW_GATES_BED := verbs
verbs: ready ## plan, guards, Leases, proofs and status, as an operations team runs them, on test bed "verbs"
	$(ON_BED) pytest $(VERBS)

.PHONY: clusters
clusters: export PNOW_TESTBED_WITH := clusters
clusters: ready ## clusters of environments, and what stands in for KubeVirt, on test bed "clusters"
	$(ON_BED) pytest $(WITH_CLUSTERS)
	$(ON_BED) $(ANSIBLE_TEST) integration kubevirt_cluster

.PHONY: cluster-campaign
cluster-campaign: export PNOW_TESTBED_WITH := clusters
cluster-campaign: export PNOW_KILLS ?= 10
cluster-campaign: ready ## clusters through every change, fault and style, and kill -9 at ten moments per verb, on test bed "clusters"
	$(ON_BED) pytest --capture=no $(CLUSTERS_LONG)

.PHONY: caches
caches: export PNOW_TESTBED_WITH := caches
caches: ready ## pods that run: what the test bed's node does, on test bed "caches"
	$(ON_BED) pytest $(WITH_CACHES)

.PHONY: cache-campaign
cache-campaign: export PNOW_TESTBED_WITH := caches
cache-campaign: export PNOW_KILLS ?= 10
cache-campaign: ready ## backups that dump, caches through every change and fault, restores of databases, on test bed "caches"
	$(ON_BED) $(ANSIBLE_TEST) integration database_backup
	$(ON_BED) pytest --capture=no $(CACHES_LONG)

.PHONY: servers
servers: ready ## what registrations in Vault survive, on servers that the tests start for themselves
	$(ON_BED) pytest $(WITH_SERVERS)

.PHONY: kills
kills: export PNOW_KILLS ?= 20
kills: ready ## kill -9 of playbooks at 20 random moments per verb, five playbooks at a time
	$(ON_BED) pytest --capture=no tests/e2e/test_kill.py

.PHONY: thousand
thousand: ready ## a thousand claims take a page of memory
	$(ON_BED) pytest tests/e2e/test_thousand.py

.PHONY: matrix
matrix: ready ## an environment in each style of the platform API, on each version of Crossplane, on test bed "matrix"
	@python -m tests.gates.matrix

.PHONY: perf
perf: ready ## our modules beside kubectl, kubernetes.core and community.hashi_vault, as ratios; CONTEST=name for one
	$(ON_BED) python -m tests.perf $(CONTEST)

.PHONY: oldest
oldest: unit-oldest sanity-oldest integration-oldest ## the same for what is installed, on the oldest ansible-core and Python

.PHONY: unit-oldest
unit-oldest: ready $(OLDEST)
	$(OLDEST)/bin/python -m pytest --numprocesses auto tests/unit/plugins

.PHONY: sanity-oldest
sanity-oldest: ready $(OLDEST)
	$(ANSIBLE_TEST) --venv $(OLDEST) sanity plugins/

# Without vault_db_register, whose many kills and drifts take minutes and differ in nothing that ansible-core has a part in.
.PHONY: integration-oldest
integration-oldest: TARGET ?= manifests vault_object xrd_claim xrd_claim_info
integration-oldest: ready $(OLDEST)
	$(ON_BED) $(ANSIBLE_TEST) --venv $(OLDEST) integration $(TARGET)

.PHONY: build
build: ready ## the collection's tarball in dist/, tried in an empty place
	python -m tests.gates.package

##@ Keep it

.PHONY: venv
venv: ## the virtual environment .venv, as tests/requirements.txt says
	@tests/gates/venv.sh .venv tests/requirements.txt 3.14 3.13 3.12

.PHONY: $(OLDEST)
$(OLDEST):
	@tests/gates/venv.sh $(OLDEST) tests/requirements-2.19.txt 3.11

.PHONY: ready
ready: venv
	@python -m tests.gates.collections_path

.PHONY: clean
clean: ## remove what make has made here; test beds and the cache stay
	rm -rf .ansible .venv .venv.lock $(OLDEST) $(OLDEST).lock dist tests/output .mypy_cache .pytest_cache .ruff_cache .hypothesis

.PHONY: help
help: ## this list
	@awk -F ':.*## ' '/^##@/ { printf "\n%s\n", substr($$0, 5) } /^[a-z0-9-]+:.*## / { gsub(/\$$\$$/, "$$", $$2); printf "  %-14s %s\n", $$1, $$2 }' Makefile
