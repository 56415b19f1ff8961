# SPDX-License-Identifier: LGPL-2.1-or-later
"""Two hosts as network namespaces, joined by several links. Call sandbox.enter() first."""

import contextlib
import json
import os
import pathlib
import re
import subprocess
import tempfile
import time

from tap import Limit, kernel_before

BUILD = pathlib.Path(
    os.environ.get("MPTCPD_BUILD", pathlib.Path(__file__).resolve().parents[2] / "build")
)
TRAFFIC = BUILD / "tests/netns/traffic"
STORM = BUILD / "tests/netns/storm"
# Such a kernel does not bind a subflow to the link that SUBFLOW_CREATE names: its user has to see
# to it that packets leave by the link of their address.
NEEDS_ROUTES_BY_SOURCE = kernel_before(6, 12)


class Timeout(AssertionError):
    """What was waited for did not come in time."""


def wait_until(predicate, seconds, what, show=None, by_the_clock=False):
    """Ask until the answer is true, and return it; raise Timeout with what show() then tells.

    It judges that something comes, not how fast the machine is; with `by_the_clock` that as well.
    """
    limit = Limit(seconds, by_the_clock)
    while True:
        answer = predicate()
        if answer:
            return answer
        if limit.left() <= 0:
            raise Timeout(f"not within {seconds} s: {what}; now: {show() if show else answer!r}")
        time.sleep(0.005)


def unmap(address):
    """::ffff:10.0.0.1 is 10.0.0.1, as mptcpd writes it."""
    return address[7:] if address.startswith("::ffff:") and "." in address else address


def parse_socket(text):
    """An address as ss prints it, `10.0.0.1%dev:80` or `[::1]:80` -> (address, port, dev)."""
    host, _, port = text.rpartition(":")
    host, _, device = host.partition("%")
    if host.startswith("["):
        host, _, rest = host[1:].partition("]")
        device = device.rstrip("]") or rest.lstrip("%")
    return unmap(host), int(port) if port != "*" else 0, device


class Host:
    """One namespace and what runs in it."""

    def __init__(self, name, number, directory):
        self.name = name
        self.number = number  # the last part of its addresses
        self.directory = directory
        self.children = []
        subprocess.run(["ip", "netns", "add", name], check=True)
        self.ip("link set lo up")

    def argv(self, *argv):
        return ["ip", "netns", "exec", self.name, *map(str, argv)]

    def run(self, *argv, check=True, stdin=None):
        """Run a command inside; returns the CompletedProcess with its texts."""
        done = subprocess.run(
            self.argv(*argv), text=True, errors="backslashreplace", input=stdin,
            capture_output=True, check=False
        )
        if check and done.returncode != 0:
            raise AssertionError(f"{self.name}: {' '.join(map(str, argv))}: {done.stderr.strip()}")
        return done

    def start(self, *argv, **options):
        """Start a command inside that ends with the host at the latest."""
        child = subprocess.Popen(self.argv(*argv), text=True, **options)
        self.children.append(child)
        return child

    def ip(self, *lines):
        """One or more `ip` commands in one go."""
        done = subprocess.run(
            ["ip", "-n", self.name, "-batch", "-"],
            input="\n".join(lines) + "\n",
            text=True,
            capture_output=True,
            check=False,
        )
        if done.returncode != 0:
            raise AssertionError(f"{self.name}: ip: {done.stderr.strip()} ({'; '.join(lines)})")

    def sysctl(self, name, value=None):
        """Read a sysctl of the namespace, or set it."""
        words = ()
        if name == "net.mptcp.path_manager" and kernel_before(6, 15):
            name, words = "net.mptcp.pm_type", ("kernel", "userspace")
        path = "/proc/sys/" + name.replace(".", "/")
        if value is None:
            found = self.run("cat", path).stdout.strip()
            return words[int(found)] if words else found
        text = words.index(value) if words else value
        self.run("sh", "-c", f'printf %s "$1" > {path}', "sh", text)
        return str(value)

    def counters(self):
        """{link: (bytes received, bytes sent)}"""
        links = json.loads(self.run("ip", "-json", "-statistics", "link", "show").stdout)
        return {
            link["ifname"]: (link["stats64"]["rx"]["bytes"], link["stats64"]["tx"]["bytes"])
            for link in links
        }

    def forget_duplicates(self):
        """Links made from now on are as if they had been up for long: no address is tentative.

        A packet by a link that has not its address is sent when the router has answered a question
        from the link-local address; while that is tentative, for a second or two after `link set up`,
        nobody asks, and all that is sent there waits.
        """
        for kind in ("default", "all"):
            self.sysctl(f"net.ipv6.conf.{kind}.accept_dad", 0)

    def links_not_up(self):
        """The links that are down or have no carrier."""
        links = json.loads(self.run("ip", "-json", "link", "show", "type", "veth").stdout or "[]")
        return [link["ifname"] for link in links if link["operstate"] != "UP"]

    def nstat(self):
        """The MPTcpExt counters, by name."""
        rows = [row.split() for row in self.run("cat", "/proc/net/netstat").stdout.splitlines()]
        for names, values in zip(rows, rows[1:]):
            if names[0] == values[0] == "MPTcpExt:" and not names[1].lstrip("-").isdigit():
                return dict(zip(names[1:], map(int, values[1:])))
        return {}

    def subflows(self, token=None, state="ESTAB"):
        """The MPTCP subflows `ss` sees, as dicts; of one token, in one state (None: any)."""
        found = []
        for line in self.run("ss", "-tinHO").stdout.splitlines():
            match = re.search(
                r"tcp-ulp-mptcp flags:(\w*) token:(\w+)\(id:(\d+)\)/(\w+)\(id:(\d+)\)", line
            )
            words = line.split()
            if not match or (state and words[0] != state):
                continue
            local, remote = parse_socket(words[3]), parse_socket(words[4])
            sent = re.search(r"bytes_sent:(\d+)", line)
            found.append(
                {
                    "state": words[0],
                    "local": local[:2],
                    "remote": remote[:2],
                    "device": local[2],
                    "flags": match[1],
                    "token": f"{int(match[4], 16):x}",
                    "remote-id": int(match[3]),
                    "local-id": int(match[5]),
                    "bytes-sent": int(sent[1]) if sent else 0,
                }
            )
        return [subflow for subflow in found if token in (None, subflow["token"])]

    def connections(self):
        """The MPTCP sockets `ss` sees: [{"token", "local", "remote", "state"}], without listeners."""
        found = []
        for line in self.run("ss", "-MinHO").stdout.splitlines():
            words = line.split()
            token = re.search(r"\btoken:([0-9a-f]+)", line)
            if token:
                found.append(
                    {
                        "state": words[0],
                        "local": parse_socket(words[3])[:2],
                        "remote": parse_socket(words[4])[:2],
                        "token": f"{int(token[1], 16):x}",
                    }
                )
        return found

    def stop(self):
        for child in self.children:
            if child.poll() is None:
                child.kill()
            child.wait()
            for stream in (child.stdin, child.stdout, child.stderr):
                if stream:
                    with contextlib.suppress(OSError):
                        stream.close()
        subprocess.run(["ip", "netns", "delete", self.name], check=False)


class Network:
    """`client` and `server`, joined by link1 … linkN: 10.0.N.1 - 10.0.N.2, 2001:db8:N::1 - ::2.

    A context manager. When a test fails inside, what can be seen of both hosts is printed.
    """

    def __init__(self, links=3, rate=None, note=print, routes_by_source=False):
        self.links = range(1, links + 1)
        self.rate = rate  # as tc writes it, of each link and direction
        self.routes_by_source = routes_by_source  # the client's first addresses have a table each
        self.note = note
        self.on_failure = []  # functions that return text
        self.temporary = tempfile.TemporaryDirectory(prefix="mptcpd-", dir="/run")
        self.directory = pathlib.Path(self.temporary.name)

    def __enter__(self):
        with contextlib.ExitStack() as undo:
            undo.callback(self.temporary.cleanup)
            self.client = Host("client", 1, self.directory)
            undo.callback(self.client.stop)
            self.server = Host("server", 2, self.directory)
            undo.callback(self.server.stop)
            self.join()
            self.undo = undo.pop_all()
        return self

    def __exit__(self, kind, _value, _trace):
        with self.undo:
            if kind and issubclass(kind, Exception):
                self.report()

    def join(self):
        for host in (self.client, self.server):
            host.forget_duplicates()
            for kind in ("default", "all"):
                host.sysctl(f"net.ipv4.conf.{kind}.rp_filter", 0)
        for i in self.links:
            self.wire(i, f"link{i}")
            if self.routes_by_source:
                for option, address in (("-4", f"10.0.{i}.1"), ("-6", f"2001:db8:{i}::1")):
                    self.client.run("ip", option, "rule", "add", "from", address, "table", 100 + i)
        for i in self.links:
            self.up(i, self.server)
            self.up(i, self.client)
            if self.rate:
                for host in (self.client, self.server):
                    self.shape(host, i)
        self.server.ip("mptcp limits set subflow 8 add_addr_accepted 8")
        self.await_carrier()

    def await_carrier(self):
        """What is up is connected: the kernel finds that out some time after `link set up`."""
        for host in (self.client, self.server):
            wait_until(lambda host=host: not host.links_not_up(), 5, "carrier", host.links_not_up)

    def wire(self, i, name):
        """Make a link, or make it again: with an index that none had before."""
        self.client.ip(f"link add {name} type veth peer name link{i} netns server")

    def shape(self, host, i):
        tbf = f"tbf rate {self.rate} burst 256kb latency 30ms"
        host.run("tc", "qdisc", "replace", "dev", f"link{i}", "root", *tbf.split())

    def report(self):
        """Print what can be seen of both hosts."""
        commands = ("ip -brief address", "ip route", "ss -tinHO", "ss -MinHO")
        for host in (self.client, self.server):
            for command in commands:
                lines = host.run(*command.split(), check=False).stdout.splitlines()[:12]
                text = "\n".join(line.rstrip() for line in lines)
                self.note(f"{host.name}: {command}\n{text}")
            self.note(f"{host.name}: {({k: n for k, n in host.nstat().items() if n})}")
        for function in self.on_failure:
            self.note(function())

    def up(self, i, host):
        """Bring a link up, with its addresses and (client) its default routes.

        Taking a link down has removed its routes and its IPv6 addresses; on a real host it is the
        network manager that brings them back.
        """
        lines = [
            f"link set link{i} up",
            f"address replace 10.0.{i}.{host.number}/24 dev link{i}",
            f"address replace 2001:db8:{i}::{host.number}/64 dev link{i} nodad",
        ]
        if host is self.client:
            lines += [
                f"route replace default via 10.0.{i}.2 dev link{i} metric {100 + i}",
                f"route replace ::/0 via 2001:db8:{i}::2 dev link{i} metric {100 + i}",
            ]
            if self.routes_by_source:
                lines += [
                    f"route replace default via 10.0.{i}.2 dev link{i} table {100 + i}",
                    f"route replace ::/0 via 2001:db8:{i}::2 dev link{i} table {100 + i}",
                ]
        host.ip(*lines)

    def down(self, i, host=None):
        """Cut a link, at the client unless told otherwise."""
        (host or self.client).ip(f"link set link{i} down")

    def by_link(self, subflows):
        """How many of these client's subflows belong to each link, by their local address."""
        count = {i: 0 for i in self.links}
        for subflow in subflows:
            address = subflow["local"][0]
            count[int(address.split(":" if ":" in address else ".")[2])] += 1
        return count


class Traffic:
    """A traffic program and its line-wise talk (see traffic.c)."""

    program = TRAFFIC

    def __init__(self, host, *argv):
        self.host = host
        self.child = host.start(self.program, *argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.hello = self.read()

    def read(self):
        line = self.child.stdout.readline()
        if not line:
            raise AssertionError(f"traffic ended with {self.child.wait()}")
        return json.loads(line)

    def order(self, verb, size):
        """Start a transfer of `size` bytes on every connection; read() waits for its result."""
        self.child.stdin.write(f"{verb} {size}\n")
        self.child.stdin.flush()

    def transfer(self, verb, size):
        self.order(verb, size)
        return self.read()

    def close(self):
        """Close all connections in an orderly way."""
        self.child.stdin.close()
        return self.child.wait()


class Storm(Traffic):
    """A storm program (see storm.c): very many connections without traffic."""

    program = STORM

    def say(self, order):
        """A line of storm.c's, and what it answers."""
        self.child.stdin.write(f"{order}\n")
        self.child.stdin.flush()
        return self.read()

    def end_all(self, how):
        """`abort` or `close` all its connections."""
        return self.say(how)
