# SPDX-License-Identifier: LGPL-2.1-or-later
"""Probes by each link: who asks, from where and by which way, and what comes of the answers."""

import os
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

import sandbox
import tap
from capture import Capture
from daemon import MPTCPD, Monitor
from hosts import wait_until
from lab import PORT, Lab, client_address, server_address

GROUPS = "net.ipv4.ping_group_range"
COMMAND = "sysctl -w net.ipv4.ping_group_range='0 2147483647'"
TARGETS = {
    "icmp-ipv4": (4, f"icmp:{server_address(4)}"),
    "icmp-ipv6": (6, f"icmp:{server_address(6)}"),
    "tcp-ipv4": (4, f"tcp:{server_address(4)}:{PORT}"),
    "tcp-ipv6": (6, f"tcp:[{server_address(6)}]:{PORT}"),
    "tcp-refused-ipv4": (4, f"tcp:{server_address(4)}:9"),
    "tcp-refused-ipv6": (6, f"tcp:[{server_address(6)}]:9"),
}


def config(*probes, interval="300ms", more=""):
    return ("[core]\npath-manager = userspace\n[interface:link*]\n"
            f"probe = {', '.join(probes)}\nprobe-interval = {interval}\nprobe-timeout = 250ms\n"
            f"{more}[policy:default]\nplugin = fullmesh\n")


def health(lab, i, family):
    found = {link["name"]: link for link in lab.daemon.json("interface")["interfaces"]}
    return found[f"link{i}"][f"health-ipv{family}"]


def await_health(lab, i, family, wanted, seconds=5):
    wait_until(lambda: health(lab, i, family) in wanted.split(), seconds, f"link{i} is {wanted}",
               lambda: lab.daemon.json("interface"))


class Probed(Lab):
    """A lab in which everybody may ping."""

    def build(self):
        super().build()
        self.client.sysctl(GROUPS, "0 2147483647")


def each_target(name, family, probe):
    @tap.test(f"/probe/{name}/silence-and-return-are-told-by-link", waits=True)
    def run():
        with Probed(config=config(probe)) as lab:
            monitor = Monitor(lab.daemon)
            for i in lab.links:
                await_health(lab, i, family, "well unknown")
            lab.cut(1)
            await_health(lab, 1, family, "silent")
            tap.true(health(lab, 2, family) in ("well", "unknown"), "the other link")
            monitor.wait({"event": "interface-health", "health": "silent", "health-reason": "probe"})
            lab.restore(1)
            await_health(lab, 1, family, "well")


for _name, _case in TARGETS.items():
    each_target(_name, *_case)


@tap.test("/probe/wire/leaves-by-its-link-from-its-address", waits=True)
def wire():
    with Probed(config=config(TARGETS["tcp-refused-ipv4"][1])) as lab:
        capture = Capture(lab.client)

        def seen():
            return {(syn["link"], syn["source"]) for syn in capture.syns() if syn["out"]}

        wait_until(lambda: len(seen()) == 2, 5, "questions by both links", seen)
        tap.equal(seen(), {(f"link{i}", client_address(i)) for i in lab.links}, "links, addresses")


def snmp(host, group, name):
    """A counter of /proc/net/snmp."""
    rows = [row.split() for row in host.run("cat", "/proc/net/snmp").stdout.splitlines()
            if row.startswith(f"{group}:")]
    return int(dict(zip(*rows))[name])


def snmp6(host, name):
    rows = [row.split() for row in host.run("cat", "/proc/net/snmp6").stdout.splitlines()]
    return int(dict(rows)[name])


@tap.test("/probe/icmp/each-question-is-answered", waits=True)
def echo():
    with Probed(config=config(TARGETS["icmp-ipv4"][1], TARGETS["icmp-ipv6"][1])) as lab:
        host = lab.client
        for asked, answered in (
                (lambda: snmp(host, "Icmp", "OutEchos"), lambda: snmp(host, "Icmp", "InEchoReps")),
                (lambda: snmp6(host, "Icmp6OutEchos"), lambda: snmp6(host, "Icmp6InEchoReplies"))):
            wait_until(lambda asked=asked: asked() >= 6, 5, "questions", asked)
            count = asked()
            wait_until(lambda a=answered, n=count: a() >= n, 1, "answers", answered)


@tap.test("/probe/server/a-connection-is-reset-and-nothing-stays", waits=True)
def server():
    with Probed(config=config(TARGETS["tcp-ipv4"][1])) as lab:
        wait_until(lambda: snmp(lab.client, "Tcp", "OutRsts") >= 6, 5, "connections were reset")
        found = lab.client.run("ss", "-tnHa", "dst", server_address()).stdout.splitlines()
        tap.true(len(found) <= len(lab.links), f"sockets that stay: {found}")


@tap.test("/probe/ping/where-nobody-may-a-command-is-told", waits=True)
def forbidden():
    text = config(TARGETS["icmp-ipv4"][1], TARGETS["tcp-ipv4"][1])
    with Lab(links=1, config=text) as lab:
        lab.client.sysctl(GROUPS, "1 0")
        tap.true(COMMAND in lab.daemon.text(), lab.daemon.text())
        done = lab.client.run(MPTCPD, "--config", lab.daemon.config, "--plugin-directory",
                              lab.client.directory / "plugins", "--check-config", check=False)
        tap.equal(done.returncode, 0, "exit")
        tap.true(f"{lab.daemon.config}:4: " in done.stderr and COMMAND in done.stderr, done.stderr)
        lab.cut(1)
        await_health(lab, 1, 4, "silent suspect", 10)  # as the other target says
        lab.client.sysctl(GROUPS, "0 2147483647")
        done = lab.client.run(MPTCPD, "--config", lab.daemon.config, "--plugin-directory",
                              lab.client.directory / "plugins", "--check-config")
        tap.equal(done.stderr, "", "what the check says where everybody may")


@tap.test("/probe/config/links-without-one-and-those-not-used-are-not-asked-by", waits=True)
def unused():
    text = config(TARGETS["tcp-refused-ipv4"][1]).replace("[interface:link*]", "[interface:link1]")
    text += f"[interface:link2]\nuse = no\nprobe = {TARGETS['tcp-refused-ipv4'][1]}\n"
    with Probed(links=3, config=text) as lab:
        capture = Capture(lab.client)
        wait_until(lambda: len(capture.syns()) >= 5, 5, "questions")
        tap.equal({syn["link"] for syn in capture.syns()}, {"link1"}, "links")
        lab.daemon.config.write_text(text.replace("use = no\n", ""))
        lab.daemon.ctl("reload")
        wait_until(lambda: {syn["link"] for syn in capture.syns()} == {"link1", "link2"}, 5,
                   "asked by link2 after the reload")


@tap.test("/probe/descriptors/many-dead-targets-take-few", waits=True)
def descriptors():
    def count():
        return len(os.listdir(f"/proc/{lab.daemon.child.pid}/fd"))

    # Some twenty are mptcpd's own, and 16 questions may be under way.
    with Probed(links=4, config=config(*(f"tcp:203.0.113.{n}:80" for n in range(1, 9)))) as lab:
        wait_until(lambda: count() >= 34, 5, "many questions at once", count)
        for _ in range(300):
            tap.at_most(count(), 42, "descriptors")


if __name__ == "__main__":
    sandbox.run(tap.main)
