# SPDX-License-Identifier: LGPL-2.1-or-later
"""mptcpd is killed and started again: what the kernel cannot tell is still known."""

import array
import os
import pathlib
import signal
import socket
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

import sandbox
import tap
from daemon import FULLMESH, MPTCPD, Daemon, stage_plugins
from hosts import Network, Storm, Traffic, wait_until

# A descriptor of ours becomes the only one, where systemd would pass it.
WITH_FD = """\
[ "$FD" = 3 ] || eval "exec 3<&$FD $FD<&-"
LISTEN_PID=$$ LISTEN_FDS=1 LISTEN_FDNAMES="$0" exec "$@"
"""


class Scene:
    """Three links, a connection, and a server that announces an address."""

    def __enter__(self):
        net = self.net = Network(note=tap.note).__enter__()
        try:
            self.daemon = Daemon(net.client, FULLMESH)
            net.on_failure.append(lambda: "mptcpd's log:\n" + self.daemon.text()[-4000:])
            Traffic(net.server, "server", "::", 5000)
            net.server.ip("mptcp endpoint add 10.0.2.2 dev link2 signal")
            self.traffic = Traffic(net.client, "client", "10.0.1.2", 5000, 1)
            self.await_subflows(6)
            self.token = net.client.connections()[0]["token"]
        except BaseException:
            net.__exit__(*sys.exc_info())
            raise
        return self

    def __exit__(self, *exception):
        return self.net.__exit__(*exception)

    def tuples(self):
        return sorted((s["local"], s["remote"]) for s in self.net.client.subflows())

    def await_subflows(self, count):
        wait_until(lambda: len(self.tuples()) == count, 5, f"{count} subflows", self.tuples)

    def kill(self):
        tap.equal(self.daemon.end(signal.SIGKILL), -signal.SIGKILL, "exit code")

    def restart(self):
        self.kill()
        self.daemon = Daemon(self.net.client, FULLMESH, runtime=self.daemon.runtime)

    def commands(self):
        return self.daemon.json("status")["status"]["commands"]

    def await_settled(self):
        """READY=1 was said; wait until the connection has been looked at."""
        wait_until(lambda: self.daemon.connections()[0]["policy"] == "default", 2, "a policy")


@tap.test("/restart/killed/loses-and-doubles-no-subflow")
def killed():
    with Scene() as scene:
        before = scene.tuples()
        known = scene.daemon.connections()[0]["peer-addresses"]
        tap.equal([a["address"] for a in known], ["10.0.2.2"], "the peer's addresses")
        for _ in range(5):
            scene.restart()
            scene.await_settled()
            tap.equal(scene.tuples(), before, "subflows in the kernel")
            after = scene.daemon.connections()[0]
            tap.equal(after["peer-addresses"], known, "the peer's addresses")
            tap.equal(len(after["subflows"]), 6, "subflows that mptcpd knows")
            tap.equal(scene.commands(), 0, "commands")
        done = scene.traffic.transfer("upload", 1 << 20)
        tap.equal((done["bytes"], done["intact"]), (1 << 20, True), "the data")


@tap.test("/restart/killed/at-any-moment-of-its-start")
def killed_early():
    with Scene() as scene:
        before, runtime = scene.tuples(), scene.daemon.runtime
        scene.kill()
        for i in range(40):
            child = Daemon(scene.net.client, FULLMESH, wait=False, runtime=runtime)
            # further each time: the first die in exec(), the last ones are up
            for _ in range(i * i):
                child.text()
            child.end(signal.SIGKILL)
        scene.daemon = Daemon(scene.net.client, FULLMESH, runtime=runtime)
        scene.await_settled()
        tap.equal(scene.tuples(), before, "subflows in the kernel")
        tap.equal(len(scene.daemon.connections()[0]["peer-addresses"]), 1, "peer's addresses")
        tap.equal(scene.commands(), 0, "commands")
        tap.true("dropped" not in scene.daemon.text() and "damaged" not in scene.daemon.text(),
                 scene.daemon.text())
        scene.daemon.end()
        tap.equal(scene.net.client.sysctl("net.mptcp.path_manager"), "kernel", "at the end")


@tap.test("/restart/killed/knows-what-the-administrator-did")
def administrator():
    with Scene() as scene:
        victim = next(s for s in scene.net.client.subflows()
                      if s["local"][0] == "10.0.3.1" and s["remote"][0] == "10.0.2.2")
        scene.daemon.ctl("subflow", "delete", scene.token, f"10.0.3.1:{victim['local'][1]}",
                         "10.0.2.2:5000")
        scene.restart()
        scene.await_subflows(5)
        scene.await_settled()
        tap.equal(scene.commands(), 0, "commands")
        # what is not banned comes back, the other does not
        scene.net.down(3)
        scene.await_subflows(4)
        scene.net.up(3, scene.net.client)
        scene.await_subflows(5)
        tap.true(not any(local[0] == "10.0.3.1" and remote[0] == "10.0.2.2"
                         for local, remote in scene.tuples()), scene.tuples())


@tap.test("/restart/killed/puts-the-sysctl-back-as-it-was-before-the-first")
def sysctl():
    with Scene() as scene:
        for _ in range(2):
            scene.kill()
            tap.equal(scene.net.client.sysctl("net.mptcp.path_manager"), "userspace", "after kill")
            scene.daemon = Daemon(scene.net.client, FULLMESH, runtime=scene.daemon.runtime)
        tap.equal(scene.daemon.end(), 0, "exit code")
        tap.equal(scene.net.client.sysctl("net.mptcp.path_manager"), "kernel", "at the end")
        # the next one has nothing to put back but what it changes itself
        scene.net.client.sysctl("net.mptcp.path_manager", "userspace")
        last = Daemon(scene.net.client, FULLMESH, runtime=scene.daemon.runtime)
        last.end()
        tap.equal(scene.net.client.sysctl("net.mptcp.path_manager"), "userspace", "its own")


@tap.test("/restart/stopped/the-next-one-adopts-all")
def stopped():
    with Scene() as scene:
        before = scene.tuples()
        tap.equal(scene.daemon.end(), 0, "exit code")
        tap.equal(scene.tuples(), before, "subflows after the end")
        scene.daemon = Daemon(scene.net.client, FULLMESH, runtime=scene.daemon.runtime)
        scene.await_settled()
        tap.equal(len(scene.daemon.connections()[0]["peer-addresses"]), 1, "peer's addresses")
        tap.equal(scene.tuples(), before, "subflows after the start")
        tap.equal(scene.commands(), 0, "commands")


@tap.test("/restart/state/of-another-namespace-is-dropped")
def namespace():
    with Scene() as scene:
        scene.kill()
        other = Daemon(scene.net.server, FULLMESH, runtime=scene.daemon.runtime)
        tap.true("another network namespace" in other.text(), other.text())
        tap.equal(other.end(), 0, "exit code")


@tap.test("/restart/state/lost-leaves-the-kernels-own-list-of-announcements")
def announced_without_record():
    tap.needs_kernel(6, 9, "cannot be asked for what a connection announced")
    with Scene() as scene:
        scene.daemon.ctl("announce", scene.token, "192.0.2.1", "id", "99")
        before = scene.daemon.connections()[0]["announced"]
        tap.equal([(a["address"], a["id"]) for a in before], [("192.0.2.1", 99)], "announced")
        scene.kill()
        (scene.daemon.runtime / "state").unlink()
        scene.daemon = Daemon(scene.net.client, FULLMESH, runtime=scene.daemon.runtime)
        scene.await_settled()
        tap.equal(scene.daemon.connections()[0]["announced"], before, "announced, after")
        sent = scene.net.client.nstat()
        scene.daemon.ctl("withdraw", scene.token, "id", "99")
        tap.equal(scene.daemon.connections()[0]["announced"], [], "announced, in the end")
        wait_until(lambda: scene.net.client.nstat()["RmAddrTx"] == sent.get("RmAddrTx", 0) + 1, 2,
                   "RM_ADDR")


class Store:
    """What systemd does for the descriptor store: a notify socket that keeps what it is sent."""

    def __init__(self, path):
        self.path = path
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(str(path))
        self.socket.setblocking(False)
        self.texts, self.fds = [], {}

    def read(self):
        """Take in one message; False: there is none."""
        try:
            text, control, _, _ = self.socket.recvmsg(4096, socket.CMSG_SPACE(64))
        except BlockingIOError:
            return False
        self.texts.append(text.decode())
        fields = dict(line.split("=", 1) for line in text.decode().splitlines() if "=" in line)
        for _level, _kind, data in control:
            fds = array.array("i")
            fds.frombytes(data[: len(data) - len(data) % fds.itemsize])
            self.fds[fields["FDNAME"]] = fds[0]
        if fields.get("FDSTOREREMOVE"):
            fd = self.fds.pop(fields["FDNAME"], None)
            if fd is not None:
                os.close(fd)
        return True

    def await_text(self, wanted):
        def found():
            while self.read():
                pass
            return any(wanted in text for text in self.texts)

        wait_until(found, 5, f"{wanted} to systemd", lambda: self.texts)


def start_with(scene, store, fds=()):
    """mptcpd with a descriptor store that holds at most one."""
    argv = [MPTCPD, "--config", scene.daemon.config, "--runtime-directory", scene.daemon.runtime,
            "--plugin-directory", stage_plugins(scene.net.directory)]
    environment = {**os.environ, "NOTIFY_SOCKET": str(store.path)}
    for name, fd in fds:
        argv = ["sh", "-c", WITH_FD, name, *argv]
        environment["FD"] = str(fd)
    store.texts.clear()
    child = scene.net.client.start(*argv, env=environment, stdin=subprocess.DEVNULL,
                                   stderr=open(scene.net.directory / "store.log", "a"),
                                   pass_fds=[fd for _, fd in fds])
    store.await_text("READY=1")
    return child


def listeners(scene):
    lines = scene.net.client.run("ss", "-MlnHO").stdout.splitlines()
    return [line.split()[3] for line in lines]


@tap.test("/restart/listeners/stay-open-in-systemds-store")
def store_of_listeners():
    with Scene() as scene:
        scene.kill()
        store = Store(scene.net.directory / "notify")
        child = start_with(scene, store)
        scene.daemon.ctl("announce", scene.token, "10.0.3.1", "id", "77", "port", "4000",
                         "dev", "link3")
        store.await_text("FDSTORE=1")
        tap.equal(len(store.fds), 1, f"descriptors: {store.texts}")
        child.kill()
        child.wait()
        tap.equal(len(listeners(scene)), 1, "listening sockets after the kill")
        child = start_with(scene, store, list(store.fds.items()))
        tap.equal(len(listeners(scene)), 1, "listening sockets after the start")
        tap.true(not any("FDSTORE" in text for text in store.texts), store.texts)
        scene.daemon.ctl("withdraw", scene.token, "id", "77")
        store.await_text("FDSTOREREMOVE=1")
        tap.equal(store.fds, {}, "descriptors")
        wait_until(lambda: not listeners(scene), 2, "no listening socket")
        child.kill()
        child.wait()
        # nobody wants this one, and that one is not ours
        for name in ("listener-1-00000000", "stranger"):
            fd = os.open("/dev/null", os.O_RDONLY)
            child = start_with(scene, store, [(name, fd)])
            os.close(fd)
            store.await_text(f"FDSTOREREMOVE=1\nFDNAME={name}")
            child.kill()
            child.wait()


@tap.test("/restart/crowd/who-asks-is-answered-while-very-many-are-looked-at")
def crowd():
    n = 10_000
    with Network(links=2, note=tap.note) as net:
        for host in (net.client, net.server):
            host.sysctl("net.ipv4.ip_local_port_range", "1024 65535")
        net.client.sysctl("net.mptcp.path_manager", "userspace")
        for port in (5000, 5001):
            Storm(net.server, "server", "0.0.0.0", port)
            Storm(net.client, "client", "10.0.1.2", port).say(f"open {n // 2}")
        daemon = Daemon(net.client, FULLMESH, verbose=False)
        status = daemon.json("status")["status"]
        tap.note(f"{status['commands']} joins were asked for until the answer came")
        tap.equal(status["connections"], n, "connections")
        tap.at_most(status["commands"], n - 1, "joins before the answer")
        wait_until(lambda: net.client.nstat().get("MPJoinSynAckRx") == n, 20, "all joins")


if __name__ == "__main__":
    sandbox.run(tap.main)
