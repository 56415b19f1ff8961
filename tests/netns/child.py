# SPDX-License-Identifier: LGPL-2.1-or-later
"""Tests of libmptcp in a process of their own: under filters, limits, and other kernels."""

import json
import os
import pathlib
import subprocess
import sys

import libmptcp
import tap

OLD_KERNEL = libmptcp.BUILD / "tests/netns/old-kernel.so"  # see old-kernel.c
HERE = pathlib.Path(__file__).resolve().parent
PRELUDE = f"""
import sys
sys.path[:0] = [{str(HERE)!r}, {str(HERE.parent)!r}]
import json, libmptcp
from libmptcp import *
"""
# All sockets of MPTCP fail with this errno.
FILTER = """
import platform
def deny(number):
    machine = {"x86_64": 41, "aarch64": 198}[platform.machine()]
    lines = [(0x20, 0, 0, 0), (0x15, 0, 3, machine), (0x20, 0, 0, 32), (0x15, 0, 1, 262),
             (0x06, 0, 0, 0x50000 | number), (0x06, 0, 0, 0x7fff0000)]
    code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *line) for line in lines))
    program = struct.pack("HxxxxxxQ", len(lines), ctypes.addressof(code))
    libc = ctypes.CDLL(None)
    libc.prctl(38, 1, 0, 0, 0)
    assert libc.prctl(22, 2, ctypes.c_char_p(program), 0, 0) == 0
"""


def child(code, inherit=False, **environment):
    """What the program prints, as JSON; and its stderr."""
    done = subprocess.run([sys.executable, "-c", PRELUDE + code], text=True, check=False,
                          env={**os.environ, **environment}, capture_output=True, close_fds=not inherit)
    tap.equal(done.returncode, 0, f"exit of {code}: {done.stderr}")
    return json.loads(done.stdout), done.stderr
