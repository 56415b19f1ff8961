# SPDX-License-Identifier: LGPL-2.1-or-later
"""mptcpd without systemd: in the foreground, and under runit and OpenRC with the lines of its manual."""

import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

import sandbox
import tap
from daemon import FULLMESH, MPTCPCTL, MPTCPD, stage_plugins
from hosts import Network, Traffic, wait_until

ROOT = pathlib.Path(__file__).resolve().parents[2]
MANUAL = ROOT / "man/mptcpd.8.rst"
EXAMPLE = ROOT / "examples/container"
RUNTIME = pathlib.Path("/run/mptcpd")


def scripts():
    """Those that the manual prints, in its order."""
    blocks = re.findall(r"::\n\n((?:    .*\n|\n)+)", MANUAL.read_text(encoding="utf-8"))
    texts = ["\n".join(line[4:] for line in block.rstrip("\n").split("\n")) + "\n" for block in blocks]
    found = [text for text in texts if text.startswith("#!")]
    tap.equal([text.splitlines()[0] for text in found], ["#!/bin/sh"] * 3 + ["#!/sbin/openrc-run"],
              "scripts in the manual")
    return found


def environment(host):
    """That in which the manual's words find the programs, and their configuration."""
    programs = host.directory / "bin"
    programs.mkdir()
    (programs / "mptcpctl").symlink_to(MPTCPCTL)
    (programs / "mptcpd").write_text(
        f'#!/bin/sh\nexec {MPTCPD} --plugin-directory {stage_plugins(host.directory)} "$@"\n')
    (programs / "mptcpd").chmod(0o755)
    found = {**os.environ, "PATH": f"{programs}:{os.environ['PATH']}:/usr/sbin"}
    for name in ("NOTIFY_SOCKET", "JOURNAL_STREAM", "DBUS_SYSTEM_BUS_ADDRESS"):
        found.pop(name, None)
    RUNTIME.mkdir(exist_ok=True)
    (RUNTIME / "mptcpd.conf").write_text(FULLMESH, encoding="utf-8")
    return found


class Runit:
    """A service of runit on this host, with its log in a file."""

    def __init__(self, host):
        self.host = host
        self.service = host.directory / "sv/mptcpd"
        self.service.mkdir(parents=True)
        for name, text in zip(("run", "finish"), scripts()):
            (self.service / name).write_text(text, encoding="utf-8")
            (self.service / name).chmod(0o755)
        self.log = host.directory / "runit.log"
        self.environment = environment(host)
        with open(self.log, "w", encoding="utf-8") as log:
            host.start("runsv", self.service, stdout=log, stderr=log, env=self.environment)

    def text(self):
        return self.log.read_text(encoding="utf-8", errors="replace")

    def sv(self, verb):
        done = subprocess.run(["sv", verb, str(self.service)], text=True, capture_output=True, check=False)
        tap.equal(done.returncode, 0, f"sv {verb}: {done.stdout}{done.stderr}")

    def ctl(self, *words):
        done = self.host.run("env", f"PATH={self.environment['PATH']}", "mptcpctl", *words, check=False)
        return done.stdout if done.returncode == 0 else None

    def pid(self):
        try:
            return int((self.service / "supervise/pid").read_text(encoding="ascii"))
        except (OSError, ValueError):
            return 0

    def await_ready(self, other=0):
        """The process that answers, another than that."""
        return wait_until(lambda: self.pid() if self.pid() != other and self.ctl("status") else 0, 10,
                          "mptcpd answers", self.text)


@tap.test("/supervised/runit/with-the-lines-of-the-manual")
def runit():
    if not shutil.which("runsv"):
        raise tap.Skip("no runit")
    with Network(note=tap.note) as net:
        host = net.client
        service = Runit(host)
        net.on_failure.append(service.text)
        pid = service.await_ready()
        tap.equal(host.sysctl("net.mptcp.path_manager"), "userspace", "path manager")
        (RUNTIME / "mptcpd.conf").write_text(FULLMESH + "[interface:link3]\nuse = no\n", encoding="utf-8")
        tap.true(service.ctl("reload") is not None, "mptcpctl reload")
        service.sv("hup")
        wait_until(lambda: "configuration read again" in service.text(), 5, "SIGHUP is a reload", service.text)
        os.kill(pid, 9)
        pid = service.await_ready(pid)
        tap.equal(service.text().count("mptcpd died: new connections get the kernel's path manager"), 1,
                  service.text())
        tap.equal(host.sysctl("net.mptcp.path_manager"), "userspace", "path manager of the next life")
        service.sv("down")
        tap.equal(host.sysctl("net.mptcp.path_manager"), "kernel", "path manager in the end")
        tap.true(not (RUNTIME / "control").exists(), "the socket has gone")
        tap.equal(service.text().count("mptcpd died"), 1, "a stop is no death")
        service.sv("exit")


@tap.test("/supervised/openrc/the-lines-of-the-manual-are-a-shells")
def openrc():
    *_, script = scripts()
    subprocess.run(["sh", "-n"], input=script, text=True, check=True)
    for name in ("depend", "reload"):
        tap.true(f"\n{name}()\n" in script, name)


@tap.test("/supervised/openrc/a-death-puts-back-and-signals-are-handed-on")
def openrc_ends():
    with Network(note=tap.note) as net:
        host = net.client
        *_, text, _ = scripts()
        log = host.directory / "log"

        def said():
            return log.read_text(encoding="utf-8")

        def start():
            with open(log, "w", encoding="utf-8") as file:
                child = host.start("sh", "-c", text, stdout=file, stderr=file, env=programs)
            wait_until(lambda: host.run(MPTCPCTL, "status", check=False).returncode == 0, 10, "it answers", said)
            tap.equal(host.sysctl("net.mptcp.path_manager"), "userspace", "path manager")
            return child

        programs = environment(host)
        net.on_failure.append(said)
        child = start()
        child.send_signal(signal.SIGHUP)
        wait_until(lambda: "configuration read again" in said(), 5, "SIGHUP is a reload", said)
        pid, = pathlib.Path(f"/proc/{child.pid}/task/{child.pid}/children").read_text().split()
        os.kill(int(pid), signal.SIGKILL)
        tap.equal(child.wait(timeout=5 * tap.SLOW), 0, "exit after a death")
        tap.equal(said().count("mptcpd died: new connections get the kernel's path manager"), 1, said())
        tap.equal(host.sysctl("net.mptcp.path_manager"), "kernel", "path manager after a death")
        child = start()
        child.terminate()
        tap.equal(child.wait(timeout=5 * tap.SLOW), 0, "exit after a stop")
        tap.true("mptcpd died" not in said(), "a stop is no death")
        tap.equal(host.sysctl("net.mptcp.path_manager"), "kernel", "path manager after a stop")


@tap.test("/supervised/foreground/needs-no-bus-and-no-journal")
def foreground():
    shutil.rmtree(RUNTIME, ignore_errors=True)
    with Network(note=tap.note) as net:
        host = net.client
        config = host.directory / "mptcpd.conf"
        config.write_text(FULLMESH, encoding="utf-8")
        # nothing but what is needed: no environment, no /run of its own, stderr is a pipe
        child = host.start("env", "-i", MPTCPD, "--config", config, "--plugin-directory",
                           stage_plugins(host.directory), stdin=subprocess.DEVNULL,
                           stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        wait_until(lambda: (RUNTIME / "control").exists(), 5, "it answers where its manual says")
        tap.equal(host.run(MPTCPCTL, "status", check=False).returncode, 0, "status")
        child.terminate()
        said, faults = child.communicate(timeout=5 * tap.SLOW)
        tap.equal((child.returncode, said), (0, ""), "how it ended, and its output")
        lines = [line for line in faults.splitlines() if not line.startswith("packets from 10.0.2.1,")]
        tap.equal(lines, [], "what else it logs")


# As managers of containers do it: the first process, /proc/sys read-only, a place in /run of its own.
CONTAINER = """\
mount -t proc proc /proc && mount -t tmpfs tmpfs /run/mptcpd && mount --bind /proc/sys /proc/sys &&
mount -o remount,bind,ro /proc/sys && exec setpriv --no-new-privs --bounding-set=-all,+{0} \
--inh-caps=-all,+{0} "$@"
"""


def example():
    """What that of a container runs, the capability that it has, and the sysctls of its pod."""
    entry = re.search(r"^ENTRYPOINT (.*)", (EXAMPLE / "Containerfile").read_text(encoding="utf-8"), re.M)[1]
    pod = (EXAMPLE / "pod.yaml").read_text(encoding="utf-8")
    capability, = re.findall(r"drop: \[ALL\], add: \[(\w+)\]", pod)
    return json.loads(entry), capability.lower(), re.findall(r"- name: (\S+)\n +value: (\S+)", pod)


@tap.test("/supervised/container/is-the-first-process-and-may-write-no-sysctl")
def in_container():
    with Network(note=tap.note) as net:
        host = net.client
        config = host.directory / "mptcpd.conf"
        config.write_text(FULLMESH, encoding="utf-8")
        (program, *words), capability, sysctls = example()
        tap.equal((program, sysctls), ("/usr/sbin/mptcpd", [("net.mptcp.path_manager", "userspace")]), "example")
        for name, value in sysctls:
            host.sysctl(name, value)
        RUNTIME.mkdir(exist_ok=True)
        log = host.directory / "log"
        with open(log, "w", encoding="utf-8") as file:
            child = host.start("unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-c",
                               CONTAINER.format(capability), "sh", MPTCPD, *words, "--config", config, "--verbose",
                               "--plugin-directory", stage_plugins(host.directory), stdin=subprocess.DEVNULL,
                               stdout=file, stderr=file)

        def text():
            return log.read_text(encoding="utf-8")

        net.on_failure.append(text)
        Traffic(net.server, "server", "::", 5000)
        wait_until(lambda: "resynchronized" in text(), 10, "it knows the host", text)
        Traffic(host, "client", "10.0.1.2", 5000)
        wait_until(lambda: net.by_link(host.subflows()) == {1: 1, 2: 1, 3: 1}, 5, "three paths", text)
        first, = pathlib.Path(f"/proc/{child.pid}/task/{child.pid}/children").read_text().split()
        os.kill(int(first), 15)
        tap.equal(child.wait(timeout=5 * tap.SLOW), 0, "exit of the container")
        tap.equal(host.sysctl("net.mptcp.path_manager"), "userspace", "the sysctl, which is not its own")
        tap.true("path_manager" not in text() and "Read-only" not in text(), text())


if __name__ == "__main__":
    sandbox.run(tap.main)
