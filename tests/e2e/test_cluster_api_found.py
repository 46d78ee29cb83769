# SPDX-License-Identifier: GPL-3.0-or-later
"""Role cluster_api, where Cluster API is there already: it needs a test bed with clusters (`up --with clusters`)."""

from __future__ import annotations

import re
import sys
from pathlib import Path

from tests.e2e.servers import ask

QUIETLY = (sys.executable, "-m", "tests.quiet")
PLAYBOOK = str(Path(__file__).with_name("cluster_api.yml"))


def test_what_is_there_is_left_alone() -> None:
    done = ask(*QUIETLY, "ansible-playbook", PLAYBOOK)
    assert re.search(r"changed=0 .*failed=0", done), done
