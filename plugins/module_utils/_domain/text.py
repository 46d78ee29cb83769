# Copyright: (c) 2026, pnow.infra contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Text that came from a server, made safe to show to a person."""

from __future__ import annotations

import re

LONGEST = 1000

_ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|.)?", re.DOTALL)
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]+")


def inert(text: object, longest: int = LONGEST) -> str:
    """One line without terminal escapes, control or bidirectional characters, cut to ``longest`` characters at most.

    A status message is written by whoever can write the object: it must not move a cursor, fake a line or fill a log.
    It is cut between words, for half a secret would not be known for one.
    """
    # The first cut bounds the work on a message of megabytes; escapes can only make the text shorter.
    whole = str(text)
    line = _CONTROLS.sub(" ", _ESCAPES.sub("", whole[: longest * 4])).strip()
    if len(line) <= longest and len(whole) <= longest * 4:
        return line
    return f"{line[:longest].rpartition(' ')[0]}…"
