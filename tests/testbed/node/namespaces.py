# SPDX-License-Identifier: GPL-3.0-or-later
"""Namespaces of Linux, as any user may have them where the machine allows it. Standard library only."""

from __future__ import annotations

import ctypes
import os
import signal
from pathlib import Path

MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_REMOUNT = 1, 2, 4, 8, 32
MS_BIND, MS_REC, MS_PRIVATE = 4096, 16384, 1 << 18
MNT_DETACH = 2
PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_SET_NO_NEW_PRIVS = 1, 4, 38
# What a mount that the machine has locked must keep when it is mounted again.
KEPT = MS_NOSUID | MS_NODEV | MS_NOEXEC | os.ST_NOATIME | os.ST_NODIRATIME
# There is no function for it in any library.
PIVOT_ROOT = {"x86_64": 155, "aarch64": 41}

_libc = ctypes.CDLL(None, use_errno=True)


def mount(source: str, target: str, kind: str = "", flags: int = 0, data: str = "") -> None:
    """Mount; raises OSError, which names the target."""
    words = [word.encode() for word in (source, target, kind)]
    _check(_libc.mount(*words, ctypes.c_ulong(flags), data.encode() or None), target)


def bind(source: str, target: str, *, readonly: bool = False) -> None:
    """Have `target` show what is at `source`, with all that is mounted below it."""
    mount(source, target, flags=MS_BIND | MS_REC)
    if readonly:
        mount("", target, flags=MS_BIND | MS_REMOUNT | MS_RDONLY | os.statvfs(target).f_flag & KEPT)


def enter_root(folder: str) -> None:
    """Make `folder`, where something is mounted, the root; whatever was outside of it is gone."""
    os.chdir(folder)
    _check(_libc.syscall(PIVOT_ROOT[os.uname().machine], b".", b"."), folder)
    _check(_libc.umount2(b".", MNT_DETACH), folder)
    os.chdir("/")


def become(uid: int, gid: int) -> None:
    """Be this user and group, and no other, in a user namespace of our own; outside, we stay who we are."""
    outer_uid, outer_gid = os.geteuid(), os.getegid()
    os.unshare(os.CLONE_NEWUSER)
    for name, text in (("setgroups", "deny"), ("uid_map", f"{uid} {outer_uid} 1"), ("gid_map", f"{gid} {outer_gid} 1")):
        Path(f"/proc/self/{name}").write_text(text)


def end_with_parent() -> None:
    """Be killed when our parent ends."""
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def show_to_owner() -> None:
    """Let our user look at us from outside: who has entered a user namespace is hidden otherwise."""
    _libc.prctl(PR_SET_DUMPABLE, 1, 0, 0, 0)


def gain_nothing() -> None:
    """No program that we run has more rights than we, whatever bits its file has."""
    _libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)


def _check(result: int, where: str) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), where)
