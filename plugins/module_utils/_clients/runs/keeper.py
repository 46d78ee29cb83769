# Copyright: (c) 2026, pnow.infra contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The process that keeps the Lease of a run: a child of nobody, which lives for as long as the run's ansible-playbook.

Tasks are processes of ansible-playbook's, a new one each, so none of them could renew anything while others run. They
reach this one through a socket in a folder that ansible-playbook has to itself.
"""

from __future__ import annotations

import json
import os
import selectors
import shutil
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NoReturn

from ..._domain.errors import InvalidOption
from ..._domain.ports import Clock
from ..._domain.runs.ports import Keeper, Message

SOCKET = "keeper"
# Once ansible-playbook is gone, tasks of it may be in the middle of a request, which is bounded by less than this.
GRACE = 60.0
# Where the end of a process can not be waited for, this often it is looked for.
GLANCE = 1.0


class Parent:
    """The ansible-playbook that this process, a task of it, belongs to."""

    def __init__(self) -> None:
        self.pid = os.getppid()
        # Linux has it: it becomes readable when the process ends. A number alone may be another process's by then.
        self.descriptor = os.pidfd_open(self.pid) if hasattr(os, "pidfd_open") else None

    def is_ours(self) -> bool:
        """Whether it still is the parent of this task; a task that is left behind gets another one."""
        return os.getppid() == self.pid

    def exists(self) -> bool:
        """For where there is no descriptor."""
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return False
        return True


def listen(folder: Path) -> socket.socket:
    """A socket in a new folder. Raises InvalidOption when there is one, or none can be made."""
    try:
        folder.mkdir(mode=0o700)
        listener = socket.socket(socket.AF_UNIX)
        with inside(folder):
            listener.bind(SOCKET)
        listener.listen()
    except FileExistsError:
        raise InvalidOption(
            "a run was started already in this ansible-playbook, and not finished",
            next_step="finish it first, or start the other one in an ansible-playbook of its own",
        ) from None
    except OSError as error:
        raise InvalidOption(
            f"{folder} can not be made for the run's files: {error.strerror}",
            next_step="set ANSIBLE_HOME, or ANSIBLE_LOCAL_TEMP, to a folder that can be written to",
        ) from error
    return listener


@contextmanager
def inside(folder: Path) -> Iterator[None]:
    """The folder as the current one, because the path of a socket may have some hundred characters only."""
    before = os.open(".", os.O_RDONLY)
    try:
        os.chdir(folder)
        yield
    finally:
        os.fchdir(before)
        os.close(before)


def spawn(listener: socket.socket, parent: Parent, work: Callable[[], None]) -> None:
    """Does the work in a process that has nothing of this one but the socket and what it has in memory.

    No signal to this process, its group or its session reaches it.
    """
    child = os.fork()
    if child:
        os.waitpid(child, 0)
        listener.close()
        if parent.descriptor is not None:
            os.close(parent.descriptor)
        return
    _detached(listener, parent, work)


def _detached(listener: socket.socket, parent: Parent, work: Callable[[], None]) -> NoReturn:
    # Whatever happens, this process is not one of Ansible's and must never go on as one.
    try:
        os.setsid()
        if os.fork() == 0:
            for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
                signal.signal(number, signal.SIG_IGN)
            _let_go({listener.fileno(), parent.descriptor})
            os.chdir("/")
            work()
    finally:
        os._exit(0)


def _let_go(kept: set[int | None]) -> None:
    """Holds nothing open that ansible-playbook has, so that whoever reads its output sees its end.

    Each number is kept, on nothing: an object that has it in memory may yet close it.
    """
    nothing = os.open(os.devnull, os.O_RDWR)
    for number in [int(entry.name) for entry in Path("/dev/fd").iterdir()]:
        with suppress(OSError):
            if number not in kept and number != nothing:
                os.fstat(number)
                os.dup2(nothing, number)


class Serving:
    """Answers tasks until the run is finished, or its ansible-playbook and all tasks of it are gone.

    One message, or one renewal, at a time. ``folder`` is that of the socket.
    """

    def __init__(
        self, listener: socket.socket, parent: Parent, keeper: Keeper, clock: Clock, *, folder: Path, private: Path
    ) -> None:
        self._listener = listener
        self._parent = parent
        self._keeper = keeper
        self._clock = clock
        self._folder = folder
        self._private = private
        self._selector = selectors.DefaultSelector()
        self._selector.register(listener, selectors.EVENT_READ)
        if parent.descriptor is not None:
            self._selector.register(parent.descriptor, selectors.EVENT_READ)
        self._tasks: dict[socket.socket, _Task] = {}
        self._ends: float | None = None

    def run(self) -> None:
        """Until there is nothing more to keep."""
        while not self._keeper.finished:
            for key, _events in self._selector.select(self._pause()):
                if key.fileobj is self._listener:
                    self._admit()
                elif isinstance(key.fileobj, socket.socket):
                    self._hear(key.fileobj)
                else:
                    self._orphan()
            if self._parent.descriptor is None and self._ends is None and not self._parent.exists():
                self._orphan()
            if self._keeper.pause() == 0:
                self._keeper.renew()
            if self._ends is not None and (not self._tasks or self._clock.monotonic() >= self._ends):
                self._keeper.close()
                break
        shutil.rmtree(self._folder, ignore_errors=True)
        if self._ends is not None:
            # An ansible-playbook that ends as it wants to removes it; one that was killed leaves it behind.
            shutil.rmtree(self._private, ignore_errors=True)

    def _pause(self) -> float | None:
        pauses = [self._keeper.pause()]
        pauses.append(GLANCE if self._parent.descriptor is None else None)
        pauses.append(None if self._ends is None else max(0.0, self._ends - self._clock.monotonic()))
        return min((pause for pause in pauses if pause is not None), default=None)

    def _admit(self) -> None:
        connection, _address = self._listener.accept()
        self._tasks[connection] = _Task()
        self._selector.register(connection, selectors.EVENT_READ)

    def _hear(self, connection: socket.socket) -> None:
        task = self._tasks[connection]
        try:
            received = connection.recv(1 << 16)
            for message in task.messages(received):
                answer = self._keeper.answer(message)
                if self._keeper.finished:  # when it hears so, the task may begin another run
                    shutil.rmtree(self._folder, ignore_errors=True)
                connection.sendall(f"{json.dumps(answer)}\n".encode())
        except OSError:
            received = b""
        if not received:
            self._selector.unregister(connection)
            connection.close()
            del self._tasks[connection]
            if task.last is not None:
                self._keeper.left(task.last)

    def _orphan(self) -> None:
        if self._parent.descriptor is not None:
            self._selector.unregister(self._parent.descriptor)
        self._ends = self._clock.monotonic() + GRACE
        self._keeper.orphaned()


class _Task:
    """What a task has said so far."""

    def __init__(self) -> None:
        self.last: Message | None = None
        self._rest = b""

    def messages(self, received: bytes) -> Iterator[Message]:
        *lines, self._rest = (self._rest + received).split(b"\n")
        for line in lines:
            self.last = json.loads(line)
            yield self.last
