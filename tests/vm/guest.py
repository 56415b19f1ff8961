# SPDX-License-Identifier: LGPL-2.1-or-later
"""The first process of the guest: runs the programs of /vm.json, and switches the machine off.

Only run.py makes a machine of which this is /init. What the programs print is on the console; a
line `== program: …` comes before each, `== exit: CODE` behind, and `== alive` now and then.
"""

import ctypes
import json
import os
import resource
import subprocess
import threading
import time

SYS_FINIT_MODULE = 313  # of x86-64
RB_POWER_OFF = 0x4321FEDC
FILES = 524288  # that a program may open, as with systemd; the kernel's own limit is 4096
MOUNTS = [("proc", "/proc"), ("sysfs", "/sys"), ("devtmpfs", "/dev"), ("tmpfs", "/run")]

libc = ctypes.CDLL(None, use_errno=True)


def load(path):
    fd = os.open(path, os.O_RDONLY)
    if libc.syscall(SYS_FINIT_MODULE, fd, b"", 0) != 0:
        print(f"cannot load {path}: {os.strerror(ctypes.get_errno())}", flush=True)
    os.close(fd)


def tell_alive():
    while True:
        time.sleep(30)
        print("== alive", flush=True)


def main():
    for kind, place in MOUNTS:
        os.makedirs(place, exist_ok=True)
        if libc.mount(kind.encode(), place.encode(), kind.encode(), 0, None) != 0:
            print(f"cannot mount {place}: {os.strerror(ctypes.get_errno())}", flush=True)
    os.symlink("/proc/self/fd", "/dev/fd")  # which bash needs
    with open("/vm.json", encoding="utf-8") as file:
        plan = json.load(file)
    for path in plan["modules"]:
        load(path)
    os.environ.update(plan["environment"])
    resource.setrlimit(resource.RLIMIT_NOFILE, (1024, FILES))
    threading.Thread(target=tell_alive, daemon=True).start()
    for argv in plan["programs"]:
        print("== program:", *argv, flush=True)
        done = subprocess.run(argv, stdin=subprocess.DEVNULL, stderr=subprocess.STDOUT, check=False)
        print(f"== exit: {done.returncode}", flush=True)


try:
    main()
finally:
    os.sync()
    libc.reboot(RB_POWER_OFF)
