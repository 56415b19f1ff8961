# SPDX-License-Identifier: LGPL-2.1-or-later
"""The tests of netns/ on another kernel: in a virtual machine, without hardware support for it.

run.py KERNEL [WORD…]: KERNEL is a directory with an unpacked kernel package, `boot/vmlinuz-*` and
`lib/modules`. Only tests whose names contain a word; without one all that a slow machine can judge.
MPTCPD_BUILD is what is tested, MPTCPD_SLOW how many times longer than elsewhere anything may take;
MPTCPD_LONG and MPTCPD_SEED are for the tests.
Prints TAP; the console of the guest is in the file it names at the end if a test failed.
"""

import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import threading

from image import COMMANDS, Image, Lacking, Modules

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("MPTCPD_BUILD", ROOT / "build")).resolve()
SLOW = os.environ.get("MPTCPD_SLOW", "10")
NETNS = ROOT / "tests/netns"
SCRIPTS = ("harness", "start", "main", "links", "standing", "restart", "direct", "private", "endpoints",
           "life", "hand", "peer", "twins", "temporary", "crash", "explain", "lab", "probe", "health", "routing", "routing_life", "vpn",
           "truth", "sweep",
           "flood", "socket", "dial", "listen",
           "check", "bpf", "kernel_socket", "mptcpize_life", "confined")
PROGRAMS = ("test-kernel", "test-connection", "test-contract-kernel")
BUILT = ("daemon/mptcpd", "ctl/mptcpctl", "lib/mptcp/libmptcp.so", "tests/netns/old-kernel.so", "tests/netns/traffic", "tests/netns/storm", "tests/netns/flow",
         "mptcpize/mptcpize", "mptcpize/hook.bpf.o", "mptcpize/libmptcpize-preload.so",
         "tests/netns/sockets", "tests/netns/sockets-static",
         "tests/netns/wan", "tests/netns/absurd.so", "tests/netns/forbid.so", "tests/netns/spare.so", "tests/netns/witness.so",
         *(f"tests/netns/{program}" for program in PROGRAMS))
MODULES = ("veth", "tcp_diag", "mptcp_diag", "sch_tbf", "bridge", "macvlan", "tun",
           "nf_tables", "nft_chain_nat", "nft_masq",
           "wireguard", "nft_ct", "nft_fib_ipv4", "nft_fib_ipv6")
FILESYSTEMS = ("cifs", "nfsv4")  # for the test of their sockets alone
OWN_MODULE = "kernel-socket.ko"  # of kernel-socket.c, where it was built; a test loads it
PASSED = ("MPTCPD_LONG", "MPTCPD_SEED")  # of our environment to the guest
QEMU = "qemu-system-x86_64"
MEMORY = "2048"  # MB, most of them never touched: the kernel has tokens for 4 sockets in each
# These take more tokens than that, or judge how fast mptcpd is: only if a word names them.
LEFT_OUT = ("/restart/crowd/", "/truth/storm/", "/truth/memory/", "/sweep/cost/", "/flood/", "/lab/", "/health/",
            "/explain/")
# The kernel changes its own code, and QEMU runs the old one for a moment more on another processor.
PATCHED = "a fault of QEMU, met now and then, ended the guest: run it again"
QUIET = 300  # seconds; a guest that is silent for longer hangs


def names_of(argv, option):
    done = subprocess.run([*argv, option], text=True, capture_output=True, check=True)
    return [line for line in done.stdout.splitlines() if line.startswith("/")]


def chosen(words):
    """The command lines to run, and the names of the tests they contain."""
    programs, names = [], []

    def add(argv, option, arguments):
        there = names_of(argv, option)
        wanted = [name for name in there if any(word in name for word in words)
                  or not (words or name.startswith(LEFT_OUT))]
        if wanted:
            programs.append([str(word) for word in [*argv, *arguments(wanted)]])
            names.extend(wanted)

    for script in SCRIPTS:
        add(["/usr/bin/python3", NETNS / f"test_{script}.py"], "--list", lambda wanted: wanted)
    for program in PROGRAMS:
        add([BUILD / "tests/netns" / program], "-l",
            lambda wanted: ["--tap", *(f"-p={name}" for name in wanted)])
    return programs, names


def make_image(kernel, programs):
    image = Image()
    image.python()
    for command in COMMANDS:
        image.command(command)
    for name in BUILT:
        image.file(BUILD / name)
    image.tree(BUILD / "plugins", ("*.so",))
    image.tree(BUILD / "tests/plugins", ("*.so",))
    image.tree(ROOT / "tests", ("*.py",))
    image.tree(ROOT / "etc", ("*.conf",))
    image.file(ROOT / "README.md")
    image.file(ROOT / "man/mptcpd.conf.5.rst")
    image.file("/etc/services")
    image.command("apparmor_parser")
    image.tree("/etc/apparmor.d")
    image.file(BUILD / "etc/mptcpd")
    needed = MODULES + FILESYSTEMS * any("kernel_socket" in " ".join(argv) for argv in programs)
    modules = Modules(kernel / "lib/modules").with_needed(needed)
    for name, content in modules.items():
        image.data(f"/modules/{name}.ko", content)
    if (kernel / OWN_MODULE).exists():
        image.file(kernel / OWN_MODULE, f"/modules/{OWN_MODULE}")
    image.data("/etc/passwd", b"root:x:0:0::/root:/bin/sh\nnobody:x:65534:65534::/:/bin/sh\n")
    image.data("/etc/group", b"root:x:0:\nnogroup:x:65534:\n")
    image.data("/vm.json", json.dumps({
        "modules": [f"/modules/{name}.ko" for name in modules],
        "programs": programs,
        "environment": {"MPTCPD_BUILD": str(BUILD), "MPTCPD_SLOW": SLOW,
                        "PATH": "/usr/sbin:/usr/bin", "PYTHONDONTWRITEBYTECODE": "1",
                        **{name: os.environ[name] for name in PASSED if name in os.environ}},
    }).encode())
    image.data("/init", b"#!/usr/bin/python3\n" + (ROOT / "tests/vm/guest.py").read_bytes(), 0o755)
    return image


def boot(kernel, initramfs):
    """The guest; its console is the pipe `stdout`."""
    vmlinuz, = (kernel / "boot").glob("vmlinuz-*")
    return subprocess.Popen(
        [QEMU, "-accel", "tcg", "-cpu", "max", "-smp", "2", "-m", MEMORY, "-nographic",
         "-nodefaults", "-serial", "stdio", "-no-reboot", "-kernel", vmlinuz, "-initrd", initramfs,
         "-append", "console=ttyS0 panic=-1 loglevel=5 no_timer_check"],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, errors="replace")


def lines_of(guest):
    """What it says, until it ends; one that says nothing for too long is ended."""
    said = threading.Event()
    ended = threading.Event()

    def watch():
        while said.wait(QUIET) and not ended.is_set():
            said.clear()
        guest.kill()

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    for line in guest.stdout:
        said.set()
        yield line.rstrip()
    ended.set()
    said.set()
    watcher.join()


class Judge:
    """Reads the console, and prints each result of the programs as one of ours."""

    def __init__(self, names):
        self.missing = list(names)
        self.counts = {"passed": 0, "failed": 0, "skipped": 0}
        self.notes = []
        self.end_reason = "its program or the guest ended before"

    def result(self, name, good, directive=""):
        kind = "skipped" if directive else "passed" if good else "failed"
        self.counts[kind] += 1
        if kind == "failed":
            for line in self.notes:
                print(f"# {line}")
        number = sum(self.counts.values())
        print(f"{'ok' if good else 'not ok'} {number} {name}{directive}", flush=True)
        self.notes.clear()

    def line(self, line):
        match = re.match(r"(not )?ok \d+ (?:- )?(/\S+)(\s+# SKIP.*)?$", line, re.I)
        if match and match[2] in self.missing:
            self.missing.remove(match[2])
            self.result(match[2], not match[1], match[3] or "")
        elif line.startswith("== program:"):
            self.notes.clear()
        elif line != "== alive":
            if "int3: 0000" in line:
                self.end_reason = PATCHED
            self.notes.append(line.removeprefix("# "))

    def end(self):
        for name in self.missing:
            self.notes.append(self.end_reason)
            self.result(name, False)


def run(kernel, words):
    programs, names = chosen(words)
    print(f"TAP version 13\n1..{len(names)}", flush=True)
    judge = Judge(names)
    with tempfile.TemporaryDirectory(prefix="mptcpd-vm-") as directory:
        initramfs = pathlib.Path(directory) / "initramfs"
        make_image(kernel, programs).write(initramfs)
        guest = boot(kernel, initramfs)
        try:
            with open(kernel / "console", "w", encoding="utf-8") as log:
                for line in lines_of(guest):
                    print(line, file=log, flush=True)
                    judge.line(line)
        finally:
            guest.kill()
            guest.wait()
    judge.end()
    print(f"# {', '.join(f'{count} {kind}' for kind, count in judge.counts.items())}; "
          f"console in {kernel / 'console'}")
    return 0 if names and not judge.counts["failed"] else 1


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    # What ends us ends the guest too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    try:
        sys.exit(run(pathlib.Path(sys.argv[1]), sys.argv[2:]))
    except (Lacking, OSError) as reason:
        print(f"Bail out! {reason}")
        sys.exit(1)


if __name__ == "__main__":
    main()
