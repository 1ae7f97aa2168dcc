# SPDX-License-Identifier: GPL-2.0-or-later
"""The laboratory: real guests, real kernels, real workloads, measured from the host.

Nothing in here knows how ballonetd decides. It boots guests, runs workloads in them, and measures
what the host has to pay for them; what the daemon says about itself is never taken for a result.
"""
