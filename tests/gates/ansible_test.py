# SPDX-License-Identifier: GPL-3.0-or-later
"""Run ansible-test on a copy of the checkout: `python -m tests.gates.ansible_test [--venv FOLDER] COMMAND [OPTION...]`.

It insists on a real path `ansible_collections/pnow/infra`, and a copy costs a second. Its downloads and
virtual environments go to its HOME; that is a folder of the project's cache here, never the user's own.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.gates.collections_path import copy_checkout
from tests.gates.paths import ANSIBLE, CHECKOUT
from tests.gates.steps import entry, run
from tests.testbed.bed import cache_folder

# ansible-test would download get-pip.py from a host of its own. pip comes with every Python, so this does the same.
GET_PIP = """\
import subprocess, sys
subprocess.check_call([sys.executable, "-m", "ensurepip"], stdout=subprocess.DEVNULL)
wanted = [argument for argument in sys.argv[1:] if argument not in ("--no-setuptools", "--no-wheel")]
sys.exit(subprocess.call([sys.executable, "-m", "pip", "install", "--quiet", *wanted]))
"""
FIND_PIP_VERSION = """\
import sys, types
from ansible_test._internal.python_requirements import get_venv_packages
print(get_venv_packages(types.SimpleNamespace(version="%d.%d" % sys.version_info[:2]))["pip"])
"""
FIND_PYTHON_VERSION = "import sys; print('%d.%d' % sys.version_info[:2])"

# The variables of a test bed that integration targets may read; see integration_config.yml in docs/testing.md.
TESTBED_VARIABLES = ("KUBECONFIG", "VAULT_ADDR", "VAULT_TOKEN", "PNOW_TESTBED_STATE", "PNOW_TESTBED_VARS", "PATH")


def main() -> int:
    """Run ansible-test as the command line says; returns its exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.gates.ansible_test", description=__doc__)
    parser.add_argument("--venv", default=".venv", help="virtual environment with the ansible-core to use")
    parser.add_argument("command", choices=["sanity", "integration"])
    parser.add_argument("arguments", nargs=argparse.REMAINDER, help="passed on, for example a target's name")
    options = parser.parse_args()

    # A copy of its own: nobody else's run may take it away.
    with tempfile.TemporaryDirectory(dir=ANSIBLE, prefix="ansible-test-") as folder:
        return _run(CHECKOUT / options.venv, copy_checkout(Path(folder)), options.command, options.arguments)


def _run(venv: Path, copy: Path, verb: str, arguments: Sequence[str]) -> int:
    # It asks the innermost git repository for its files: the checkout's would answer that all of these are ignored.
    subprocess.run(["git", "init", "--quiet", "--template=", str(copy)], check=True)
    if verb == "integration":
        _write_integration_config(copy, os.environ)
    python = _ask(venv, FIND_PYTHON_VERSION)
    environment = {**os.environ, "HOME": str(_home(venv)), "PATH": f"{venv / 'bin'}:{os.environ['PATH']}"}
    environment.pop("ANSIBLE_CONFIG", None)  # ansible-test writes one of its own
    command = [str(venv / "bin" / "ansible-test"), verb, "--color", "no", "--python", python, *arguments]
    return run(command, environment, folder=copy)


def _ask(venv: Path, program: str) -> str:
    answer = subprocess.run([venv / "bin" / "python", "-c", program], check=True, stdout=subprocess.PIPE, text=True)
    return answer.stdout.strip()


def _home(venv: Path) -> Path:
    home = cache_folder() / "ansible-test"
    version = _ask(venv, FIND_PIP_VERSION).replace(".", "_")
    _write(home / ".ansible" / "test" / "cache" / f"get_pip_{version}.py", GET_PIP)
    if certificate := os.environ.get("PIP_CERT"):  # ansible-test hides the variable from the pip it runs
        _write(home / ".config" / "pip" / "pip.conf", f"[global]\ncert = {certificate}\n")
    return home


def _write_integration_config(copy: Path, environment: Mapping[str, str]) -> None:
    bed = {name: value for name, value in environment.items() if name in TESTBED_VARIABLES or name.startswith("PG")}
    # JSON is YAML, and quotes every value the way Ansible reads it back.
    _write(copy / "tests" / "integration" / "integration_config.yml", json.dumps({"testbed": bed}, indent=2))


def _write(path: Path, content: str) -> None:
    if path.is_file() and path.read_text() == content:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    with open(path, "w", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
        file.write(content)


if __name__ == "__main__":
    entry(main)
