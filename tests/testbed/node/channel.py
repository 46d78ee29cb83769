# SPDX-License-Identifier: GPL-3.0-or-later
"""Requests between processes of the node: a JSON object and open files each way, over a socket in a folder.

Standard library only. The socket keeps messages apart; its path is taken by the folder's descriptor, for it may be
longer than the hundred bytes that an address of a socket has.
"""

from __future__ import annotations

import json
import os
import select
import signal
import socket
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

MESSAGE_BYTES = 1 << 20
FILES = 64
BACKLOG = 64
NAME = "socket"

Message = dict[str, Any]


Handler = Callable[[socket.socket, Message, list[int]], bool]
"""Does what a request asks for; says whether its connection stays open."""


class Closed(Exception):
    """The other end is gone."""


def listen(folder: Path) -> socket.socket:
    """Take requests at this folder; what somebody before us has left there is removed."""
    (folder / NAME).unlink(missing_ok=True)
    server = _socket()
    with _address(folder) as address:
        server.bind(address)
    server.listen(BACKLOG)
    return server


def connect(folder: Path) -> socket.socket:
    """Reach whoever takes requests at this folder; raises OSError if nobody does."""
    client = _socket()
    try:
        with _address(folder) as address:
            client.connect(address)
    except OSError:
        client.close()
        raise
    return client


def send(connection: socket.socket, message: Message, files: Sequence[int] = ()) -> None:
    """Send a message, and open files with it."""
    socket.send_fds(connection, [json.dumps(message).encode()], files)


def receive(connection: socket.socket) -> tuple[Message, list[int]]:
    """The next message and its files; raises Closed at the end."""
    data, files, _flags, _address = socket.recv_fds(connection, MESSAGE_BYTES, FILES)
    if not data:
        raise Closed
    for file in files:
        os.set_inheritable(file, False)
    return decode(data), files


def decode(data: bytes) -> Message:
    """The message in what was received."""
    message: Message = json.loads(data)
    return message


def ask(folder: Path, request: Message, files: Sequence[int] = ()) -> tuple[Message, list[int]]:
    """What is answered to one request; raises Closed or OSError if nothing is."""
    with connect(folder) as connection:
        send(connection, request, files)
        return receive(connection)


def serve(
    folder: Path, known: Mapping[str, Handler], ended: Callable[[int, int], None], started: Callable[[], None]
) -> NoReturn:
    """Do what is asked for at this folder, by the name in `do`, one after the other.

    `ended` is told of processes that were ours: pid and status, as a shell has it. `started` is called once.
    """
    server = listen(folder)
    woken, wakes = os.pipe()
    os.set_blocking(wakes, False)
    signal.set_wakeup_fd(wakes, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    started()
    while True:
        ready, _writable, _exceptional = select.select([server.fileno(), woken], [], [])
        if woken in ready:
            os.read(woken, 4096)
            _reap(ended)
        if server.fileno() in ready:
            _take(server, known)


def _reap(ended: Callable[[int, int], None]) -> None:
    while True:
        try:
            pid, result = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if not pid:
            return
        status = os.waitstatus_to_exitcode(result)
        ended(pid, 128 - status if status < 0 else status)


def _take(server: socket.socket, known: Mapping[str, Handler]) -> None:
    connection, _address = server.accept()
    keep, files = False, list[int]()
    try:
        request, files = receive(connection)
        keep = known[request["do"]](connection, request, files)
    except (Closed, OSError):
        # Whoever has asked is gone.
        pass
    finally:
        for file in files:
            os.close(file)
        if not keep:
            connection.close()


def _socket() -> socket.socket:
    created = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    created.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, MESSAGE_BYTES)
    return created


@contextmanager
def _address(folder: Path) -> Iterator[str]:
    descriptor = os.open(folder, os.O_PATH | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{descriptor}/{NAME}"
    finally:
        os.close(descriptor)
