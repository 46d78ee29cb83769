# SPDX-License-Identifier: GPL-3.0-or-later
"""A Helm chart repository on loopback: `python -m tests.testbed.chart_repository --address HOST:PORT`.

Its charts are those in the folder `charts`, packed when it starts. Each is offered in the version of its Chart.yaml and
in those that its annotation `testbed/versions` names besides, so that there is something to upgrade to.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import io
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import yaml

FOLDER = Path(__file__).with_name("charts")
OTHER_VERSIONS = "testbed/versions"
# Of everything packed, so that the same chart is the same archive.
PACKED_AT = "2026-01-01T00:00:00Z"


@dataclass(frozen=True)
class Chart:
    """A chart in one version: what its Chart.yaml says, and its archive."""

    metadata: Mapping[str, Any]
    archive: bytes

    @property
    def file_name(self) -> str:
        return f"{self.metadata['name']}-{self.metadata['version']}.tgz"


def pack(folder: Path) -> list[Chart]:
    """The chart in `folder`, in each of its versions."""
    metadata = yaml.safe_load((folder / "Chart.yaml").read_text())
    others = metadata.get("annotations", {}).get(OTHER_VERSIONS, "").split()
    return [_pack(folder, {**metadata, "version": version}) for version in (metadata["version"], *others)]


def version(name: str) -> str:
    """The version of a chart that its Chart.yaml has."""
    found: str = yaml.safe_load((FOLDER / name / "Chart.yaml").read_text())["version"]
    return found


def index(charts: list[Chart]) -> dict[str, Any]:
    """What index.yaml says of the charts; where they are is relative to it."""
    entries: dict[str, list[dict[str, Any]]] = {}
    for chart in charts:
        entries.setdefault(chart.metadata["name"], []).append(
            {
                **chart.metadata,
                "created": PACKED_AT,
                "digest": hashlib.sha256(chart.archive).hexdigest(),
                "urls": [chart.file_name],
            }
        )
    return {"apiVersion": "v1", "generated": PACKED_AT, "entries": entries}


def files() -> dict[str, bytes]:
    """All that the repository serves, by its path."""
    charts = [chart for folder in sorted(FOLDER.iterdir()) for chart in pack(folder)]
    served = {f"/{chart.file_name}": chart.archive for chart in charts}
    return {**served, "/index.yaml": yaml.safe_dump(index(charts)).encode()}


def digest() -> str:
    """Changes with the charts, so that `up` replaces a repository that still serves the old ones."""
    return hashlib.sha256(files()["/index.yaml"]).hexdigest()


def _pack(folder: Path, metadata: Mapping[str, Any]) -> Chart:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for file in sorted(path for path in folder.rglob("*") if path.is_file()):
            name = file.relative_to(folder)
            content = yaml.safe_dump(dict(metadata)).encode() if str(name) == "Chart.yaml" else file.read_bytes()
            entry = tarfile.TarInfo(f"{metadata['name']}/{name}")
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return Chart(metadata, gzip.compress(packed.getvalue(), mtime=0))


def serve(address: str) -> None:
    """Serve until killed."""
    served = files()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            content = served.get(self.path)
            self.send_response(200 if content is not None else 404)
            self.send_header("Content-Length", str(len(content or b"")))
            self.end_headers()
            self.wfile.write(content or b"")

    host, port = address.split(":")
    ThreadingHTTPServer((host, int(port)), Handler).serve_forever()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Serves the test bed's charts.")
    parser.add_argument("--address", required=True, help="where, as HOST:PORT")
    serve(parser.parse_args().address)
