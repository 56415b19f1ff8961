# SPDX-License-Identifier: LGPL-2.1-or-later
"""A server with two uplinks, and a client with one link behind a router that translates addresses.

    client 10.9.0.2 -- link0 -- router -- link1 -- server 10.1.1.2, 2001:db8:1::2 (default route)
                                      \\- link2 -- server 10.2.2.2, 2001:db8:2::2

The server sees the client as CLIENT4 or CLIENT6, to which only its default routes lead.
"""

import re
import shutil
import socket
import sys

import tap
from capture import in_namespace
from daemon import Daemon
from hosts import Host, Network, Traffic, wait_until

MPTCP = 262
PORT = 8000
FIRST, SECOND = "10.1.1.2", "10.2.2.2"
FIRST6, SECOND6 = "2001:db8:1::2", "2001:db8:2::2"
CLIENT4, CLIENT6 = "198.51.100.7", "2001:db8:99::7"
PUBLIC = "203.0.113.9"

TRANSLATE = f"""
table inet nat {{
    chain post {{
        type nat hook postrouting priority srcnat
        iifname "link0" ip saddr 10.9.0.0/24 snat ip to {CLIENT4}
        iifname "link0" ip6 saddr 2001:db8:9::/64 snat ip6 to {CLIENT6}
    }}
}}
"""
# An uplink lets nothing out but what has its own addresses (BCP 38).
BCP38 = """
table inet bcp38 {
    chain forward {
        type filter hook forward priority filter
        iifname "link1" ip saddr != 10.1.1.0/24 counter drop
        iifname "link2" ip saddr != 10.2.2.0/24 counter drop
        iifname "link1" meta nfproto ipv6 ip6 saddr != 2001:db8:1::/64 counter drop
        iifname "link2" meta nfproto ipv6 ip6 saddr != 2001:db8:2::/64 counter drop
    }
}
"""


def lead(public, port, home, home_port):
    """What comes for the public address, and port, goes to the server's own."""
    ports, to = (f"tcp dport {port}", f"{home}:{home_port}") if port else ("", home)
    return f"""
table inet lead {{
    chain pre {{
        type nat hook prerouting priority dstnat
        ip daddr {public} {ports} dnat ip to {to}
    }}
}}
"""


SERVER = """\
[core]
path-manager = userspace
{core}
[interface:link2]
flags = signal
{link2}
[interface:link1]
flags = subflow
[policy:default]
plugin = fullmesh
"""


def server_config(link2="", core=""):
    return SERVER.format(link2=link2, core=core)


class Site:
    """The three hosts. `config` is of mptcpd on the server; None: there is none."""

    def __init__(self, config=None, listen="0.0.0.0", target=FIRST, rules=(), accept=4):
        if not shutil.which("nft"):
            raise tap.Skip("nft is not installed")
        # no links of its own: it is here for its directory and its order of undoing
        self.net = Network(links=0, note=tap.note)
        self.config, self.listen, self.target, self.accept = config, listen, target, accept
        self.rules = (TRANSLATE, *rules)
        self.daemon = self.traffic = self.application = None

    def __enter__(self):
        self.net.__enter__()
        try:
            self.client, self.server = self.net.client, self.net.server
            self.router = Host("router", 3, self.net.directory)
            self.net.undo.callback(self.router.stop)
            self.wire()
            self.router.run("nft", "-f", "-", stdin="".join(self.rules))
            self.client.ip(f"mptcp limits set subflow 4 add_addr_accepted {self.accept}")
            # an ADD_ADDR that is dropped is told again after that
            self.server.sysctl("net.mptcp.add_addr_timeout", 1)
            if self.config is not None:
                self.start(self.config)
            if self.listen:
                self.application = Traffic(self.server, "server", self.listen, PORT)
            if self.target:
                self.connect(self.target)
        except BaseException:
            self.net.__exit__(*sys.exc_info())
            raise
        return self

    def __exit__(self, *exception):
        return self.net.__exit__(*exception)

    def start(self, config, **options):
        self.daemon = Daemon(self.server, config, **options)
        self.net.on_failure.append(lambda: "mptcpd's log:\n" + self.daemon.text()[-4000:])

    def wire(self):
        for host, far in ((self.client, "link0"), (self.server, "link1"), (self.server, "link2")):
            self.router.ip(f"link add {far} type veth peer name {far} netns {host.name}")
        for host in (self.router, self.client, self.server):
            for kind in ("default", "all"):
                host.sysctl(f"net.ipv4.conf.{kind}.rp_filter", 0)
        self.router.sysctl("net.ipv4.ip_forward", 1)
        self.router.sysctl("net.ipv6.conf.all.forwarding", 1)
        self.router.ip(*(f"link set link{i} up" for i in range(3)),
                       "address add 10.9.0.1/24 dev link0",
                       "address add 2001:db8:9::1/64 dev link0 nodad",
                       *(f"address add 10.{i}.{i}.1/24 dev link{i}" for i in (1, 2)),
                       *(f"address add 2001:db8:{i}::1/64 dev link{i} nodad" for i in (1, 2)))
        self.client.ip("link set link0 up", "address add 10.9.0.2/24 dev link0",
                       "address add 2001:db8:9::2/64 dev link0 nodad",
                       "route add default via 10.9.0.1", "route add ::/0 via 2001:db8:9::1")
        for i in (1, 2):
            self.server.ip(f"link set link{i} up", f"address add 10.{i}.{i}.2/24 dev link{i}",
                           f"address add 2001:db8:{i}::2/64 dev link{i} nodad",
                           f"route add default via 10.{i}.{i}.1 dev link{i} metric {100 * i}",
                           f"route add ::/0 via 2001:db8:{i}::1 dev link{i} metric {100 * i}")
        for host in (self.router, self.client, self.server):
            wait_until(lambda host=host: not host.links_not_up(), 5, "carrier", host.links_not_up)

    def connect(self, target):
        self.traffic = Traffic(self.client, "client", target, PORT)
        tap.equal(self.traffic.hello, {"connected": 1, "mptcp": 1}, "connections")
        return self.traffic

    def try_to_connect(self, target):
        """The client's socket, which waits for an answer."""
        client = in_namespace(self.client.name,
                              lambda: socket.socket(socket.AF_INET, socket.SOCK_STREAM, MPTCP))
        client.setblocking(False)
        client.connect_ex((target, PORT))
        return client

    def await_dropped(self):
        """A filter has dropped what left by the wrong uplink."""
        def dropped():
            text = self.router.run("nft", "list", "table", "inet", "bcp38").stdout
            return sum(int(n) for n in re.findall(r"counter packets (\d+)", text))

        wait_until(dropped, 5, "a packet was dropped")

    def joined(self):
        """The server's addresses of established subflows, each as often as there are."""
        return sorted(s["local"][0] for s in self.server.subflows())

    def await_joined(self, *wanted, seconds=5):
        wait_until(lambda: self.joined() == sorted(wanted), seconds, f"subflows at {wanted}",
                   self.joined)

    def await_answers(self):
        """No join of the client waits for an answer any more, nor the server for its last word."""
        def waiting():
            return self.client.subflows(state="SYN-SENT") + self.server.subflows(state="SYN-RECV")

        wait_until(lambda: not waiting(), 10, "an answer to each join", waiting)

    def counter(self, host, name):
        return host.nstat().get(name, 0)

    def await_counter(self, host, name, least=1, seconds=5):
        wait_until(lambda: self.counter(host, name) >= least, seconds, f"{name} of {host.name}",
                   host.nstat)

    def token(self):
        return self.server.connections()[0]["token"]

    def explain(self):
        return self.daemon.json("explain", self.token())

    def listening(self):
        """Where MPTCP sockets listen on the server, whose ever they are, as ss shows it."""
        rows = self.server.run("ss", "-HlMnO").stdout.splitlines()
        return {row.split()[3].replace("%link1", "").replace("%link2", "") for row in rows}

    def await_listening(self, *wanted):
        wait_until(lambda: self.listening() == set(wanted), 2, f"listening at {wanted}",
                   self.listening)

    def talk(self, listener, target=None):
        """A connection to this process's listener: (the client's socket, the server's)."""
        target = target or listener.getsockname()[:2]
        family = socket.AF_INET6 if ":" in target[0] else socket.AF_INET
        client = in_namespace(self.client.name,
                              lambda: socket.socket(family, socket.SOCK_STREAM, MPTCP))
        client.settimeout(10)
        client.connect(target)
        server, _ = listener.accept()
        server.send(b"greeting")
        tap.equal(client.recv(100), b"greeting", "received")
        return client, server

    def bind(self, address, port=PORT, **options):
        """An application's listening socket, which is this process's; or the errno."""
        family = socket.AF_INET6 if ":" in address else socket.AF_INET

        def make():
            listener = socket.socket(family, socket.SOCK_STREAM, options.get("protocol", MPTCP))
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if options.get("reuseport"):
                listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            if "only" in options:
                listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, options["only"])
            try:
                listener.bind((address, port))
                listener.listen()
            except OSError as error:
                listener.close()
                return error.errno
            return listener

        return in_namespace(self.server.name, make)
