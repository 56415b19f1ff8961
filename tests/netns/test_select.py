# SPDX-License-Identifier: LGPL-2.1-or-later
"""Which policy decides for a connection, on the real kernel: by addresses, ports and links."""

import contextlib
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

import sandbox
import tap
from capture import Capture
from daemon import Daemon
from hosts import NEEDS_ROUTES_BY_SOURCE, Network, Traffic, wait_until

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
                   "match": {"remote-port": "80, 5000", "side": "server"}}, "mptcpctl policy")


if __name__ == "__main__":
    sandbox.run(tap.main)
