# SPDX-License-Identifier: GPL-3.0-or-later
"""provider-helm, which has no flags for what several beds on one machine must not share."""

from __future__ import annotations

import shutil
from pathlib import Path

import psutil

from tests.testbed.bed import Bed
from tests.testbed.readiness import NotReady, answers
from tests.testbed.supervise import Supervisor


def folder(bed: Bed) -> Path:
    """The folder that it runs in; below it, it keeps every chart that it has fetched."""
    return bed.state / "provider-helm"


def forget_charts(bed: Bed) -> None:
    """Have it fetch charts anew: it would take a chart of the same name and version for the same chart."""
    shutil.rmtree(folder(bed), ignore_errors=True)
    folder(bed).mkdir(mode=0o700, parents=True)


def serves(bed: Bed) -> None:
    """Raises NotReady unless it serves its metrics, at whichever port it listens."""
    try:
        connections = psutil.Process(Supervisor(bed).job("provider-helm").pid).net_connections("tcp")
    except psutil.Error as error:
        raise NotReady(f"provider-helm does not run: {error}") from error
    ports = [each.laddr.port for each in connections if each.status == psutil.CONN_LISTEN]
    if not ports:
        raise NotReady("provider-helm does not listen yet")
    answers(f"http://127.0.0.1:{ports[0]}", "/metrics")
