# SPDX-License-Identifier: GPL-3.0-or-later
"""Unit tests reach no network and never sleep; this is where that is enforced.

Python's audit events see every way to do either, whoever calls. Loopback stays open: a scripted server is a real one.
"""

from __future__ import annotations

import ipaddress
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import settings

# How long an example takes says more of the machine than of the code.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")

LOOPBACK_NAMES = {"localhost", "", None}
# Waiting for a child with a timeout is a polling loop of the standard library's.
MAY_SLEEP = {"subprocess"}


@dataclass
class Watch:
    """What the test that runs now has tried; a hook cannot be taken away again, so it is switched."""

    on: bool = False
    offences: list[str] = field(default_factory=list)


WATCH = Watch()


class Forbidden(AssertionError):
    """A unit test did what only a test on the test bed may do."""


def _is_local(address: object) -> bool:
    if not isinstance(address, tuple):
        return True  # a path: AF_UNIX
    host = address[0]
    if host in LOOPBACK_NAMES:
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _offence(event: str, arguments: tuple[Any, ...]) -> str | None:
    if event in {"socket.connect", "socket.sendto"} and not _is_local(arguments[1]):
        return f"a unit test reached for the network: {arguments[1]}"
    if event == "socket.getaddrinfo" and not _is_local((arguments[0],)):
        return f"a unit test looked up the name {arguments[0]}"
    if event == "time.sleep" and sys._getframe(2).f_globals.get("__name__") not in MAY_SLEEP:
        return f"a unit test slept {arguments[0]} s: inject the clock"
    return None


def _audit(event: str, arguments: tuple[Any, ...]) -> None:
    if WATCH.on and (offence := _offence(event, arguments)):
        WATCH.offences.append(offence)
        raise Forbidden(offence)


sys.addaudithook(_audit)


@pytest.fixture(autouse=True)
def _no_network_no_sleep() -> Iterator[None]:
    """Also fails a test whose code swallowed the refusal."""
    WATCH.offences.clear()
    WATCH.on = True
    yield
    WATCH.on = False
    assert not WATCH.offences, WATCH.offences[0]
