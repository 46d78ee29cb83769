# SPDX-License-Identifier: GPL-3.0-or-later
"""The chart repository: what it packs, what its index says, and that the same charts are the same bytes."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from pathlib import Path

import pytest
import yaml

from tests.testbed import chart_repository
from tests.testbed.chart_repository import FOLDER, Chart, index, pack

CHART = """\
apiVersion: v2
name: example
version: 2.0.0
annotations: {testbed/versions: 1.9.0 1.8.0}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "templates").mkdir()
    (tmp_path / "Chart.yaml").write_text(CHART)
    (tmp_path / "templates" / "config.yaml").write_text("kind: ConfigMap\n")
    return tmp_path


def contents(chart: Chart) -> dict[str, bytes]:
    with tarfile.open(fileobj=io.BytesIO(chart.archive)) as archive:
        files = {entry.name: archive.extractfile(entry) for entry in archive}
        return {name: file.read() for name, file in files.items() if file}


def test_a_chart_is_packed_in_each_of_its_versions(folder: Path) -> None:
    charts = pack(folder)
    assert [chart.file_name for chart in charts] == ["example-2.0.0.tgz", "example-1.9.0.tgz", "example-1.8.0.tgz"]
    for chart in charts:
        files = contents(chart)
        assert files.keys() == {"example/Chart.yaml", "example/templates/config.yaml"}
        assert yaml.safe_load(files["example/Chart.yaml"])["version"] == chart.metadata["version"]


def test_the_index_names_each_archive_and_its_digest(folder: Path) -> None:
    charts = pack(folder)
    entries = index(charts)["entries"]["example"]
    assert [(each["version"], each["urls"]) for each in entries] == [
        (chart.metadata["version"], [chart.file_name]) for chart in charts
    ]
    assert [each["digest"] for each in entries] == [hashlib.sha256(chart.archive).hexdigest() for chart in charts]


def test_the_same_chart_is_the_same_archive(folder: Path) -> None:
    before = pack(folder)
    (folder / "templates" / "config.yaml").touch()
    assert pack(folder) == before


def test_whatever_is_in_the_index_is_served() -> None:
    files = chart_repository.files()
    entries = yaml.safe_load(files["/index.yaml"])["entries"]
    assert entries.keys() == {"cilium", "kube-ovn", "redis", "tigera-operator", "valkey"}
    assert files.keys() - {"/index.yaml"} == {
        f"/{url}" for versions in entries.values() for each in versions for url in each["urls"]
    }


@pytest.mark.parametrize("chart", sorted(FOLDER.iterdir()), ids=lambda chart: chart.name)
def test_a_chart_refuses_values_that_upstream_would_not_see(chart: Path) -> None:
    """Helm does not: it passes on whatever is misspelt. So each of ours has a schema that knows all its values."""
    schema = json.loads((chart / "values.schema.json").read_text())
    values = yaml.safe_load((chart / "values.yaml").read_text())
    assert schema["additionalProperties"] is False
    assert values.keys() <= schema["properties"].keys()
