# SPDX-License-Identifier: LGPL-2.1-or-later
"""What becomes of endpoints on a link that is silent, and what is done where all are: nothing."""

import pathlib
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

import sandbox
import tap
from daemon import FULLMESH, Daemon, Monitor, matches
from hosts import Network, Storm, Traffic, wait_until
from lab import Lab, measure
from rawbus import RawBus
from stage import LONG

KERNEL = "[core]\npath-manager = kernel\n"


class Watched:
    """What is told of the health of links, in seconds after a begin."""

    def __init__(self, lab):
        self.monitor = Monitor(lab.daemon)
        self.begin = time.time()

    def start(self):
        self.begin = time.time()

    def states(self, link, family="ipv4"):
        """[(when, state)] since the begin."""
        return [(event["time"] - self.begin, event["health"]) for event in list(self.monitor.events)
                if event["event"] == "interface-health" and event["time"] >= self.begin
                and event["interface"]["name"] == link and event["family"] == family]

    def silent(self, link, seconds, family="ipv4"):
        """When it is told silent."""
        def told():
            return [when for when, state in self.states(link, family) if state == "silent"]

        when = wait_until(told, seconds + 1, f"{link} is silent", lambda: self.states(link))[0]
        tap.note(f"{link} is told silent after {when:.2f} s")
        return when

    def alarms(self):
        return [event for event in list(self.monitor.events)
                if event.get("health") == "silent" and event["event"] == "interface-health"]

    def well(self, link, seconds):
        wait_until(lambda: self.states(link) and self.states(link)[-1][1] == "well", seconds,
                   f"{link} is well", lambda: self.states(link))


def watch_upload(lab):
    """One that has been using two subflows for a second."""
    watched = Watched(lab)
    flow = lab.flow("up")
    lab.await_subflows(2)
    lab.await_flowing(flow)
    measure(1)
    return watched


def destroyed(monitor):
    return [event for event in monitor.events if event["event"] == "subflow-closed"]


@tap.test("/silent/endpoint-is-a-backup-meanwhile", waits=True)
def endpoint():
    def flags(lab):
        return {e["address"]: e["flags"] for e in lab.daemon.json("endpoint")["endpoints"]}

    with Lab(config=KERNEL) as lab:
        watched = watch_upload(lab)
        watched.start()
        lab.cut(1)
        watched.silent("link1", 2.5)
        wait_until(lambda: "backup" in flags(lab)["10.0.1.1"], 2, "a backup", lambda: flags(lab))
        tap.equal(flags(lab)["10.0.2.1"], ["subflow"], "the other one")
        tap.equal(destroyed(watched.monitor), [], "nothing is closed for it")
        lab.restore(1)
        watched.well("link1", 15)
        wait_until(lambda: flags(lab)["10.0.1.1"] == ["subflow"], 2, "as before", lambda: flags(lab))


@tap.test("/silent/modem-that-takes-packets-and-sends-none", waits=True)
def modem():
    with Lab(config=FULLMESH) as lab:
        watched = watch_upload(lab)
        watched.start()
        # One segment goes, and what is left of the burst is too little for a part of one.
        lab.client.run("tc", "qdisc", "replace", "dev", "link1", "root", "tbf", "rate", "200bit",
                       "burst", "1600", "limit", "1mb")
        watched.silent("link1", 2.5)
        tap.equal(destroyed(watched.monitor), [], "nothing is closed for it")


@tap.test("/silent/all-links-at-once", waits=True)
def all_links():
    with Lab(config=FULLMESH) as lab:
        watched = watch_upload(lab)
        commands = lab.daemon.json("status")["status"]["commands"]
        for i in lab.links:
            lab.cut(i)
        wait_until(lambda: "no link is answered" in lab.daemon.text(), 6, "it is said")
        measure(3)
        tap.equal(lab.daemon.text().count("no link is answered"), 1, "how often")
        tap.equal(watched.alarms(), [], "alarms")
        tap.equal(lab.daemon.json("status")["status"]["commands"], commands, "commands")
        tap.equal(destroyed(watched.monitor), [], "nothing is closed for it")


def swallow(host, link):
    """What comes in by that link is for nobody any more, without a word."""
    host.ip("rule add pref 10 lookup local", "rule del pref 0",
            f"rule add pref 1 iif {link} blackhole")


@tap.test("/silent/server/tells-of-what-it-sends-and-makes-nothing", waits=True)
def server():
    with Network(links=2, note=tap.note) as net:
        net.client.ip("mptcp limits set subflow 4 add_addr_accepted 4")
        daemon = Daemon(net.server, "[policy:announce]\nplugin = announce\n[interface:*]\n"
                                    "flags = signal\n[core]\npath-manager = userspace\n")
        Traffic(net.server, "server", "10.0.1.2", 5000)
        client = Traffic(net.client, "client", "10.0.1.2", 5000)
        wait_until(lambda: len(net.client.subflows()) == 2, 5, "two subflows", net.client.subflows)
        client.transfer("download", 4 << 20)
        monitor = Monitor(daemon)
        for host in (net.client, net.server):
            swallow(host, "link1")
        cut = time.time()
        verdict = {"event": "interface-health", "health": "silent"}
        while not any(matches(event, verdict) for event in list(monitor.events)):
            tap.true(client.transfer("download", 1 << 20)["intact"], "data by the other link")
            tap.at_most(time.time() - cut, 10, "seconds without a verdict")
        silent = monitor.wait(verdict)[0]
        took = silent["time"] - cut
        tap.note(f"{silent['interface']['name']} is told silent after {took:.2f} s")
        tap.equal(silent["interface"]["name"], "link1", "who")
        tap.at_most(took, 2.5 * tap.SLOW, "seconds")
        tap.equal(net.server.nstat().get("MPJoinSynTx", 0), 0, "joins of the server")
        tap.equal(destroyed(monitor), [], "nothing is closed for it")


class Asking(threading.Thread):
    """Somebody who asks mptcpd again and again, and how long each answer took, in seconds."""

    def __init__(self, daemon):
        super().__init__(daemon=True)
        self.bus, self.waited, self.is_over = RawBus(daemon.runtime / "control"), [], False
        self.start()

    def run(self):
        while not self.is_over:
            begin = time.monotonic()
            self.bus.call("GetStatus")
            self.waited.append(time.monotonic() - begin)

    def end(self):
        self.is_over = True
        self.join()
        self.bus.close()
        return self.waited


@tap.test("/silent/crowd/very-many-connections-get-another-path-within-a-second", 120)
def crowd():
    n, took = 10_000 if LONG else 2_000, []
    text = ("[core]\npath-manager = userspace\n[interface:link2]\nflags = subflow,backup\n"
            "[policy:p]\nplugin = handover\n")
    with Network(links=2, note=tap.note) as net:
        for host in (net.client, net.server):
            host.sysctl("net.ipv4.ip_local_port_range", "1024 65535")
        daemon = Daemon(net.client, text, verbose=False)
        Storm(net.server, "server", "0.0.0.0", 5000)
        Storm(net.client, "client", "10.0.1.2", 5000).say(f"open {n}")
        wait_until(lambda: daemon.json("status")["status"]["connections"] == n, 30, "all known")
        Traffic(net.server, "server", "10.0.1.2", 5001)
        sender = Traffic(net.client, "client", "10.0.1.2", 5001)
        sender.transfer("upload", 1 << 20)
        monitor = Monitor(daemon)
        for host in (net.client, net.server):
            swallow(host, "link1")
        sender.order("upload", 1 << 20)
        silent = monitor.wait({"event": "interface-health", "health": "silent"}, 6)[0]["time"]
        asking = Asking(daemon)
        for counter in ("MPJoinSynTx", "MPJoinSynAckRx"):
            wait_until(lambda c=counter: net.client.nstat().get(c, 0) > n, 30, "all", net.client.nstat)
            took.append(time.time() - silent)
        waited = asking.end()
        tap.note(f"{n} connections: all joins sent {took[0]:.2f} s after the verdict and answered "
                 f"after {took[1]:.2f} s; {len(waited)} calls meanwhile, answered after "
                 f"{max(waited) * 1e3:.0f} ms at most")
        tap.at_most(took[0], tap.SLOW, "seconds from the verdict to the last join")
        tap.true(len(waited) > 3, f"who asks is answered in between: {waited}")
        if LONG:
            tap.at_most(max(waited), 0.05 * tap.SLOW, "seconds until an answer")
        sender.read()


if __name__ == "__main__":
    sandbox.run(tap.main)
