# SPDX-License-Identifier: GPL-3.0-or-later
"""A stand-in for KubeVirt: it boots VirtualMachines as the nodes that their bootstrap data makes of them."""
