# SPDX-License-Identifier: LGPL-2.1-or-later
"""Something on the way that meddles with what a host receives."""

import contextlib
import shutil
import subprocess

import tap

TABLE = "inet middlebox"


@contextlib.contextmanager
def meddling(rule, host=None):
    """While inside, an nftables rule holds for all that comes in, to a Host or else here: "drop",
    "tcp option mptcp exists drop", "reset tcp option mptcp" (which strips the option) …"""
    if not shutil.which("nft"):
        raise tap.Skip("no nft here")
    lines = (f"add table {TABLE}", f"add chain {TABLE} in {{ type filter hook input priority 0; }}",
             f"add rule {TABLE} in {rule}")
    nft = host.argv("nft") if host else ["nft"]
    subprocess.run([*nft, "; ".join(lines)], check=True)
    try:
        yield
    finally:
        subprocess.run([*nft, f"delete table {TABLE}"], check=True)
