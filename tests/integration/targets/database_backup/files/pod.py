# SPDX-License-Identifier: GPL-3.0-or-later
"""`pod.py NAMESPACE CRONJOB FOLDER [SCRIPT]`: run what a CronJob would run, for want of nodes, as a process.

Command and environment are those of the live object, Secrets resolved as a kubelet does it, and FOLDER stands for the
volume that is mounted. SCRIPT takes the place of the shell's, as somebody would do who makes a job from the CronJob.

There is no image: the programs are those on PATH. User, limits and read-only root are the kubelet's to enforce, and are
not here.
"""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from typing import Any

Object = dict[str, Any]


def main() -> int:
    """Run the command; returns its exit status."""
    namespace, name, folder, *script = sys.argv[1:]
    job = get(namespace, "cronjob", name)
    (container,) = job["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"]
    (mount,) = container["volumeMounts"]
    words = [*container["command"][:-1], *script] if script else container["command"]
    command = [word.replace(mount["mountPath"], folder) for word in words]
    environment = {entry["name"]: value(namespace, entry) for entry in container["env"]}
    return subprocess.run(command, env={"PATH": os.environ["PATH"], **environment}, check=False).returncode


def value(namespace: str, entry: Object) -> str:
    """What a container would find in one of its environment variables."""
    if "valueFrom" not in entry:
        return str(entry["value"])
    reference = entry["valueFrom"]["secretKeyRef"]
    secret = get(namespace, "secret", reference["name"])
    return base64.b64decode(secret["data"][reference["key"]]).decode()


def get(namespace: str, kind: str, name: str) -> Object:
    """An object as kubectl sees it."""
    command = ["kubectl", "get", kind, name, "--namespace", namespace, "--output", "json"]
    found: Object = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
    return found


if __name__ == "__main__":
    sys.exit(main())
