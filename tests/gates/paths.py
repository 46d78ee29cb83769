# SPDX-License-Identifier: GPL-3.0-or-later
"""What `make` keeps inside the checkout for Ansible; none of it is anybody's work."""

from __future__ import annotations

from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
ANSIBLE = CHECKOUT / ".ansible"
COLLECTIONS = ANSIBLE / "collections" / "ansible_collections"
