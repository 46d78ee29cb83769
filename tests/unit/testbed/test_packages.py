# SPDX-License-Identifier: GPL-3.0-or-later
"""Packages for Crossplane's cache: names, digests, and what is in the stream."""

from __future__ import annotations

import gzip
import hashlib
from pathlib import Path

import pytest
import yaml

from tests.testbed import packages
from tests.testbed.packages import PackageIdentity

PROVIDER = PackageIdentity("Provider", "provider-helm")
WEBHOOK = """\
---
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: objects.example.org}
spec:
  conversion:
    strategy: Webhook
    webhook: {conversionReviewVersions: [v1]}
  group: example.org
"""


@pytest.fixture
def package(tmp_path: Path) -> Path:
    (tmp_path / "crds").mkdir()
    (tmp_path / "crossplane.yaml").write_text("kind: Provider\n")
    (tmp_path / "crds" / "b.yaml").write_text("---\nkind: B")
    (tmp_path / "crds" / "a.yaml").write_text("kind: A\n")
    return tmp_path


@pytest.mark.parametrize(
    ("reference", "name"),
    [
        (
            f"xpkg.crossplane.io/crossplane-contrib/provider-helm@sha256:{'1' * 64}",
            "xpkg-crossplane-io-crossplane-contrib-provider-hel-sha256-11111.gz",
        ),
        (f"registry.example.org/a@sha256:{'ab' * 32}", "registry-example-org-a-sha256-ababa.gz"),
        (f"localhost:5000/My_Package@sha256:{'0' * 64}", "localhost-5000-yackage-sha256-00000.gz"),
    ],
)
def test_cache_file_name(reference: str, name: str) -> None:
    assert packages.cache_file_name(reference) == name


def test_the_stream_is_metadata_then_definitions_in_order(package: Path) -> None:
    assert packages.stream(package) == b"---\nkind: Provider\n---\nkind: A\n---\nkind: B\n"


def test_a_webhook_that_nobody_could_call_is_removed(package: Path) -> None:
    (package / "crds" / "a.yaml").write_text(WEBHOOK)
    definition = list(yaml.safe_load_all(packages.stream(package)))[1]

    assert definition["spec"] == {"conversion": {"strategy": "None"}, "group": "example.org"}


def test_the_reference_is_the_digest_of_the_content() -> None:
    digest = hashlib.sha256(b"content").hexdigest()
    assert (
        packages.reference(PROVIDER, b"content")
        == f"xpkg.crossplane.io/crossplane-contrib/provider-helm@sha256:{digest}"
    )


def test_the_stored_file_is_the_content_compressed(tmp_path: Path) -> None:
    stored = tmp_path / "xpkg" / "name.gz"
    packages.store(stored, b"content")
    assert list(stored.parent.iterdir()) == [stored]
    assert gzip.decompress(stored.read_bytes()) == b"content"


@pytest.mark.parametrize(
    ("image", "owned"),
    [
        ("xpkg.crossplane.io/crossplane-contrib/provider-helm@sha256:00", True),
        ("xpkg.crossplane.io/crossplane-contrib/provider-helm-more@sha256:00", False),
        ("elsewhere.example.org/crossplane-contrib/provider-helm@sha256:00", False),
    ],
)
def test_a_revision_belongs_to_the_package_of_its_source(image: str, owned: bool) -> None:
    assert PROVIDER.owns({"spec": {"image": image}}) is owned
