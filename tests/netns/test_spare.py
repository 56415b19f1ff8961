# SPDX-License-Identifier: LGPL-2.1-or-later
"""New connections are spared a link on which nobody answers, though its carrier is up."""

import contextlib
import pathlib
import re
import signal
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

import sandbox
import tap
from daemon import MPTCPD
from hosts import wait_until
from lab import Lab, client_address, server_address
from town import Watch, open_socket

FAMILIES = (4, 6)
# What asks is refused at once where somebody answers: it leaves nothing behind.
PROBE = f"tcp:{server_address(4)}:9, tcp:[{server_address(6)}]:9"


def config(mode="yes", spare="yes", more=""):
    return (f"[core]\npath-manager = userspace\nsource-routing = {mode}\n"
            f"spare-new-connections = {spare}\n[interface:link*]\nprobe = {PROBE}\n"
            f"probe-interval = 300ms\nprobe-timeout = 250ms\n{more}"
            "[policy:default]\nplugin = fullmesh\n")


def spared(lab, family=4):
    """Our default routes in the main table."""
    return [" ".join(line.split()) for line in lab.client.run(
        "ip", f"-{family}", "route", "show", "default", "proto", "184").stdout.splitlines()]


def ready(lab):
    def has_all():
        text = "".join(lab.client.run("ip", f"-{f}", "rule").stdout for f in FAMILIES)
        return all(text.count(f"from {client_address(i, f)} lookup") == 2
                   for i in lab.links for f in FAMILIES)

    wait_until(has_all, 3, "rules")


def strangers(watch, i):
    """How many packets came here with the address of link i."""
    return sum(n for (source, _), n in watch.read().items()
               if source in [client_address(i, f) for f in FAMILIES])


def is_known(lab, health):
    links = {i["name"]: i for i in lab.daemon.json("interface")["interfaces"]}
    return {links["link1"][f"health-ipv{f}"] for f in FAMILIES} == {health}


@contextlib.contextmanager
def sparing():
    """A lab in which new connections of both families are spared link1."""
    with Lab(config=config()) as lab:
        ready(lab)
        wait_until(lambda: is_known(lab, "well"), 5, "health")
        lab.cut(1)
        wait_until(lambda: all(spared(lab, f) for f in FAMILIES), 6, "spared",
                   lambda: lab.daemon.text()[-2000:])
        yield lab


@tap.test("/netns/spare/new-connections-while-the-primary-is-silent", seconds=120)
def spare():
    for mode in ("yes", "auto"):
        with Lab(config=config(mode)) as lab:
            ready(lab)
            wait_until(lambda l=lab: is_known(l, "well"), 5, "health")
            elsewhere = Watch(lab.gateways[2])
            # Of another program, that knows nothing of MPTCP and began on the primary.
            listener = open_socket(lab.server, server_address(), 7001)
            listener.listen()
            other = open_socket(lab.client, "0.0.0.0")
            other.connect((server_address(), 7001))
            connects = [lab.connects(family=f) for f in FAMILIES]
            wait_until(lambda c=connects: all(one.good(0) for one in c), 5, "connected")
            elsewhere.read().clear()
            cut = lab.cut(1)
            for one in connects:
                wait_until(lambda o=one, c=cut: o.good(c), 6, "a new connection",
                           lambda o=one: o.done()[-5:])
                tap.at_most(one.good(cut) - cut, 3.5, "until new connections are well")
            for f in FAMILIES:
                tap.true(re.fullmatch(f"default via {gateway(2, f)} dev link2 metric 100( pref medium)?",
                                      spared(lab, f)[0]), f"our route: {spared(lab, f)}")
            other.send(b"x" * 1000)
            with contextlib.suppress(TimeoutError):
                other.settimeout(1)
                other.recv(1)
            tap.equal(strangers(elsewhere, 1), 0, "packets of link1's addresses by link2")
            lab.restore(1)
            wait_until(lambda l=lab: not spared(l, 4) and not spared(l, 6), 10, "it is over",
                       lambda l=lab: (spared(l), l.daemon.text()[-500:]))


@tap.test("/netns/spare/by-what-connections-tell-alone", seconds=60, waits=True)
def passive():
    text = ("[core]\npath-manager = userspace\nsource-routing = yes\nspare-new-connections = yes\n"
            "[policy:default]\nplugin = fullmesh\n")
    with Lab(config=text) as lab:
        ready(lab)
        flow = lab.flow("up", thin=True)
        connects = lab.connects()
        lab.await_subflows(2)
        lab.await_flowing(flow, lab.carried(1, "up"))
        wait_until(lambda: connects.good(0), 5, "connected")
        cut = lab.cut(1)
        good = wait_until(lambda: connects.good(cut + 0.1), 10, "new connections again")
        tap.note(f"new connections are good again {good - cut:.2f} s after the cut")
        tap.at_most(good - cut, 3.5, "seconds")
        tap.true(spared(lab), "a default route of ours")
        restored = lab.restore(1)
        wait_until(lambda: not spared(lab), 15, "it is gone")
        tap.note(f"the primary is back {time.monotonic() - restored:.2f} s after its return")


def gateway(i, family):
    return f"10.0.{i}.2" if family == 4 else f"2001:db8:{i}::2"


@tap.test("/netns/spare/control-without-source-rules")
def control():
    """The same route without rules: what began on the primary leaves by the other link."""
    with Lab() as lab:
        elsewhere = Watch(lab.gateways[2])
        listener = open_socket(lab.server, server_address(), 7001)
        listener.listen()
        other = open_socket(lab.client, "0.0.0.0")
        other.connect((server_address(), 7001))
        elsewhere.read().clear()
        lab.client.ip(f"route add default via {gateway(2, 4)} dev link2 metric 100")
        other.send(b"x" * 1000)
        wait_until(lambda: strangers(elsewhere, 1), 3, "packets of link1's address by link2")


@tap.test("/netns/spare/not-beside-rules-of-others-and-not-before-metric-0")
def refused():
    with Lab(config=config()) as lab:
        ready(lab)
        wait_until(lambda: is_known(lab, "well"), 5, "health")
        lab.client.ip(f"route add default via {gateway(1, 4)} dev link1 metric 0")
        lab.client.run("ip", "-6", "rule", "add", "fwmark", 9, "lookup", 9, "priority", 900)
        lab.cut(1)
        for text in ("new connections of IPv4 are not spared link1, which is silent: nothing comes "
                     "before the metric of its default route",
                     "new connections of IPv6 are not spared link1, which is silent: a rule that "
                     "is not mptcpd's comes before the main table"):
            wait_until(lambda t=text: t in lab.daemon.text(), 6, text,
                       lambda: lab.daemon.text()[-2000:])
        tap.equal([spared(lab, f) for f in FAMILIES], [[], []], "ours")


@tap.test("/netns/spare/ends-with-mptcpd")
def ends():
    with sparing() as lab:
        tap.equal(lab.daemon.end(), 0, "exit status")
        tap.equal([spared(lab, f) for f in FAMILIES], [[], []], "ours")


@tap.test("/netns/spare/ends-with-a-death")
def dies():
    with sparing() as lab:
        lab.daemon.end(signal.SIGKILL)
        rules = lab.client.run("ip", "rule").stdout
        said = lab.client.run(MPTCPD, "--put-back", "--runtime-directory", lab.daemon.runtime).stderr
        tap.true("mptcpd died: new connections are not spared a silent link any more" in said, said)
        tap.equal([spared(lab, f) for f in FAMILIES], [[], []], "ours")
        tap.equal(lab.client.run("ip", "rule").stdout, rules, "rules, which open connections may need")
        again = lab.client.run(MPTCPD, "--put-back", "--runtime-directory", lab.daemon.runtime)
        tap.equal(again.stderr, "", "nothing is left to be put back")


if __name__ == "__main__":
    sandbox.run(tap.main)
