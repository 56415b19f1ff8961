# SPDX-License-Identifier: LGPL-2.1-or-later
"""Which policy decides for a connection, on the real kernel: by addresses, ports, links and owners."""

import contextlib
import os
import pathlib
import signal
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

import sandbox
import tap
from capture import Capture
from daemon import MPTCPCTL, Daemon
from hosts import NEEDS_ROUTES_BY_SOURCE, TRAFFIC, Network, Traffic, wait_until

SERVER = {4: "10.0.1.2", 6: "2001:db8:1::2"}
PORTS = (5000, 5001)
MEGABYTE = 1 << 20
CORE = "[core]\npath-manager = userspace\n"
REST = "[policy:rest]\nplugin = fullmesh\n"


def single(*matches):
    """Connections that match have one subflow, and all others one on each link."""
    return f"{CORE}[policy:single]\nplugin = none\n" + "".join(f"{m}\n" for m in matches) + REST


@contextlib.contextmanager
def town(text):
    """Two hosts with three links, mptcpd on the client, a server on each of PORTS."""
    with Network(note=tap.note, routes_by_source=NEEDS_ROUTES_BY_SOURCE) as net:
        daemon = Daemon(net.client, text)
        net.on_failure.append(lambda: "mptcpd's log:\n" + daemon.text()[-4000:])
        for port in PORTS:
            Traffic(net.server, "server", "::", port)
        yield net, daemon


def connect(net, family=4, port=PORTS[0]):
    client = Traffic(net.client, "client", SERVER[family], port, 1)
    tap.equal(client.hello, {"connected": 1, "mptcp": 1}, "connections")
    return client


def reload(daemon, text):
    daemon.config.write_text(text)
    daemon.ctl("reload")


def links(net, port):
    """The number of established subflows by link, of connections to that port, as ss says."""
    return tuple(net.by_link(s for s in net.client.subflows() if s["remote"][1] == port).values())


def await_links(net, wanted):
    """`wanted` by port."""
    wait_until(lambda: {port: links(net, port) for port in wanted} == wanted, 5,
               f"subflows by link {wanted}", net.client.subflows)


def policies(daemon):
    """The policy of each connection, by its port."""
    return {c["remote"]["port"]: c["policy"] for c in daemon.connections()}


def intact(*clients):
    for client in clients:
        client.order("upload", MEGABYTE)
    for client in clients:
        result = client.read()
        good = result["intact"] and result["bytes"] == MEGABYTE and result["failed"] == 0
        tap.true(good, f"transfer: {result}")


def two_ports_two_policies(family):
    """… at the same time, and a reload moves open connections from one to the other."""
    ones, others = "match-remote-port = 5001, 6000-6100", "match-remote-port = 4000-5000"
    with town(single(ones)) as (net, daemon):
        capture = Capture(net.client)
        clients = connect(net, family), connect(net, family, 5001)
        await_links(net, {5000: (1, 1, 1), 5001: (1, 0, 0)})
        tap.equal(policies(daemon), {5000: "rest", 5001: "single"}, "policies")
        tap.equal({syn["port"] for syn in capture.joins()}, {5000}, "ports that are joined")
        intact(*clients)
        reload(daemon, single(others))
        await_links(net, {5000: (1, 0, 0), 5001: (1, 1, 1)})
        tap.equal(policies(daemon), {5000: "single", 5001: "rest"}, "policies")
        intact(*clients)
        # what is wrong changes nothing
        daemon.config.write_text(single("match-remote-port = 5001, 0"))
        said = daemon.ctl("reload", code=1)
        where = f"{daemon.config}:5: bad value '5001, 0' of 'match-remote-port', expected a port"
        tap.true(where in said, said)
        tap.equal(policies(daemon), {5000: "single", 5001: "rest"}, "policies")
        reload(daemon, single(ones))
        await_links(net, {5000: (1, 1, 1), 5001: (1, 0, 0)})
        intact(*clients)


for each in SERVER:
    tap.test(f"/select/two-ports-of-one-server-and-a-reload-ipv{each}")(
        lambda family=each: two_ports_two_policies(family))


@tap.test("/select/every-kind-of-match")
def _():
    """One after the other, for connections that are open."""
    matches = (  # and who matches: of IPv4, of IPv6
        (["match-remote-address = 192.0.2.0/24, 10.0.1.2"], True, False),
        (["match-remote-address = ::ffff:10.0.0.0/8"], True, False),
        (["match-remote-address = 0.0.0.0/0"], True, False),
        (["match-remote-address = ::/0, 10.0.1.3"], False, True),
        (["match-local-address = 10.0.2.0/24, 2001:db8:1::/48"], False, True),
        (["match-local-address = 10.0.1.1, 2001:db8:1::1"], True, True),
        (["match-interface = wlan*, link[12]"], True, True),
        (["match-interface = link2, link3"], False, False),
        (["match-local-port = 1-65535", "match-side = client"], True, True),
        (["match-remote-port = 80, 5000", "match-remote-address = ::/0"], False, True),
        (["match-remote-port = 80, 5000", "match-side = server"], False, False),
    )
    with town(single(*matches[0][0])) as (net, daemon):
        clients = {connect(net, family) for family in SERVER}
        for lines, *wanted in matches:
            reload(daemon, single(*lines))
            found = {":" in c["remote"]["address"]: c["policy"] == "single"
                     for c in daemon.connections()}
            tap.equal([found[False], found[True]], wanted, f"{lines}: IPv4, IPv6")
        intact(*clients)
        tap.equal(daemon.json("policy")["policies"][0],
                  {"name": "single", "plugins": ["none"], "settings": {}, "connections": 0,
                   "decides": True, "match": {"remote-port": "80, 5000", "side": "server"}}, "mptcpctl policy")


# ---- users, marks, cgroups ----


def connect_as(net, family, *argv, port=PORTS[0], **options):
    """Traffic by another program, or in other circumstances."""
    client = Traffic.__new__(Traffic)
    client.host = net.client
    client.child = net.client.start(*argv, TRAFFIC, "client", SERVER[family], port, 1,
                                    stdin=subprocess.PIPE, stdout=subprocess.PIPE, **options)
    client.hello = client.read()
    tap.equal(client.hello, {"connected": 1, "mptcp": 1}, "connections")
    return client


def by_user(uid):
    return "setpriv", f"--reuid={uid}", "--clear-groups"


def await_policies(daemon, wanted):
    """Those of all connections, in the order in which they came."""
    wait_until(lambda: [c["policy"] for c in daemon.connections()] == wanted, 3,
               f"policies {wanted}", daemon.connections)


@tap.test("/select/users-on-the-client")
def _():
    text = single("match-uid = 1000, 2000-2999")
    with town(text) as (net, daemon):
        clients = [connect(net), connect_as(net, 6, *by_user(1000), port=5001)]
        await_links(net, {5000: (1, 1, 1), 5001: (1, 0, 0)})
        clients += [connect_as(net, 4, *by_user(2999)), connect_as(net, 6, *by_user(3000))]
        await_policies(daemon, ["rest", "single", "single", "rest"])
        await_links(net, {5000: (3, 2, 2), 5001: (1, 0, 0)})
        # who decides is the same after a restart, and after a reload
        tap.equal(daemon.end(signal.SIGKILL), -signal.SIGKILL, "exit code")
        daemon = Daemon(net.client, text, runtime=daemon.runtime)
        wait_until(lambda: sorted(c["policy"] or "" for c in daemon.connections())
                   == ["rest"] * 2 + ["single"] * 2, 3, "policies", daemon.connections)
        await_links(net, {5000: (3, 2, 2), 5001: (1, 0, 0)})
        daemon.config.write_text(single("match-uid = root"))
        daemon.ctl("reload")
        await_links(net, {5000: (3, 2, 2), 5001: (1, 1, 1)})
        wait_until(lambda: sorted(c["policy"] or "" for c in daemon.connections())
                   == ["rest"] * 3 + ["single"], 3, "policies", daemon.connections)
        intact(*clients)


@tap.test("/select/users-on-the-server")
def _():
    """Also of what nobody has accepted yet."""
    with Network(note=tap.note) as net:
        daemon = Daemon(net.server, single("match-side = server", "match-uid = 1000"))
        listen = ("import socket, sys\nl = socket.socket(socket.AF_INET, socket.SOCK_STREAM, 262)\n"
                  "l.bind(('0.0.0.0', 6000)); l.listen(); print(flush=True)\n"
                  "sys.stdin.readline(); c = l.accept()[0]; sys.stdin.read()\n")
        for port, argv in ((5000, ()), (5001, by_user(1000))):
            server = net.server.start(*argv, TRAFFIC, "server", "::", port,
                                      stdin=subprocess.PIPE, stdout=subprocess.PIPE)
            server.stdout.readline()
        late = net.server.start(*by_user(1000), sys.executable, "-c", listen,
                                stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        late.stdout.readline()
        clients = [connect(net, family, port) for family in SERVER for port in PORTS]
        await_policies(daemon, ["rest", "single"] * 2)
        greet = ("import socket, sys\nc = socket.socket(socket.AF_INET, socket.SOCK_STREAM, 262)\n"
                 f"c.connect(('{SERVER[4]}', 6000)); c.send(b'x'); print(flush=True)\n"
                 "sys.stdin.read()\n")
        waits = net.client.start(sys.executable, "-c", greet, stdin=subprocess.PIPE,
                                 stdout=subprocess.PIPE)
        waits.stdout.readline()
        wait_until(lambda: len(daemon.connections()) == 5, 3, "a fifth connection")
        before = daemon.connections()[-1]["policy"]
        tap.true(before in (None, "single"), f"policy of one that is not accepted: {before}")
        late.stdin.write("\n")
        late.stdin.flush()
        await_policies(daemon, ["rest", "single"] * 2 + ["single"])
        intact(*clients)


MARKED = """
import socket, sys
family = socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET
client = socket.socket(family, socket.SOCK_STREAM, 262)
client.setsockopt(socket.SOL_SOCKET, 36, int(sys.argv[3], 0))
client.connect((sys.argv[1], int(sys.argv[2])))
print(client.recv(1), flush=True)
sys.stdin.read()
"""


@tap.test("/select/marks")
def _():
    with town(single("match-mark = 0x10/0xf0, 7")) as (net, daemon):
        for family in SERVER:
            for mark in ("0x1f", "0", "7", "0x107"):
                client = net.client.start(sys.executable, "-c", MARKED, SERVER[family], PORTS[0],
                                          mark, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
                client.stdout.readline()
        await_policies(daemon, ["single", "rest"] * 4)
        await_links(net, {5000: (8, 4, 4)})


@contextlib.contextmanager
def cgroups(*names):
    """New cgroups of these names below one of our own: a function that enters one of them."""
    with contextlib.ExitStack() as undo:
        root = undo.enter_context(tempfile.TemporaryDirectory())
        done = subprocess.run(["mount", "-t", "cgroup2", "none", root], check=False,
                              capture_output=True, text=True)
        if done.returncode:
            raise tap.Skip(f"no cgroup2 may be mounted: {done.stderr.strip()}")
        undo.callback(subprocess.run, ["umount", root], check=True)
        top = pathlib.Path(tempfile.mkdtemp(prefix="mptcpd-test-", dir=root))
        undo.callback(top.rmdir)

        def make(name):
            (top / name).mkdir()
            undo.callback((top / name).rmdir)

        for name in names:
            make(name)
        yield f"/{top.name}", make, lambda name: (top / name / "cgroup.procs").write_text(
            str(os.getpid()))


@tap.test("/select/cgroups")
def _():
    """By path, with what is below it, and of one that is new."""
    with cgroups("a.service", "a.service/worker", "b.service") as (top, make, enter):
        text = single(f"match-cgroup = {top}/a.service, {top}/later*")
        with town(text) as (net, daemon):
            make("later.scope")
            clients = [connect_as(net, 4, preexec_fn=lambda name=name: enter(name)) for name in
                       ("a.service", "a.service/worker", "b.service", "later.scope")]
            await_policies(daemon, ["single", "single", "rest", "single"])
            await_links(net, {5000: (4, 1, 1)})
            tap.equal(daemon.end(signal.SIGKILL), -signal.SIGKILL, "exit code")
            daemon = Daemon(net.client, text, runtime=daemon.runtime)
            wait_until(lambda: sorted(c["policy"] or "" for c in daemon.connections())
                       == ["rest"] + ["single"] * 3, 3, "policies", daemon.connections)
            reload(daemon, single(f"match-cgroup = {top}/b.*"))
            await_links(net, {5000: (4, 3, 3)})
            for client in clients:
                client.close()


# ---- without any connection ----


def links_of(answer):
    return sorted(path["interface"] for path in answer["paths"])


@tap.test("/select/policy-test-says-what-a-connection-then-gets")
def _():
    with town(single("match-remote-port = 5001", "match-uid = 1000")) as (net, daemon):
        for family in SERVER:
            local = {4: "10.0.1.1", 6: "2001:db8:1::1"}[family]
            remote = {4: SERVER[4] + ":{}", 6: "[" + SERVER[6] + "]:{}"}[family]
            before = daemon.json("status")["status"]["commands"]
            answer = daemon.json("policy", "test", local, remote.format(5000))
            tap.equal((answer["policy"], links_of(answer), answer["reason"], answer["missing"]),
                      ("rest", ["link1", "link2", "link3"], None, []), "to port 5000")
            tap.equal([p["state"] for p in answer["paths"] if p["local"]["address"] == local],
                      ["established"], "the initial one")
            answer = daemon.json("policy", "test", local, remote.format(5001), "uid", 1000)
            tap.equal((answer["policy"], links_of(answer)), ("single", ["link1"]), "user 1000")
            answer = daemon.json("policy", "test", local, remote.format(5001), "uid", "root",
                                 "side", "client", "mark", "0x10", "cgroup", "/a", "interface",
                                 "link1")
            tap.equal((answer["policy"], len(answer["paths"])), ("rest", 3), "root")
            answer = daemon.json("policy", "test", local, remote.format(5001))
            tap.equal((answer["policy"], answer["paths"], answer["reason"], answer["missing"]),
                      ("single", [], "open", ["uid"]), "nobody knows whose")
            answer = daemon.json("policy", "test", local, SERVER[family], "uid", 1000)
            tap.equal((answer["reason"], answer["missing"]), ("open", ["remote-port"]), "no port")
            text = daemon.ctl("policy", "test", local, remote.format(5000))
            tap.true(text.startswith("policy rest dev link1\n") and "link3" in text, text)
            tap.equal(daemon.json("status")["status"]["commands"], before, "commands")
        tap.equal((daemon.connections(), net.client.subflows()), ([], []), "connections")
        tap.equal([p["connections"] for p in daemon.json("policy")["policies"]], [0, 0], "counts")
        # and so it is
        _clients = connect(net), connect_as(net, 6, *by_user(1000), port=5001)
        await_links(net, {5000: (1, 1, 1), 5001: (1, 0, 0)})
        tap.equal([p["connections"] for p in daemon.json("policy")["policies"]], [1, 1], "counts")
        # whoever may look at policies may ask for this
        net.client.directory.chmod(0o755)
        done = net.client.run(*by_user(65534), MPTCPCTL, "--socket", daemon.runtime / "control",
                              "policy", "test", "10.0.1.1", "10.0.1.2:5000")
        tap.true(done.stdout.startswith("policy rest"), done.stdout)
        for wrong in (["10.0.1.1"], ["10.0.1.1", "::1"], ["x", "10.0.1.2"],
                      ["10.0.1.1", "10.0.1.2", "side", "both"], ["10.0.1.1", "10.0.1.2", "uid"],
                      ["10.0.1.1", "10.0.1.2", "uid", "4294967295"],
                      ["10.0.1.1", "10.0.1.2", "mark", "0x100000000"],
                      ["10.0.1.1", "10.0.1.2", "cgroup", "nginx"],
                      ["10.0.1.1", "10.0.1.2", "port", "1"]):
            daemon.ctl("policy", "test", *wrong, code=2)


@tap.test("/select/nothing-is-decided-for-the-kernel")
def _():
    text = single("match-remote-port = 5001").replace("userspace", "kernel")
    with town(text) as (net, daemon):
        said = "decides nothing, nor does any other policy: the kernel decides"
        done = net.client.run(MPTCPCTL, "--socket", daemon.runtime / "control", "config", "check")
        tap.true(f"{daemon.config}:3: [policy:single] {said}" in done.stdout + done.stderr,
                 f"config check: {done.stdout}{done.stderr}")
        tap.true("policies decide nothing" in daemon.ctl("policy"), "policy says so")
        tap.equal([p["decides"] for p in daemon.json("policy")["policies"]], [False] * 2, "decides")
        answer = daemon.json("policy", "test", "10.0.1.1", "10.0.1.2:5001")
        tap.equal((answer["policy"], answer["reason"], answer["paths"]),
                  ("single", "path-manager", []), "policy test")
        tap.true("decide nothing" in daemon.ctl("policy", "test", "10.0.1.1", "10.0.1.2:5001"),
                 "policy test says so")


if __name__ == "__main__":
    sandbox.run(tap.main)
