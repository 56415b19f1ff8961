# SPDX-License-Identifier: LGPL-2.1-or-later
"""A plugin crashes, hangs, or is broken on disk: it costs its own policy, and nothing else."""

import os
import pathlib
import shutil
import signal
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

import sandbox
import tap
from daemon import BUILD, FULLMESH, Daemon, stage_plugins
from hosts import Network, Traffic, wait_until

FIXTURES = BUILD / "tests/plugins"
PORT, OTHER = 5000, 5001

POLICY = """\
[core]
path-manager = userspace
[policy:crash]
match-remote-port = 5000
plugin = crash
{settings}
[policy:rest]
plugin = fullmesh
"""
ALL = """\
[core]
path-manager = userspace
[policy:crash]
plugin = crash
{settings}
"""
STACK = """\
[core]
path-manager = userspace
[policy:stack]
match-remote-port = 5000
plugins = fullmesh crash
{settings}
[policy:rest]
plugin = fullmesh
"""
ENDPOINTS = """\
[core]
path-manager = kernel
[endpoints]
plugin = crash
{settings}
"""


class Scene:
    """Three links, a server, and one life of mptcpd after the other."""

    def __init__(self, config=POLICY):
        self.config = config
        self.daemon = None

    def __enter__(self):
        net = self.net = Network(note=tap.note).__enter__()
        net.on_failure.append(lambda: "mptcpd's log:\n"
                              + (self.daemon.text()[-4000:] if self.daemon else "it did not start"))
        self.plugins = stage_plugins(net.directory)
        for plugin in FIXTURES.glob("crash*.so"):
            shutil.copy(plugin, self.plugins)
        self.runtime = net.directory / "runtime"
        for port in (PORT, OTHER):
            Traffic(net.server, "server", "::", port)
        return self

    def __exit__(self, *exception):
        return self.net.__exit__(*exception)

    def start(self, *settings, wait=True):
        """The next life."""
        self.daemon = Daemon(self.net.client, self.config.format(settings="\n".join(settings)),
                             wait=wait, runtime=self.runtime)
        return self.daemon

    def dies(self, *numbers):
        code = self.daemon.wait_exit()
        # a sanitizer that sees the fault ends the process in its own way
        tap.true(code in [-number for number in numbers] + [1], f"exit code {code}")

    def connect(self, port=PORT):
        return Traffic(self.net.client, "client", "10.0.1.2", port, 1)

    def token(self, port=PORT):
        return next(c["token"] for c in self.net.client.connections() if c["remote"][1] == port)

    def subflows(self, port=PORT):
        return [s for s in self.net.client.subflows() if s["remote"][1] == port]

    def await_subflows(self, count, port=PORT):
        wait_until(lambda: len(self.subflows(port)) == count, 5, f"{count} subflows",
                   lambda: self.net.client.subflows())

    def status(self):
        return self.daemon.json("status")["status"]

    def asides(self):
        """[(plugin, token)] as `status` has them."""
        status = self.status()
        tap.equal(status["degraded"], bool(status["set-aside"]), "degraded")
        now = time.time() * 1000
        for aside in status["set-aside"]:
            tap.true(now - 120000 < aside["since-ms"] <= now + 1000, f"{aside}, now {now}")
        return [(aside["plugin"], aside["token"]) for aside in status["set-aside"]]

    def edit(self, name="crash"):
        """Another file of the same meaning."""
        new = self.plugins / "new"
        shutil.copy(self.plugins / f"{name}.so", new)
        with open(new, "ab") as file:
            file.write(b"x")
        new.rename(self.plugins / f"{name}.so")


def crashes_in_plan_paths(how, *numbers):
    with Scene() as scene:
        scene.start("in = plan_paths", f"how = {how}")
        traffic = scene.connect()
        scene.dies(*numbers)
        token = scene.token()
        scene.start("in = plan_paths", f"how = {how}")
        tap.equal(scene.asides(), [("crash", token)], "set aside")
        connection = scene.daemon.connections()[0]
        tap.equal((connection["token"], connection["policy"]), (token, None), "connection")
        # it says so, loudly
        tap.true(f"set aside for connection {token}" in scene.daemon.text(), scene.daemon.text())
        text = scene.daemon.ctl("status")
        tap.true("degraded" in text and f"plugin crash for connection {token}" in text, text)
        # all else works
        scene.connect(OTHER)
        scene.await_subflows(3, OTHER)
        scene.daemon.ctl("subflow", "add", token, "10.0.2.1", "10.0.1.2:5000")
        scene.await_subflows(2)
        done = traffic.transfer("upload", 1 << 20)
        tap.equal((done["bytes"], done["intact"]), (1 << 20, True), "the data")
        # and stays so
        for _ in range(2):
            tap.equal(scene.daemon.end(signal.SIGKILL), -signal.SIGKILL, "exit code")
            scene.start("in = plan_paths", f"how = {how}")
            tap.equal(scene.asides(), [("crash", token)], "set aside in a later life")
        tap.equal(scene.daemon.end(), 0, "exit code")
        tap.equal(scene.net.client.sysctl("net.mptcp.path_manager"), "kernel", "at the end")


@tap.test("/crash/plan_paths/fault-sets-the-policy-aside-for-that-connection")
def faults():
    crashes_in_plan_paths("segv", signal.SIGSEGV)


@tap.test("/crash/plan_paths/abort-sets-the-policy-aside-for-that-connection")
def aborts():
    crashes_in_plan_paths("abort", signal.SIGABRT)


@tap.test("/crash/plan_paths/pointers-to-nowhere-set-the-policy-aside")
def garbage():
    crashes_in_plan_paths("garbage", signal.SIGSEGV)


@tap.test("/crash/plan_paths/used-up-stack-sets-the-policy-aside")
def stack():
    crashes_in_plan_paths("stack", signal.SIGSEGV)


@tap.test("/crash/plan_paths/slow-one-is-named-with-its-time-and-not-too-often")
def slow():
    with Scene() as scene:
        scene.start("in = plan_paths", "how = slow")
        held = [scene.connect(), scene.connect()]
        scene.await_subflows(6)
        lines = [line for line in scene.daemon.lines() if "plugin crash took " in line]
        tap.equal(len(lines), 1, f"messages: {lines}")
        milliseconds = int(lines[0].split(" took ")[1].split(" ms to plan for connection ")[0])
        tap.true(20 <= milliseconds < 1000 * tap.SLOW, lines[0])
        tap.equal(scene.asides(), [], "it is not set aside")
        del held


@tap.test("/crash/plan_paths/third-connection-sets-it-aside-for-all")
def third():
    with Scene() as scene:
        for life in range(3):
            scene.start("in = plan_paths")
            tap.equal(len(scene.asides()), life, "set aside")
            scene.connect()
            scene.dies(signal.SIGSEGV)
        scene.start("in = plan_paths")
        tap.equal(scene.asides(), [("crash", None)], "set aside")
        scene.connect()
        scene.connect(OTHER)
        scene.await_subflows(3, OTHER)
        tap.equal({c["policy"] for c in scene.daemon.connections()}, {None, "rest"}, "policies")
        tap.equal(scene.daemon.end(), 0, "exit code")


@tap.test("/crash/plan_paths/stack-is-set-aside-as-a-whole")
def stack_of_plugins():
    with Scene(STACK) as scene:
        scene.start("in = plan_paths")
        scene.connect()
        scene.dies(signal.SIGSEGV)
        scene.start("in = plan_paths")
        tap.equal(scene.asides(), [("crash", scene.token())], "set aside")
        scene.connect(OTHER)
        scene.await_subflows(3, OTHER)
        tap.equal(len(scene.subflows()), 1, "what the crashed one might have forbidden")
        tap.equal({c["policy"] for c in scene.daemon.connections()}, {None, "rest"}, "policies")


@tap.test("/crash/plan_paths/what-an-earlier-life-made-stays")
def stays():
    with Scene() as scene:
        scene.start()
        traffic = scene.connect()
        scene.await_subflows(3)
        scene.daemon.end(signal.SIGKILL)
        scene.start("in = plan_paths", wait=False)
        scene.dies(signal.SIGSEGV)
        scene.start("in = plan_paths")
        tap.equal(len(scene.asides()), 1, "set aside")
        before = sorted((s["local"], s["remote"]) for s in scene.subflows())
        tap.equal(len(before), 3, "subflows")
        # as on a host without a daemon: the link is away for a moment, and the subflow survives
        scene.net.down(2)
        scene.daemon.ctl("status")
        scene.net.up(2, scene.net.client)
        wait_until(lambda: scene.daemon.json("interface")["interfaces"], 2, "interfaces")
        done = traffic.transfer("upload", 1 << 20)
        tap.equal((done["bytes"], done["intact"]), (1 << 20, True), "the data")
        tap.equal(sorted((s["local"], s["remote"]) for s in scene.subflows()), before, "subflows")
        tap.equal(scene.status()["commands"], 0, "commands")


@tap.test("/crash/plan_paths/plugin-that-ends-the-process-is-found-out")
def exits():
    with Scene() as scene:
        scene.start("in = plan_paths", "how = exit")
        scene.connect()
        tap.equal(scene.daemon.wait_exit(), 0, "exit code")
        scene.start("in = plan_paths", "how = exit")
        tap.equal(scene.asides(), [("crash", scene.token())], "set aside")
    with Scene() as scene:
        scene.start("in = plan_paths", "how = vanish")
        scene.connect()
        tap.equal(scene.daemon.wait_exit(), 0, "exit code")
        for _ in range(2):  # it might have been killed by chance
            scene.start("in = plan_paths", "how = vanish", wait=False)
            tap.equal(scene.daemon.wait_exit(), 0, "exit code")
            tap.true("by chance" in scene.daemon.text(), scene.daemon.text())
        scene.start("in = plan_paths", "how = vanish")
        tap.equal(scene.asides(), [("crash", scene.token())], "set aside")


@tap.test("/crash/plan_paths/hang-is-told-from-a-kill-by-chance")
def hangs():
    with Scene() as scene:
        counter = scene.net.directory / "counter"
        settings = ["in = plan_paths", "how = hang", f"counter = {counter}"]
        scene.start(*settings)
        scene.connect()
        wait_until(lambda: counter.exists(), 5, "a call")
        began = time.monotonic()
        scene.daemon.end(signal.SIGKILL)
        counter.unlink()
        scene.start(*settings, wait=False)
        wait_until(lambda: counter.exists(), 5, "a call")
        if time.monotonic() - began > 0.9:
            raise tap.Skip("this machine is too slow to start mptcpd within a second")
        tap.true("by chance" in scene.daemon.text(), scene.daemon.text())
        # whoever watches, watches for longer
        began = time.monotonic()
        wait_until(lambda: time.monotonic() - began > 1.2, 3, "a second")
        scene.daemon.end(signal.SIGKILL)
        scene.start(*settings)
        tap.equal(scene.asides(), [("crash", scene.token())], "set aside")


@tap.test("/crash/set-aside/ends-when-file-or-group-changes-or-at-a-reload")
def ends():
    with Scene() as scene:
        scene.start("in = plan_paths")
        scene.connect()
        scene.dies(signal.SIGSEGV)
        aside = [("crash", scene.token())]
        scene.start("in = plan_paths")
        tap.equal(scene.asides(), aside, "set aside")
        # a reload gives it another chance, which it does not use
        child = subprocess.Popen(scene.net.client.argv(
            BUILD / "ctl/mptcpctl", "--socket", scene.runtime / "control", "reload"))
        scene.dies(signal.SIGSEGV)
        child.wait()
        scene.start("in = plan_paths")
        tap.equal(scene.asides(), aside, "set aside again")
        scene.daemon.end()
        # another file: it crashes once more
        scene.edit()
        scene.start("in = plan_paths", wait=False)
        scene.dies(signal.SIGSEGV)
        scene.start("in = plan_paths")
        tap.equal(scene.asides(), aside, "set aside again")
        # another group, in which it does not crash: by reload, and by restart
        scene.daemon.config.write_text(POLICY.format(settings=""))
        scene.daemon.ctl("reload")
        tap.equal(scene.asides(), [], "set aside after the reload")
        scene.await_subflows(3)
        scene.daemon.end()
        scene.start("in = stop", "after = 100", f"counter = {scene.net.directory}/n")
        tap.equal(scene.asides(), [], "set aside")
        tap.equal(scene.daemon.end(), 0, "exit code")


@tap.test("/crash/start/is-found-out-before-it-hurts")
def start():
    for where in ("start", "stop"):
        with Scene() as scene:
            scene.start(f"in = {where}")
            tap.equal(scene.asides(), [("crash", None)], "set aside")
            tap.true(f"mptcpd.conf:5: plugin 'crash' crashes in {where}: " in scene.daemon.text(),
                     scene.daemon.text())
            scene.connect(OTHER)
            scene.await_subflows(3, OTHER)
            tap.equal(scene.daemon.end(), 0, "exit code")


@tap.test("/crash/start/in-the-daemon-alone-sets-aside-for-all")
def start_in_daemon():
    # the trial makes the first call
    for where, number in (("start", signal.SIGSEGV), ("stop", signal.SIGSEGV)):
        with Scene() as scene:
            settings = [f"in = {where}", "after = 1", f"counter = {scene.net.directory}/n"]
            scene.start(*settings, wait=where == "stop")
            if where == "stop":
                scene.daemon.child.send_signal(signal.SIGTERM)
            scene.dies(number)
            scene.start(*settings)
            tap.equal(scene.asides(), [("crash", None)], f"set aside for {where}")
            scene.connect(OTHER)
            scene.await_subflows(3, OTHER)
            tap.equal(scene.daemon.end(), 0, "exit code")
            tap.equal(scene.net.client.sysctl("net.mptcp.path_manager"), "kernel", "at the end")


@tap.test("/crash/plan_endpoints/sets-aside-and-leaves-endpoints-as-they-are")
def endpoints():
    with Scene(ENDPOINTS) as scene:
        scene.start()
        wait_until(lambda: len(scene.daemon.json("endpoint")["endpoints"]) == 6, 5, "endpoints")
        scene.daemon.end(signal.SIGKILL)
        scene.start("in = plan_endpoints", wait=False)
        scene.dies(signal.SIGSEGV)
        scene.start("in = plan_endpoints")
        tap.equal(scene.asides(), [("crash", None)], "set aside")
        tap.equal(len(scene.daemon.json("endpoint")["endpoints"]), 6, "endpoints")
        scene.net.down(2)
        scene.net.up(2, scene.net.client)
        scene.daemon.ctl("endpoint", "add", "10.0.99.1", "signal")
        tap.equal(len(scene.daemon.json("endpoint")["endpoints"]), 7, "endpoints with one by hand")
        tap.equal(scene.daemon.end(), 0, "exit code")


@tap.test("/crash/reload/broken-plugin-leaves-all-as-it-was")
def reloads():
    with Scene(ALL) as scene:
        scene.start()
        scene.connect()
        scene.await_subflows(3)
        pid = scene.daemon.child.pid
        file = scene.daemon.config
        good = file.read_text()
        for lines, words in (("in = start", ":4: plugin 'crash' crashes in start: "),
                             ("in = stop\nhow = abort", ":4: plugin 'crash' crashes in stop: "),
                             ("in = start\nhow = exit", ":4: plugin 'crash' ends the process"),
                             ("in = start\nhow = hang", ":4: plugin 'crash' does not return")):
            file.write_text(ALL.format(settings=lines))
            for verb in (["reload"], ["config", "check"]):
                said = scene.daemon.ctl(*verb, code=1)
                tap.true(f"{file}{words}" in said, said)
        file.write_text(good.replace("= crash", "= crash-load"))
        said = scene.daemon.ctl("reload", code=1)
        tap.true(f"{file}:4: plugin 'crash-load' crashes in load: Aborted" in said, said)
        # half of it is written, in place
        file.write_text(good)
        with open(scene.plugins / "crash.so", "r+b") as plugin:
            plugin.truncate(5000)
        said = scene.daemon.ctl("reload", code=1)
        tap.true("crash.so: cut off after 5000 bytes" in said, said)
        # the one in use works on
        scene.connect(OTHER)
        scene.await_subflows(3, OTHER)
        tap.equal({c["policy"] for c in scene.daemon.connections()}, {"crash"}, "policies")
        tap.equal(scene.daemon.child.poll(), None, "exit code")
        tap.equal(scene.daemon.child.pid, pid, "process")
        tap.equal(scene.asides(), [], "set aside")
        # whole again, and taken
        shutil.copy(FIXTURES / "crash.so", scene.plugins)
        scene.daemon.ctl("reload")
        tap.equal(scene.daemon.end(), 0, "exit code")


@tap.test("/crash/reload/keeps-nobody-waiting")
def reload_waits():
    with Scene(ALL) as scene:
        scene.start()
        scene.daemon.config.write_text(ALL.format(settings="in = start\nhow = hang"))
        child = subprocess.Popen(
            scene.net.client.argv(BUILD / "ctl/mptcpctl", "--socket", scene.runtime / "control",
                                  "reload"), stderr=subprocess.PIPE, text=True)
        scene.daemon.ctl("status")
        tap.equal(child.poll(), None, "the reload when a status was answered")
        scene.connect()
        scene.await_subflows(3)
        tap.equal(child.poll(), None, "the reload meanwhile")
        _, said = child.communicate(timeout=10 * tap.SLOW)
        tap.true("does not return within 5 s from start" in said, said)
        # at its end it leaves no child behind, and no caller without a word
        child = subprocess.Popen(
            scene.net.client.argv(BUILD / "ctl/mptcpctl", "--socket", scene.runtime / "control",
                                  "config", "check"), stderr=subprocess.PIPE, text=True)
        wait_until(lambda: children(scene.daemon.child.pid), 2, "a child")
        found = children(scene.daemon.child.pid)
        tap.equal(scene.daemon.end(), 0, "exit code")
        child.communicate(timeout=10 * tap.SLOW)
        wait_until(lambda: not any(os.path.exists(f"/proc/{pid}") for pid in found), 2, "no child")


def children(pid):
    path = pathlib.Path(f"/proc/{pid}/task/{pid}/children")
    return path.read_text(encoding="ascii").split() if path.exists() else []


@tap.test("/crash/check/is-for-those-who-may-change")
def permitted():
    with Scene(FULLMESH) as scene:
        scene.start()
        secret = scene.net.directory / "mptcpd.conf"
        tap.true(scene.daemon.config.exists(), secret)
        scene.daemon.config.write_text("[core]\nsecret = 1\n")
        scene.daemon.config.chmod(0o600)
        os.chmod(scene.net.directory, 0o755)
        done = scene.net.client.run(
            "setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups",
            BUILD / "ctl/mptcpctl", "--socket", scene.runtime / "control", "config", "check",
            check=False)
        tap.equal(done.returncode, 4, f"exit code: {done.stderr}")
        tap.true("secret" not in done.stderr, done.stderr)
        said = scene.daemon.ctl("config", "check", code=1)
        tap.true("secret" in said, said)


if __name__ == "__main__":
    sandbox.run(tap.main)
