# SPDX-License-Identifier: LGPL-2.1-or-later
"""Two hosts with some links, mptcpd at one of them, and sockets of this process in both."""

import socket
import sys

import tap
from capture import in_namespace
from daemon import FULLMESH, Daemon
from hosts import NEEDS_ROUTES_BY_SOURCE, Network

MPTCP, PORT = 262, 5000
KERNEL = "[core]\npath-manager = kernel\n"


class Scene:
    """A context manager. `before` is called with it before mptcpd begins, if that `runs`."""

    def __init__(self, config=FULLMESH, links=2, at="client", before=None, runs=True,
                 routes_by_source=NEEDS_ROUTES_BY_SOURCE):
        self.config, self.at, self.before, self.runs = config, at, before, runs
        self.net = Network(links=links, note=tap.note, routes_by_source=routes_by_source)
        self.sockets = []
        self.daemon = None

    def __enter__(self):
        net = self.net.__enter__()
        try:
            self.client, self.server = net.client, net.server
            self.host = getattr(net, self.at)
            if self.before:
                self.before(self)
            if self.runs:
                self.start()
        except BaseException:
            self.net.__exit__(*sys.exc_info())
            raise
        return self

    def __exit__(self, *exception):
        for end in self.sockets:
            end.close()
        return self.net.__exit__(*exception)

    def start(self, **options):
        """Start mptcpd, also in the place of one that ended."""
        before, self.daemon = self.daemon, Daemon(self.host, self.config, **options)
        if before is None:
            self.net.on_failure.append(lambda: "mptcpd's log:\n" + self.daemon.text()[-4000:])

    def open(self, host, family=socket.AF_INET, protocol=MPTCP):
        made = in_namespace(host.name, lambda: socket.socket(family, socket.SOCK_STREAM, protocol))
        made.settimeout(20)
        self.sockets.append(made)
        return made

    def listen(self, port=PORT, family=socket.AF_INET6, protocol=MPTCP, host=None):
        """A socket that listens on all addresses, of the server unless told otherwise."""
        made = self.open(host or self.server, family, protocol)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind(("::" if family == socket.AF_INET6 else "0.0.0.0", port))
        made.listen(64)
        return made
