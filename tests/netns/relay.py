# SPDX-License-Identifier: LGPL-2.1-or-later
"""Devices with a program behind them: tun and tap, alone or joined, with a bad middlebox between."""

import subprocess

import tap

# Devices have a carrier while a program has them open. This one carries the frames of one to the
# other, which is in another namespace, if two are named. While there is a file of the name given
# first, no SYN with an MPTCP option (RFC 8684: kind 30) gets through.
PROGRAM = """
import ctypes, fcntl, os, select, struct, sys

def is_mptcp_syn(frame):
    kind = frame[12:14]
    if kind == b"\\x08\\x00" and frame[23] == 6:
        tcp = frame[14 + 4 * (frame[14] & 15):]
    elif kind == b"\\x86\\xdd" and frame[20] == 6:
        tcp = frame[54:]
    else:
        return False
    options = tcp[20:4 * (tcp[12] >> 4)]
    while tcp[13] & 0x12 == 2 and options and options[0]:
        if options[0] == 30:
            return True
        options = options[1:] if options[0] == 1 else options[options[1]:]
    return False

libc = ctypes.CDLL(None, use_errno=True)
devices = []
for namespace, name, flags in zip(sys.argv[2::3], sys.argv[3::3], sys.argv[4::3]):
    if libc.setns(os.open("/run/netns/" + namespace, os.O_RDONLY), 0x40000000) != 0:
        sys.exit(f"setns: {os.strerror(ctypes.get_errno())}")
    devices.append(os.open("/dev/net/tun", os.O_RDWR))
    fcntl.ioctl(devices[-1], 0x400454ca, struct.pack("16sH", name.encode(), int(flags)))
print("held", flush=True)
while True:
    for device in select.select(devices, [], [])[0]:
        frame = os.read(device, 65536)
        if is_mptcp_syn(frame) and os.path.exists(sys.argv[1]):
            continue
        for other in devices:
            if other != device:
                try:
                    os.write(other, frame)
                except OSError:
                    pass  # it is down
"""


def hold(mode, *places):
    """A tun or tap device on each (host, name), with a carrier as long as the hosts live.

    Two taps are joined. Returns the path of a file; while it exists, no MPTCP SYN gets through.
    """
    words = [word for host, name in places
             for word in (host.name, name, 0x1001 if mode == "tun" else 0x1002)]
    stop = places[0][0].directory / f"stop-{places[0][1]}"
    child = places[0][0].start("/usr/bin/python3", "-c", PROGRAM, stop, *words,
                               stdout=subprocess.PIPE)
    tap.equal(child.stdout.readline(), "held\n", "the devices")
    for host, name in places:
        host.ip(f"link set {name} up")
    return stop
