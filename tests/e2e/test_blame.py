# SPDX-License-Identifier: GPL-3.0-or-later
"""What a claim waits for and what keeps it, said down to the real object, the package or the Usage that is to blame."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.e2e import tasks
from tests.e2e.servers import CLAIMS, ask, bed, bootstrap
from tests.testbed.readiness import NotReady, wait_until

NAMESPACE = "blame"
PLATFORM = "crossplane-system"
API_VERSION = "database.yourdomain.com/v1alpha1"
KIND = "PostgreSQLInstance"
PATIENCE = 60

Manifest = dict[str, Any]


def kubectl(*arguments: str, manifest: Manifest | None = None) -> str:
    return ask("kubectl", *arguments, given=json.dumps(manifest) if manifest else "")


def get(*arguments: str) -> Manifest:
    found: Manifest = json.loads(kubectl("get", *arguments, "--output", "json"))
    return found


def eventually(holds: Callable[[], bool]) -> None:
    """Waits until it holds. Raises NotReady when it does not come about."""

    def attempt() -> None:
        if not holds():
            raise NotReady("it never came about")

    wait_until(attempt, PATIENCE)


def claim(environment: str, **parameters: Any) -> Manifest:
    ordered = {"environment": environment, "enableBackup": True, "vaultPath": f"secret/database/{environment}"}
    return {
        "api_version": API_VERSION,
        "kind": KIND,
        "name": f"{environment}-database",
        "namespace": NAMESPACE,
        "parameters": {**ordered, **parameters},
    }


def bring(state: str, *claims: Manifest, wait_timeout: str = "2m", **options: Any) -> tasks.Result:
    return tasks.run("xrd_claim", state=state, claims=list(claims), wait_timeout=wait_timeout, **options)


@pytest.fixture(scope="module", autouse=True)
def namespace() -> Iterator[None]:
    bootstrap()
    kubectl("create", "namespace", NAMESPACE)
    yield
    kubectl("delete", "namespace", NAMESPACE)


@pytest.fixture(scope="module")
def ordered() -> Iterator[Manifest]:
    """A claim that is ready."""
    made = claim("pr-9301")
    result = bring("present", made)
    assert not result.get("failed"), result
    yield made
    assert not bring("absent", made).get("failed")
    kubectl("delete", "persistentvolumeclaim", "--namespace", PLATFORM, "pr-9301-backup")


# Usages


def usage_of_claim(made: Manifest) -> tuple[Manifest, str]:
    """A Usage in the claim's namespace, and how it is called to a person."""
    of = {"apiVersion": API_VERSION, "kind": KIND, "resourceRef": {"name": made["name"]}}
    manifest = {
        "apiVersion": "protection.crossplane.io/v1beta1",
        "kind": "Usage",
        "metadata": {"name": "keep", "namespace": NAMESPACE},
        "spec": {"of": of, "reason": "audited until May"},
    }
    return manifest, f"Usage {NAMESPACE}/keep"


def usage_of_composite(made: Manifest) -> tuple[Manifest, str]:
    """A ClusterUsage of what is behind the claim."""
    reference = get(CLAIMS, "--namespace", NAMESPACE, made["name"])["spec"]["resourceRef"]
    of = {"apiVersion": API_VERSION, "kind": reference["kind"], "resourceRef": {"name": reference["name"]}}
    manifest = {
        "apiVersion": "protection.crossplane.io/v1beta1",
        "kind": "ClusterUsage",
        "metadata": {"name": "keep"},
        "spec": {"of": of, "reason": "audited until May"},
    }
    return manifest, "ClusterUsage keep"


def usage_of_crossplane_1(made: Manifest) -> tuple[Manifest, str]:
    """The same in Crossplane 1, whose kind Crossplane 2 still knows."""
    manifest, _called = usage_of_composite(made)
    return {**manifest, "apiVersion": "apiextensions.crossplane.io/v1beta1", "kind": "Usage"}, "Usage keep"


def deletion_attempts(made: Manifest) -> list[bool]:
    """Whether somebody has tried to delete a claim or its composite, which Crossplane may do then once it can."""
    live = get(CLAIMS, "--namespace", NAMESPACE, made["name"])
    composite = get(f"x{CLAIMS}", live["spec"]["resourceRef"]["name"])
    for kept in (live, composite):
        assert "deletionTimestamp" not in kept["metadata"]
    return ["deletion-attempt" in str(kept["metadata"].get("annotations")) for kept in (live, composite)]


@pytest.mark.parametrize("usage_of", [usage_of_claim, usage_of_composite, usage_of_crossplane_1])
def test_what_is_in_use_is_not_deleted(ordered: Manifest, usage_of: Callable[[Manifest], tuple[Manifest, str]]) -> None:
    usage, called = usage_of(ordered)
    used = usage["spec"]["of"]
    place = [f"{used['kind']}.v1alpha1.database.yourdomain.com", used["resourceRef"]["name"], "--namespace", NAMESPACE]
    attempts = deletion_attempts(ordered)
    kubectl("apply", "--filename", "-", manifest=usage)
    try:
        eventually(lambda: "crossplane.io/in-use" in get(*place)["metadata"].get("labels", {}))
        for check_mode in (True, False):
            result = bring("absent", ordered, _ansible_check_mode=check_mode)
            assert result["failed"]
            assert "audited until May" in result["msg"]
            assert f"nothing was deleted; remove {called} first" in result["msg"]
        assert deletion_attempts(ordered) == attempts
        with pytest.raises(subprocess.CalledProcessError):
            kubectl("delete", *place)
    finally:
        kubectl("delete", "--filename", "-", manifest=usage)
    eventually(lambda: "crossplane.io/in-use" not in get(*place)["metadata"].get("labels", {}))


# Real objects


def test_a_real_object_that_is_held_holds_the_deletion(ordered: Manifest) -> None:
    job = ["cronjob", "pr-9301-backup", "--namespace", PLATFORM, "--type", "merge", "--patch"]
    kubectl("patch", *job, json.dumps({"metadata": {"finalizers": ["example.org/hold"]}}))
    try:
        result = bring("absent", ordered, wait_timeout="12s")
        assert "CronJob crossplane-system/pr-9301-backup Deleting=True, held by example.org/hold" in result["msg"]
        assert (result["leftovers"][0]["kind"], result["leftovers"][0]["finalizers"]) == (
            "CronJob",
            ["example.org/hold"],
        )
        assert "Object" in [item["kind"] for item in result["leftovers"]]
    finally:
        kubectl("patch", *job, json.dumps({"metadata": {"finalizers": None}}))


@pytest.fixture
def no_volumes() -> Iterator[Callable[[], None]]:
    """The API server refuses volumes of one environment, until the test allows them."""
    policy = {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingAdmissionPolicy",
        "metadata": {"name": "blame-no-volumes"},
        "spec": {
            "matchConstraints": {
                "resourceRules": [
                    {
                        "apiGroups": [""],
                        "apiVersions": ["v1"],
                        "operations": ["CREATE"],
                        "resources": ["persistentvolumeclaims"],
                    }
                ]
            },
            "validations": [{"expression": "object.metadata.name != 'pr-9302-backup'", "message": "not on a Sunday"}],
        },
    }
    binding = {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingAdmissionPolicyBinding",
        "metadata": {"name": "blame-no-volumes"},
        "spec": {"policyName": "blame-no-volumes", "validationActions": ["Deny"]},
    }
    both = {"apiVersion": "v1", "kind": "List", "items": [policy, binding]}

    def allow() -> None:
        kubectl("delete", "--ignore-not-found", "--filename", "-", manifest=both)

    kubectl("apply", "--filename", "-", manifest=both)
    eventually(_volumes_are_refused)
    yield allow
    allow()


def _volumes_are_refused() -> bool:
    spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
    metadata = {"name": "pr-9302-backup", "namespace": PLATFORM}
    volume = {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": metadata, "spec": spec}
    try:
        kubectl("create", "--dry-run=server", "--filename", "-", manifest=volume)
    except subprocess.CalledProcessError:
        return True
    return False


def test_an_object_that_the_api_server_refuses(no_volumes: Callable[[], None]) -> None:
    wanted = claim("pr-9302")
    try:
        result = bring("present", wanted, wait_timeout="12s")
        assert "Object pr-9302-backup-volume Synced=False ReconcileError" in result["msg"]
        assert "not on a Sunday" in result["msg"]
        missing = [item["name"] for item in result["blockers"] if item["condition"] == "Exists=False"]
        assert missing == ["pr-9302-backup"]
        no_volumes()
        assert not bring("present", wanted).get("failed")
    finally:
        assert not bring("absent", wanted).get("failed")
        kubectl("delete", "persistentvolumeclaim", "--namespace", PLATFORM, "pr-9302-backup", "--ignore-not-found")


# Packages


@pytest.fixture
def broken_package() -> Iterator[None]:
    """A package of which there is no image."""
    package = {
        "apiVersion": "pkg.crossplane.io/v1",
        "kind": "Provider",
        "metadata": {"name": "provider-nowhere"},
        "spec": {"package": "registry.invalid/provider-nowhere:v1"},
    }
    kubectl("apply", "--filename", "-", manifest=package)
    eventually(lambda: health("provider-nowhere", "Installed") == "False")
    yield
    kubectl("delete", "--filename", "-", manifest=package)


@pytest.fixture
def stopped_provider() -> Iterator[None]:
    bed("stop", "provider-sql")
    eventually(lambda: health("provider-sql", "Healthy") == "False")
    yield
    bed("start", "provider-sql")
    eventually(lambda: health("provider-sql", "Healthy") == "True")


def health(provider: str, condition: str) -> str:
    path = f'{{.status.conditions[?(@.type=="{condition}")].status}}'
    return kubectl("get", "providers.pkg.crossplane.io", provider, "--output", f"jsonpath={path}")


@pytest.mark.usefixtures("broken_package")
def test_packages_that_do_not_work_are_named(request: pytest.FixtureRequest) -> None:
    wanted = claim("pr-9303", enableBackup=False)
    try:
        request.getfixturevalue("stopped_provider")
        result = bring("present", wanted, wait_timeout="8s")
        assert "Provider provider-sql Healthy=False UnhealthyPackageRevision" in result["msg"]
        told = {item["name"]: item for item in result["blockers"] if item["kind"] == "Provider"}
        assert told["provider-nowhere"]["condition"] == "Installed=False"
        assert "registry.invalid" in told["provider-nowhere"]["message"]
        assert "is not running" in told["provider-sql"]["message"]
        bed("start", "provider-sql")
        assert not bring("present", wanted).get("failed")
    finally:
        assert not bring("absent", wanted).get("failed")
