# SPDX-License-Identifier: GPL-3.0-or-later
"""The processes of one VM: started again when they end, as a kubelet does with static pods, and gone when we are."""

from __future__ import annotations

import asyncio
import ctypes
import signal
from collections.abc import Sequence
from pathlib import Path

RESTART_SECONDS = 1.0
PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None)


class Processes:
    """The processes of a VM that runs; their output is in `logs`, in files that begin with `prefix`."""

    def __init__(self, logs: Path, prefix: str) -> None:
        self._logs = logs
        self._prefix = prefix
        self._tasks: list[asyncio.Task[None]] = []

    def start(self, name: str, command: Sequence[str]) -> None:
        """Run `command` until `stop`."""
        self._tasks.append(asyncio.create_task(self._supervise(name, command)))

    async def stop(self) -> None:
        """As when the power is cut."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks.clear()

    async def _supervise(self, name: str, command: Sequence[str]) -> None:
        while True:
            with (self._logs / f"{self._prefix}.{name}.log").open("ab") as log:
                process = await asyncio.create_subprocess_exec(
                    *command, stdin=asyncio.subprocess.DEVNULL, stdout=log, stderr=log, preexec_fn=_die_with_us
                )
            try:
                await process.wait()
            finally:
                if process.returncode is None:
                    process.kill()
                    await process.wait()
            await asyncio.sleep(RESTART_SECONDS)


def _die_with_us() -> None:
    _LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
