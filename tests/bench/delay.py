# SPDX-License-Identifier: LGPL-2.1-or-later
"""A wire that takes its time: two taps in two namespaces, joined by a process that waits.

delay.py SECONDS NAMESPACE NAME NAMESPACE NAME: so long each way. Says "held" when both are there.
"""

import collections
import ctypes
import fcntl
import os
import select
import struct
import sys
import time

TUNSETIFF = 0x400454CA
TAP_WITHOUT_HEADER = 0x1002
CLONE_NEWNET = 0x40000000
PR_SET_TIMERSLACK = 29


def hold(namespace, name):
    """A tap in a namespace; this thread stays there."""
    libc = ctypes.CDLL(None, use_errno=True)
    fd = os.open(f"/run/netns/{namespace}", os.O_RDONLY)
    if libc.setns(fd, CLONE_NEWNET) != 0:
        sys.exit(f"setns: {os.strerror(ctypes.get_errno())}")
    os.close(fd)
    device = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(device, TUNSETIFF, struct.pack("16sH", name.encode(), TAP_WITHOUT_HEADER))
    return device


def main():
    seconds = float(sys.argv[1])
    a, b = hold(*sys.argv[2:4]), hold(*sys.argv[4:6])
    queue = collections.deque()  # (when due, where to, frame): all wait equally long
    # It sleeps to the microsecond: whoever polls keeps a processor from the threads that the kernel
    # has bound to it.
    ctypes.CDLL(None).prctl(PR_SET_TIMERSLACK, 1)
    print("held", flush=True)
    while True:
        wait = max(0, queue[0][0] - time.monotonic()) if queue else None
        for device in select.select([a, b], [], [], wait)[0]:
            while True:
                try:
                    frame = os.read(device, 65536)
                except BlockingIOError:
                    break
                queue.append((time.monotonic() + seconds, b if device == a else a, frame))
        while queue and queue[0][0] <= time.monotonic():
            _, device, frame = queue.popleft()
            try:
                os.write(device, frame)
            except OSError:
                pass  # it is down


main()
