# SPDX-License-Identifier: GPL-3.0-or-later
"""Choosing ports: remembered ones stay, new ones are free, nobody's, and different."""

from __future__ import annotations

import socket

from tests.testbed import ports


def test_new_ports_are_free_and_different() -> None:
    assigned = ports.assign([f"port-{number}" for number in range(50)], {}, (), free=lambda port: port % 2 == 0)

    assert len(set(assigned.values())) == 50
    assert all(port in ports.CANDIDATES and port % 2 == 0 for port in assigned.values())


def test_remembered_ports_stay_even_while_their_program_listens() -> None:
    assert ports.assign(["a"], {"a": 20001, "gone": 20002}, (), free=lambda _: False) == {"a": 20001}


def test_reserved_and_remembered_ports_are_not_given_away() -> None:
    left = {20000, 20001, 20002}
    assigned = ports.assign(["a", "b"], {"b": 20000}, {20001}, free=lambda port: port in left)

    assert assigned == {"a": 20002, "b": 20000}


def test_a_port_somebody_listens_on_is_not_free() -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        assert not ports.is_free(listener.getsockname()[1])
