# SPDX-License-Identifier: GPL-3.0-or-later
"""What a kubelet tries on a container: a program, a request, a connection."""

from __future__ import annotations

import asyncio
import ssl
import tempfile
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

from tests.testbed.node import runtime
from tests.testbed.node.runtime import Execution, Lost

Object = Mapping[str, Any]
Execute = Callable[[list[str], int], Awaitable[Execution]]
"""Runs a program in the container, its output into a file."""

OUTPUT_BYTES = 10240


class Failed(Exception):
    """It did not work; the text is what a kubelet says."""


async def attempt(action: Object, pod_ip: str, ports: Mapping[str, int], machine: Path, execute: Execute) -> None:
    """Do what a probe or a hook says; raises Failed. `ports` are the container's, by name."""
    try:
        if "exec" in action:
            await _run(action["exec"]["command"], execute)
        elif "httpGet" in action:
            await _get(action["httpGet"], pod_ip, ports, machine)
        elif "tcpSocket" in action:
            host = action["tcpSocket"].get("host", pod_ip)
            _reader, writer = await runtime.dial(machine, host, _port(action["tcpSocket"]["port"], ports))
            writer.close()
        elif "sleep" in action:
            await asyncio.sleep(action["sleep"]["seconds"])
        else:
            raise Failed(f"this node can not try {', '.join(action)}")
    except (OSError, Lost, asyncio.IncompleteReadError) as error:
        raise Failed(str(error)) from error


async def _run(command: list[str], execute: Execute) -> None:
    with tempfile.TemporaryFile() as output:
        execution = await execute(command, output.fileno())
        try:
            status = await execution.status()
        except BaseException:
            await execution.kill()
            raise
        output.seek(0)
        said = output.read(OUTPUT_BYTES).decode(errors="replace").strip()
    if status:
        raise Failed(said or f"command exited with {status}")


async def _get(wanted: Object, pod_ip: str, ports: Mapping[str, int], machine: Path) -> None:
    host, port = wanted.get("host", pod_ip), _port(wanted["port"], ports)
    reader, writer = await runtime.dial(machine, host, port)
    try:
        if wanted.get("scheme") == "HTTPS":
            # A kubelet does not look whose certificate it is, either.
            context = ssl.create_default_context()
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            await writer.start_tls(context)
        headers = {"Host": f"{host}:{port}", "User-Agent": "kube-probe/1.36", "Connection": "close"}
        headers |= {each["name"]: each["value"] for each in wanted.get("httpHeaders", [])}
        lines = [f"GET {wanted.get('path', '/')} HTTP/1.1", *(f"{key}: {value}" for key, value in headers.items())]
        writer.write(("\r\n".join(lines) + "\r\n\r\n").encode())
        status = int((await reader.readuntil(b"\r\n")).split()[1])
    finally:
        writer.close()
    if not 200 <= status < 400:
        raise Failed(f"HTTP probe failed with statuscode: {status}")


def _port(port: int | str, ports: Mapping[str, int]) -> int:
    if isinstance(port, int):
        return port
    if port not in ports:
        raise Failed(f"couldn't find port: {port}")
    return ports[port]
