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
    poller = select.poll()
    for device in (a, b):
        poller.register(device, select.POLLIN)
    print("held", flush=True)
    while True:
        wait = None if not queue else max(0, (queue[0][0] - time.monotonic()) * 1000)
        # Less than a millisecond is not slept: the wire must not be late.
        for device, _ in poller.poll(0 if wait is not None and wait < 1 else wait):
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
