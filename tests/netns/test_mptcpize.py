# SPDX-License-Identifier: LGPL-2.1-or-later
"""`mptcpize run`: real programs, whose TCP is MPTCP then; and that nothing else about them changes.

The kernel's counters are the judge of what was spoken.
"""

import contextlib
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

import go
import middlebox
import sandbox
import tap
from hosts import BUILD, Network, wait_until

MPTCPIZE = BUILD / "mptcpize/mptcpize"
HERE = BUILD / "tests/netns"
SOCKETS, SOCKETS_STATIC = HERE / "sockets", HERE / "sockets-static"
FETCH, FETCH_STATIC = HERE / "fetch", HERE / "fetch-static"
NOBODY = ("setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups")
PORT = 8080
BACKENDS = ("preload", "seccomp")


def under(backend, *argv):
    return (MPTCPIZE, "run", f"--backend={backend}", "--", *argv)


class Stage:
    """A host, a directory, and what programs say there."""

    def __init__(self):
        self.stack = contextlib.ExitStack()

    def __enter__(self):
        self.host = self.stack.enter_context(Network(links=1, note=tap.note)).client
        self.directory = pathlib.Path(self.stack.enter_context(tempfile.TemporaryDirectory()))
        (self.directory / "index.html").write_text("hello\n", encoding="ascii")
        return self

    def __exit__(self, *fault):
        return self.stack.__exit__(*fault)

    def say(self, *argv, code=0):
        """What the program writes to standard output, and nothing to the other one."""
        done = self.host.run(*argv, check=False)
        tap.equal((done.returncode, done.stderr), (code, ""), f"{argv[-3:]}: {done.stdout}")
        return done.stdout.strip()

    def serve(self, *argv):
        """Start a server, and wait until it listens on PORT."""
        child = self.host.start(*argv, cwd=self.directory, stdout=subprocess.DEVNULL,
                                stderr=subprocess.DEVNULL)
        wait_until(lambda: f":{PORT} " in self.host.run("ss", "-ltnHO").stdout, 10, "it listens")
        return child

    def spoken(self, act):
        """What the counters grew by meanwhile: (SYNs, accepted, fallen back, for short)."""
        before = self.host.nstat()
        act()
        after = self.host.nstat()
        names = ("MPCapableSYNTX", "MPCapableACKRX", "MPCapableFallbackSYNACK")
        return tuple(after[name] - before[name] for name in names)


def http_server(port=PORT):
    return ("/usr/bin/python3", "-m", "http.server", "--bind", "127.0.0.1", port)


def nginx(stage):
    """nginx in the foreground, with nothing of the host's configuration."""
    path = stage.directory / "nginx.conf"
    path.write_text(
        f"daemon off; pid {stage.directory}/pid; error_log stderr; user root; events {{}}\n"
        f"http {{ access_log off; server {{ listen 127.0.0.1:{PORT}; root {stage.directory}; }}\n"
        + "".join(f"{name}_temp_path {stage.directory}/{name};\n"
                  for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")) + "}\n",
        encoding="ascii")
    return (need("nginx"), "-c", path)


def need(name):
    found = shutil.which(name, path=os.environ["PATH"] + ":/usr/sbin:/sbin")
    if not found:
        raise tap.Skip(f"no {name} here")
    return found


def musl(stage, *options):
    """fetch.c, built with another C library."""
    output = stage.directory / ("fetch-musl" + "".join(options))
    source = pathlib.Path(__file__).with_name("fetch.c")
    subprocess.run([need("musl-gcc"), *options, "-o", output, source], check=True)
    return output


def go_program(stage):
    return go.build(pathlib.Path(__file__).with_name("talk.go"), stage.directory / "talk")


def clients(stage):
    """{what it is: (command, backends that apply)}"""
    return {
        "curl": ((need("curl"), "-sS", f"http://127.0.0.1:{PORT}/"), BACKENDS),
        "python": (("/usr/bin/python3", "-c", "import urllib.request as u;"
                    f"print(u.urlopen('http://127.0.0.1:{PORT}/').read().decode())"), BACKENDS),
        "C": ((FETCH, PORT), BACKENDS),
        "static C": ((FETCH_STATIC, PORT), ("seccomp",)),
        "musl": ((musl(stage), PORT), ("seccomp",)),
        "static musl": ((musl(stage, "-static"), PORT), ("seccomp",)),
        "Go": ((go_program(stage), "fetch", PORT), BACKENDS),
        "Go that shall not": (("env", "GODEBUG=multipathtcp=0", go_program(stage), "fetch", PORT),
                              ("seccomp",)),
    }


@tap.test("/mptcpize/programs/clients-speak-mptcp-with-each-backend-that-applies", seconds=120)
def each_client():
    with Stage() as stage:
        stage.serve(*under("preload", *http_server()))
        for name, (argv, backends) in clients(stage).items():
            for backend in (*backends, *(("auto",) if argv[0] != "env" else ())):
                def fetch():
                    said = stage.say(*under(backend, *argv))
                    tap.true("hello" in said, f"{name} said {said}")
                tap.equal(stage.spoken(fetch), (1, 1, 0), f"{name} with {backend}")
            tap.equal(stage.spoken(lambda: stage.say(*argv)), (0, 0, 0), f"{name} without")


@tap.test("/mptcpize/programs/clients-of-a-tcp-server-work-as-before", seconds=120)
def each_client_falls_back():
    with Stage() as stage:
        stage.serve(*http_server())
        for name, (argv, backends) in clients(stage).items():
            for backend in backends:
                def fetch():
                    tap.true("hello" in stage.say(*under(backend, *argv)), name)
                tap.equal(stage.spoken(fetch), (1, 0, 1), f"{name} with {backend}")


@tap.test("/mptcpize/programs/all-works-where-mptcp-is-off", seconds=60)
def without_mptcp():
    with Stage() as stage:
        stage.serve(*http_server())
        stage.host.sysctl("net.mptcp.enabled", 0)
        for name, (argv, backends) in clients(stage).items():
            for backend in backends:
                tap.true("hello" in stage.say(*under(backend, *argv)), f"{name}, {backend}")
        for backend in BACKENDS:
            said = stage.say(*under(backend, SOCKETS, "call", 2, 0x80801, 6))
            tap.equal(said, "nonblock cloexec errno-kept tcp", backend)
        said = stage.host.run(MPTCPIZE, "run", "--verbose", "true").stderr
        tap.true("no MPTCP sockets" in said, said)


@tap.test("/mptcpize/programs/servers-speak-mptcp-with-each-backend-that-applies", seconds=120)
def each_server():
    with Stage() as stage:
        servers = {"python": http_server(), "nginx": nginx(stage),
                   "Go": (go_program(stage), "serve", PORT)}
        for name, argv in servers.items():
            for backend in (*BACKENDS, "auto"):
                server = stage.serve(*under(backend, *argv))
                fetched = (*under("preload", need("curl"), "-sS", f"http://127.0.0.1:{PORT}/"),)
                tap.equal(stage.spoken(lambda: stage.say(*fetched)), (1, 1, 0),
                          f"{name} with {backend}")
                plain = stage.spoken(lambda: stage.say(*fetched[-3:]))
                tap.equal(plain, (0, 0, 0), f"{name} with {backend} and a TCP client")
                server.send_signal(signal.SIGTERM)
                server.wait()


@tap.test("/mptcpize/auto/takes-the-least-that-works-and-says-so-when-asked")
def auto():
    with Stage() as stage:
        spaced = stage.directory / "a b"
        script = stage.directory / "script"
        script.write_text(f"#!{FETCH_STATIC}\n", encoding="ascii")
        script.chmod(0o755)
        spaced.mkdir()
        for path in (MPTCPIZE, MPTCPIZE.with_name("libmptcpize-preload.so")):
            shutil.copy(path, spaced)
        rows = [((FETCH,), "preload"), ((FETCH_STATIC,), "seccomp"), ((musl(stage),), "seccomp"),
                ((go_program(stage), "fetch"), "preload"), ((script,), "seccomp"),
                (("sh", "-c", "true"), "preload")]
        for argv, backend in rows:
            done = stage.host.run(MPTCPIZE, "run", "--verbose", *argv, 1, check=False)
            tap.true(done.stderr.split("\n")[0].endswith(f": {backend}"), f"{argv}: {done.stderr}")
        done = stage.host.run(spaced / "mptcpize", "run", "--verbose", SOCKETS, "call", 2, 1, 0)
        tap.true("space" in done.stderr and "mptcp" in done.stdout, done.stderr + done.stdout)


@tap.test("/mptcpize/verbose/names-the-backend-that-was-asked-for")
def asked_for():
    with Stage() as stage:
        for program, backend in ((SOCKETS, "preload"), (SOCKETS_STATIC, "seccomp"), (SOCKETS, "seccomp")):
            call = (program, "call", 2, 1, 0)
            done = stage.host.run(MPTCPIZE, "run", "--verbose", f"--backend={backend}", *call)
            tap.equal(done.stderr, f'mptcpize: "{program}" is to have what --backend says: {backend}\n',
                      "with --verbose")
            tap.true("mptcp" in done.stdout, done.stdout)
            stage.say(*under(backend, *call))  # nothing without it


HOLD = ("import socket, sys; s = socket.socket();"
        "s.connect(('10.0.1.2', 8080)) if len(sys.argv) > 1 else (s.bind(('', 8080)), s.listen());"
        "c = s if len(sys.argv) > 1 else s.accept()[0];"
        "c.send(b'x'); c.recv(1); c.recv(1)")


def held(net, client, server):
    """An idle connection over both links, between programs that were started by these words."""
    net.client.ip("mptcp limits set subflow 2", "mptcp endpoint add 10.0.2.1 dev link2 subflow")
    net.server.start(*server, "/usr/bin/python3", "-c", HOLD)
    wait_until(lambda: ":8080 " in net.server.run("ss", "-ltnHO").stdout, 10, "it listens")
    net.client.start(*client, "/usr/bin/python3", "-c", HOLD, "client")
    for host in (net.client, net.server):
        wait_until(lambda host=host: len(host.subflows()) == 2, 10, "two subflows")


def probed(host):
    """How many of its subflows wait for nothing but a keepalive probe."""
    return host.run("ss", "-tnHOo", "state", "established").stdout.count("timer:(keepalive,")


@tap.test("/mptcpize/keepalive/finds-a-dead-path-of-an-idle-connection", seconds=120)
def keepalive():
    words = ("--keepalive=1,1,2", "--")
    for backend in BACKENDS:
        with Network(links=2, note=tap.note, routes_by_source=True) as net:
            run = (MPTCPIZE, "run", f"--backend={backend}")
            held(net, (*run, *words), (*run, *words))
            for host in (net.client, net.server):  # what was accepted and joined, too
                wait_until(lambda host=host: probed(host) == 2, 10, "all have a timer")
            with middlebox.meddling('iifname "link2" drop', net.client):
                begin = time.monotonic()
                wait_until(lambda: len(net.client.subflows()) == 1, 30, "the dead one ends")
                tap.note(f"{backend}: found after {time.monotonic() - begin:.1f} s")
            tap.equal(net.client.subflows()[0]["local"][0], "10.0.1.1", "the one that is left")
    with Network(links=2, note=tap.note, routes_by_source=True) as net:
        held(net, (*run, "--"), (*run, "--"))
        tap.equal((probed(net.client), probed(net.server)), (0, 0), "without it nobody asks")


@tap.test("/mptcpize/keepalive/sets-what-was-said-and-the-program-may-say-otherwise")
def keepalive_values():
    with Stage() as stage:
        for backend, program in (("preload", SOCKETS), ("seccomp", SOCKETS_STATIC)):
            for option, values in (("--keepalive", "1 60 10 3"), ("--keepalive=7", "1 7 10 3"),
                                   ("--keepalive=7,8,9", "1 7 8 9")):
                said = stage.say(MPTCPIZE, "run", f"--backend={backend}", option, program, "keepalive")
                tap.equal(said, values, f"{backend} {option}")


UNTOUCHED = [(2, 1, 132), (2, 1, 17), (2, 1, 262), (2, 2, 0), (2, 2, 17), (2, 3, 6), (1, 1, 0),
             (10, 2, 0), (16, 3, 0), (17, 3, 0), (2, 1 | 0x100000, 0), (2, 1, -1), (99, 1, 0)]


@tap.test("/mptcpize/harmless/only-what-would-be-tcp-is-changed")
def untouched():
    with Stage() as stage:
        for backend, program in (("preload", SOCKETS), ("seccomp", SOCKETS_STATIC)):
            for row in UNTOUCHED:
                tap.equal(stage.say(*under(backend, program, "call", *row)),
                          stage.say(program, "call", *row), f"{backend}: socket{row}")
            for family in (2, 10):
                for protocol in (0, 6):
                    for kind, words in ((1, "block keep"), (0x801, "nonblock keep"),
                                        (0x80001, "block cloexec"), (0x80801, "nonblock cloexec")):
                        tap.equal(stage.say(*under(backend, program, "call", family, kind, protocol)),
                                  f"{words} errno-kept mptcp", f"{backend}: {kind:#x}")
            for verb in ("int80", "uring"):
                said = stage.say(*under(backend, program, verb))
                tap.true(said in ("tcp", "none"), f"{backend}: {verb}: {said}")


@tap.test("/mptcpize/harmless/limits-threads-filters-and-closed-files")
def corners():
    with Stage() as stage:
        other = 65534 if stage.host.run(*NOBODY, "true", check=False).returncode == 0 else 0
        for backend, program in (("preload", SOCKETS), ("seccomp", SOCKETS_STATIC)):
            def say(*words):
                return stage.say(*under(backend, program, *words))

            tap.equal(say("threads", 300, 20), "6000", f"{backend}: sockets made at once")
            tap.equal(say("limit", 1000), "997 EMFILE", f"{backend}: all files there may be")
            tap.equal(say("closefrom"), "mptcp", f"{backend}: after closing all")
            tap.equal(say("filter"), "mptcp", f"{backend}: with a filter of its own")
            tap.equal(say("wait"), "-1 ECHILD", f"{backend}: no child of ours is found")
            tap.equal(say("setuid", other), f"{other} mptcp", f"{backend}: whose socket it is")
            tap.equal(say("unshare"), "here mptcp", f"{backend}: in another namespace")
            tap.equal(say("signals", 500), "500 mptcp, 0 interrupted, next 3", backend)


@tap.test("/mptcpize/harmless/rules-of-firewalls-for-users-and-groups-hold")
def firewalls():
    with Stage() as stage:
        if stage.host.run(*NOBODY, "true", check=False).returncode != 0:
            raise tap.Skip("there is no other user here")
        stage.serve(*http_server())
        lines = ["add table inet owners",
                 "add chain inet owners out { type filter hook output priority 0; }"]
        lines += [f"add rule inet owners out meta {whose} 65534 tcp dport {PORT} reject with tcp reset"
                  for whose in ("skuid", "skgid")]
        stage.host.run(need("nft"), "; ".join(lines))
        for backend, program in (("preload", SOCKETS), ("seccomp", SOCKETS_STATIC)):
            for user, group in ((0, 0), (65534, 0), (0, 65534), (65534, 65534)):
                said = stage.say(*under(backend, program, "identity", user, group, PORT))
                end = "ECONNREFUSED" if user or group else "connected"
                tap.equal(said, f"{user}:{group} {end} mptcp", backend)


@tap.test("/mptcpize/harmless/who-leaves-the-network-namespace-takes-nobody-along")
def leaving():
    with Stage() as stage:
        if stage.host.run("unshare", "-Ur", "true", check=False).returncode != 0:
            raise tap.Skip("no user namespaces here")
        for prefix in ((), ("unshare", "-Ur")):
            tap.equal(stage.say(*prefix, *under("seccomp", SOCKETS_STATIC, "left")), "mptcp", prefix)


if __name__ == "__main__":
    sandbox.run(tap.main)
