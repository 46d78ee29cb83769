# SPDX-License-Identifier: GPL-3.0-or-later
"""A node for the test bed: a stand-in for the kubelet, a container engine and a cluster's network."""
