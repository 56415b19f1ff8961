# SPDX-License-Identifier: LGPL-2.1-or-later
"""mptcpd under its AppArmor profile, where the kernel has that: in the virtual machines."""

import os
import pathlib
import shutil
import signal
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

import sandbox
import tap
from daemon import FULLMESH, MPTCPCTL, MPTCPD, Daemon, stage_plugins
from hosts import BUILD, NEEDS_ROUTES_BY_SOURCE, Network, Traffic, wait_until

SECURITY = pathlib.Path("/sys/kernel/security")
LOCAL = pathlib.Path("/etc/apparmor.d/local/mptcpd")
# As systemd does it: no new privileges, and the profile with the next execve().
CONFINE = ("/usr/bin/python3", "-c",
           "import ctypes, os, sys\n"
           "assert ctypes.CDLL(None).prctl(38, 1, 0, 0, 0) == 0\n"
           "with open('/proc/self/attr/apparmor/exec', 'wb', 0) as file: file.write(b'exec mptcpd')\n"
           "os.execv(sys.argv[1], sys.argv[1:])")
# What a build that is not installed has elsewhere.
PLACES = """\
{program} mrix,
{ctl} mr,
{directory}/ r,
{directory}/mptcpd-*/{{,**}} rwk,
{directory}/plugins/{{,*}} r,
"""
THREE = {1: 1, 2: 1, 3: 1}


def load_profile(host):
    """Have the kernel know it, as it is installed but for places."""
    if not SECURITY.joinpath("lsm").exists():
        subprocess.run(["mount", "-t", "securityfs", "securityfs", SECURITY], check=False)
    if not SECURITY.joinpath("apparmor").exists():
        raise tap.Skip("no AppArmor in this kernel")
    LOCAL.parent.mkdir(parents=True, exist_ok=True)
    LOCAL.write_text(PLACES.format(program=MPTCPD, ctl=MPTCPCTL, directory=host.directory), encoding="utf-8")
    done = subprocess.run(["apparmor_parser", "--replace", "--skip-cache", BUILD / "etc/mptcpd"],
                          text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    tap.equal(done.returncode, 0, f"apparmor_parser: {done.stdout}")


def log_since(serial):
    """[(serial, line)] of the kernel's log after that one; it forgets its oldest lines."""
    lines = []
    with open(os.open("/dev/kmsg", os.O_RDONLY | os.O_NONBLOCK), "rb", 0) as log:
        try:
            while record := log.read(8192):
                lines.append((int(record.split(b",", 2)[1]), record.decode(errors="replace")))
        except BlockingIOError:
            pass
    return [(number, line) for number, line in lines if number > serial]


def now():
    """The serial of the kernel's last line."""
    return max((number for number, _ in log_since(-1)), default=-1)


def denied(since):
    """What was refused under the profile since then."""
    return [line for _, line in log_since(since)
            if 'apparmor="DENIED"' in line and 'profile="mptcpd"' in line]


def denied_by_now(host, since):
    """The same; the kernel writes a little later, in order: after all that, one more is refused."""
    last = pathlib.Path("/tmp/the-last-one")
    last.touch()
    host.run(*CONFINE, MPTCPD, "--check-config", "--config", last, check=False)
    wait_until(lambda: any(str(last) in line for line in denied(since)), 5, "what was refused is told")
    return [line for line in denied(since) if str(last) not in line]


@tap.test("/confined/apparmor/does-all-its-work-and-is-refused-nothing")
def works():
    with Network(note=tap.note, routes_by_source=NEEDS_ROUTES_BY_SOURCE) as net:
        host = net.client
        load_profile(host)
        since = now()
        # one that may do as it likes
        config = FULLMESH + "[interface:link3]\nrp-filter = loose\nprobe = icmp:10.0.3.2\n"
        host.sysctl("net.ipv4.conf.link3.rp_filter", 1)
        daemon = Daemon(host, config, prefix=CONFINE)
        net.on_failure.append(daemon.text)
        label = pathlib.Path(f"/proc/{daemon.child.pid}/attr/apparmor/current").read_text(encoding="ascii")
        tap.equal(label.strip(), "mptcpd (enforce)", "how it is confined")
        Traffic(net.server, "server", "::", 5000)
        Traffic(net.client, "client", "10.0.1.2", 5000)
        wait_until(lambda: net.by_link(host.subflows()) == THREE, 5, "three paths", host.subflows)
        # another process tries a configuration, and one that hangs or is bad is no trouble
        daemon.ctl("reload")
        daemon.config.write_text(config + "[core]\nx = y\n", encoding="utf-8")
        daemon.ctl("reload", code=1)
        daemon.config.write_text(config, encoding="utf-8")
        for words in (("status",), ("connection",), ("explain",), ("interface",), ("endpoint",)):
            daemon.ctl(*words)
        tap.equal(host.sysctl("net.ipv4.conf.link3.rp_filter"), "2", "rp_filter")
        # and after a death
        daemon.end(signal.SIGKILL)
        again = Daemon(host, config, prefix=CONFINE, runtime=daemon.runtime)
        wait_until(lambda: len(again.connections()) == 1, 5, "it knows the connection")
        tap.equal(again.end(), 0, "exit")
        tap.equal(host.sysctl("net.mptcp.path_manager"), "kernel", "path manager after it")
        host.run(*CONFINE, MPTCPD, "--runtime-directory", daemon.runtime, "--put-back")
        tap.equal(denied_by_now(host, since), [], "what it was refused")


@tap.test("/confined/apparmor/is-refused-what-is-not-its-own")
def refused():
    with Network(note=tap.note) as net:
        host = net.client
        load_profile(host)
        since = now()
        for name, path in (("a file of others", "/tmp/secret.conf"), ("users", "/etc/group")):
            pathlib.Path(path).touch()
            done = host.run(*CONFINE, MPTCPD, "--check-config", "--config", path, check=False)
            tap.equal(done.returncode, 78, f"exit with {name}")
            tap.true("Permission denied" in done.stderr, done.stderr)
        # a plugin where anybody may put one
        elsewhere = pathlib.Path("/tmp/mptcpd-plugins")
        shutil.copytree(stage_plugins(host.directory), elsewhere)
        done = host.run(*CONFINE, MPTCPD, "--check-config", "--plugin-directory", elsewhere, check=False)
        tap.equal(done.returncode, 78, f"exit with a plugin from elsewhere: {done.stderr}")
        told = "".join(denied_by_now(host, since))
        for path in ("/tmp/secret.conf", "/etc/group"):
            tap.true(f'name="{path}"' in told, f"the kernel's log names {path}: {told}")


if __name__ == "__main__":
    sandbox.run(tap.main)
