# SPDX-License-Identifier: GPL-3.0-or-later
"""`scan.py COMMAND...`: run a command and fail if it says one of the secrets in $CANARIES, in any encoding of theirs.

$CANARIES is a JSON list. Standard output and error of the command are shown only when it fails itself.
"""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from urllib.parse import quote, quote_plus


def forms(secret: str) -> set[str]:
    """The ways in which a secret may be written down; base64 at each of the three places where it may begin."""
    raw = secret.encode()
    shifted = {base64.b64encode(b"x" * shift + raw)[4 * bool(shift) : -4].decode() for shift in range(3)}
    escaped = {json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1], repr(secret)[1:-1]}
    return {secret, raw.hex(), quote(secret, safe=""), quote_plus(secret)} | shifted | escaped


def main() -> int:
    done = subprocess.run(sys.argv[1:], capture_output=True, text=True, check=False, timeout=120)
    said = done.stdout + done.stderr
    found = sum(form in said for secret in json.loads(os.environ["CANARIES"]) for form in forms(secret))
    print(f"{len(said)} characters, {found} canaries")
    if done.returncode and not found:
        print(said)
    return 1 if found else done.returncode


if __name__ == "__main__":
    sys.exit(main())
