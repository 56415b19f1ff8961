# SPDX-License-Identifier: LGPL-2.1-or-later
"""Metrics: the formats, what they say beside what the listings say, and who scrapes them."""

import contextlib
import pathlib
import re
import socket
import statistics
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests"))

import prometheus
import sandbox
import tap
from daemon import FULLMESH, MPTCPCTL, Daemon
from hosts import Network, Storm, Traffic, wait_until
from prometheus import total
from stage import crowd

RULES = ROOT / "etc/mptcpd.rules.yml"
# So long a scrape may take among 10,000 connections (as a median, and of an optimized build).
N, SCRAPE_MS = 10_000, 30
ODD = "a\"b\\c"  # the name of a link


@contextlib.contextmanager
def running(config=FULLMESH, links=3):
    with Network(links=links, note=tap.note) as net:
        Traffic(net.server, "server", "0.0.0.0", 5000)
        daemon = Daemon(net.client, config, verbose=False)
        net.on_failure.append(lambda: "mptcpd's log:\n" + daemon.text()[-4000:])
        yield net, daemon


def read(daemon):
    return prometheus.parse(daemon.ctl("metrics"))


def await_subflows(daemon, n):
    wait_until(lambda: daemon.json("status")["status"]["subflows"] >= n, 10, f"{n} subflows")


class Scrape:
    """`mptcpctl metrics serve` as systemd starts it; we are the other end of its connection."""

    def __init__(self, daemon, socket_path=None):
        self.ours, theirs = socket.socketpair()
        self.ours.settimeout(20 * tap.SLOW)
        self.child = daemon.host.start(MPTCPCTL, "--socket", socket_path or daemon.runtime / "control",
                                       "metrics", "serve", stdin=theirs)
        theirs.close()

    def say(self, data):
        self.ours.sendall(data)
        return self

    def hear(self):
        """(status, {header: value}, body), once it has hung up."""
        data = b""
        with contextlib.suppress(ConnectionResetError):  # it left some of what was said unread
            while part := self.ours.recv(65536):
                data += part
        self.ours.close()
        tap.equal(self.child.wait(timeout=10 * tap.SLOW), 0, "exit status")
        head, _, body = data.decode().partition("\r\n\r\n")
        first, *lines = head.split("\r\n")
        tap.true(re.match(r"HTTP/1\.1 \d{3} [A-Z]", first), f"status line: {first!r}")
        headers = {k.lower(): v for k, v in (line.split(": ", 1) for line in lines)}
        tap.equal(headers["connection"], "close", "connection")
        return int(first.split()[1]), headers, body


def get(daemon, request):
    return Scrape(daemon).say(request).hear()


@tap.test("/metrics/text/both-formats-are-as-their-rules-say")
def formats():
    with running() as (net, daemon):
        Traffic(net.client, "client", "10.0.1.2", 5000)
        await_subflows(daemon, 3)
        for words in (f"link add {ODD} type veth peer name other", f"link set {ODD} up",
                      "link set other up", f"address add 10.7.0.1/24 dev {ODD}"):
            net.client.run("ip", *words.split())
        wait_until(lambda: total(read(daemon), "mptcpd_subflows", interface=ODD) == 0 and
                   prometheus.values(read(daemon), "mptcpd_subflows", interface=ODD), 5,
                   "a link whose name has to be escaped", lambda: daemon.ctl("metrics"))
        wait_until(lambda: prometheus.values(read(daemon), "mptcpd_link_health"), 5, "a link's health")
        text = daemon.ctl("metrics")
        families = prometheus.parse(text)
        if prometheus.promtool("check", "metrics", text=text) is None:
            tap.note("promtool is not installed")
        open_text = daemon.ctl("metrics", "openmetrics")
        opened = prometheus.parse(open_text, openmetrics=True)
        tap.equal(prometheus.names(opened), prometheus.names(families), "names of samples")
        found = daemon.json("metrics")["metrics"]
        tap.equal({m["name"]: m["type"] for m in found},
                  {name: family.type for name, family in families.items()}, "JSON")
        daemon.ctl("metrics", "nonsense", code=2)


@tap.test("/metrics/numbers/are-those-of-the-listings")
def numbers():
    with running() as (net, daemon):
        for _ in range(2):
            Traffic(net.client, "client", "10.0.1.2", 5000)
        await_subflows(daemon, 6)
        families, status = read(daemon), daemon.json("status")["status"]
        tap.equal(total(families, "mptcpd_connections"), 2, "connections")
        tap.equal(total(families, "mptcpd_connections", policy="default", state="established"), 2,
                  "established ones of the policy")
        for i in net.links:
            tap.equal(total(families, "mptcpd_subflows", interface=f"link{i}", state="established"), 2,
                      f"subflows of link{i}")
        for name in ("commands", "command-errors", "events-lost"):
            tap.equal(total(families, f"mptcpd_{name.replace('-', '_')}_total"), status[name], name)
        tap.true(0 < total(families, "mptcpd_events_total") <= status["events"], "events")
        tap.equal(total(families, "mptcpd_info", version=status["version"],
                        path_manager="userspace"), 1, "info")
        tap.equal(total(families, "mptcpd_join_delay_seconds_count"), 4, "joins")
        tap.at_most(total(families, "mptcpd_join_delay_seconds_sum"), 4 * tap.SLOW, "seconds they took")
        tap.true(abs(total(families, "mptcpd_start_time_seconds") - time.time()) < 60 * tap.SLOW, "start")
        counted = net.client.nstat()
        gauge = {"MPCurrEstab"} & set(counted)
        tap.equal({dict(labels)["counter"]: value for (_, labels), value
                   in families["mptcp_kernel_total"].samples.items()},
                  {name: value for name, value in counted.items() if name not in gauge},
                  "the kernel's counters")
        for name in gauge:
            tap.equal(total(families, "mptcp_kernel", counter=name), counted[name], name)
        tap.equal(total(families, "mptcpd_missing_paths"), 0, "missing paths")
        tap.equal(total(families, "mptcpd_up"), 1, "up")


@tap.test("/metrics/cardinality/does-not-grow-with-connections")
def cardinality():
    with running(links=2) as (net, daemon):
        sizes = []
        Storm(net.server, "server", "0.0.0.0", 5001)
        for _ in range(3):
            Storm(net.client, "client", "10.0.1.2", 5001).say("open 20")
            await_subflows(daemon, 40 * (len(sizes) + 1))
            families = read(daemon)
            sizes.append(sum(len(family.samples) for name, family in families.items()
                             if name != "mptcpd_link_health"))  # that has to be found out
            tap.equal(total(families, "mptcpd_connections"), 20 * len(sizes), "connections")
        tap.equal(sizes, sizes[:1] * 3, "samples")


@tap.test("/metrics/reasons/are-counted-as-they-arise-and-as-explain-says")
def reasons():
    with running(links=3) as (net, daemon):
        net.server.run("nft", "-f", "-", stdin="""table inet filter { chain in {
            type filter hook input priority 0;
            iifname link2 tcp option mptcp exists tcp flags syn reject with tcp reset
            iifname link3 tcp option mptcp exists tcp flags syn drop
            }
            }""")
        Traffic(net.client, "client", "10.0.1.2", 5000)
        wait_until(lambda: total(read(daemon), "mptcpd_missing_paths", reason="refused") == 1, 5,
                   "a refused path", lambda: daemon.ctl("metrics"))
        wait_until(lambda: total(read(daemon), "mptcpd_missing_paths", reason="unanswered") == 1, 5,
                   "an unanswered path", lambda: daemon.ctl("metrics"))
        families = read(daemon)
        tap.true(total(families, "mptcpd_path_failures_total", reason="refused") >= 1, "failures")
        told = {path["interface"]: path["reason"] for c in daemon.json("explain")["connections"]
                for path in c["paths"] if path["reason"] and path["remote"]["address"] == "10.0.1.2"}
        tap.equal({told.get("link2"), told.get("link3")}, {"refused", "unanswered"}, "explain")
        net.down(3)
        wait_until(lambda: total(read(daemon), "mptcpd_missing_paths", reason="link-down") == 1 or
                   total(read(daemon), "mptcpd_missing_paths", reason="unanswered") == 0, 5,
                   "it is not waited for any more", lambda: daemon.ctl("metrics"))


@tap.test("/metrics/reasons/what-fell-back-is-counted-once")
def fallback():
    with running(links=2) as (net, daemon):
        net.server.sysctl("net.mptcp.enabled", 0)
        Storm(net.server, "plain", "0.0.0.0", 5002)
        Storm(net.client, "client", "10.0.1.2", 5002).say("open 3")
        wait_until(lambda: len(daemon.connections()) == 3, 10, "they are known", daemon.connections)
        tap.equal(total(read(daemon), "mptcpd_connections", state="fallback"), 3, "connections")
        tap.equal(total(read(daemon), "mptcpd_missing_paths", reason="no-mptcp"), 3, "missing")


@tap.test("/metrics/http/what-is-asked-for-is-answered")
def http():
    with running(links=2) as (_, daemon):
        status, headers, body = get(daemon, b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
        tap.equal((status, headers["content-type"]),
                  (200, "text/plain; version=0.0.4; charset=utf-8"), "answer")
        tap.equal(int(headers["content-length"]), len(body.encode()), "length")
        tap.equal(total(prometheus.parse(body), "mptcpd_up"), 1, "up")
        # As Prometheus 2.42 asks.
        accept = (b"Accept: application/openmetrics-text;version=1.0.0,application/openmetrics-text;"
                  b"version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1\r\n")
        status, headers, body = get(daemon, b"GET /metrics?a=b HTTP/1.1\r\n" + accept + b"\r\n")
        tap.equal((status, headers["content-type"]),
                  (200, "application/openmetrics-text; version=1.0.0; charset=utf-8"), "OpenMetrics")
        prometheus.parse(body, openmetrics=True)
        for accept, kind in ((b"text/plain", "text/plain"), (b"*/*", "text/plain"),
                             (b"application/openmetrics-text;version=9", "text/plain"),
                             (b"application/openmetrics-text; q=0.2, text/plain", "text/plain"),
                             (b"application/openmetrics-text; q=0", "text/plain")):
            _, headers, _ = get(daemon, b"GET /metrics HTTP/1.0\nAccept: " + accept + b"\n\n")
            tap.true(headers["content-type"].startswith(kind), f"{accept}: {headers}")
        status, headers, body = get(daemon, b"HEAD /metrics HTTP/1.1\r\n\r\n")
        tap.equal((status, body, int(headers["content-length"]) > 100), (200, "", True), "HEAD")
        for request, wanted in ((b"GET / HTTP/1.1", 200), (b"GET http://x/metrics HTTP/1.1", 200),
                                (b"GET http://x HTTP/1.1", 200), (b"GET /metric HTTP/1.1", 404),
                                (b"GET /metrics/ HTTP/1.1", 404), (b"POST /metrics HTTP/1.1", 405),
                                (b"get /metrics HTTP/1.1", 405), (b"GET /metrics HTTP/2.0", 505),
                                (b"GET /metrics", 400), (b"GET", 400), (b"", 400), (b"\0", 400),
                                (b"\x16\x03\x01\0\0\0", 400), (b"GET  HTTP/1.1", 400)):
            tap.equal(get(daemon, request + b"\r\n\r\n")[0], wanted, f"{request}")
        daemon.end()
        status, _, body = get(daemon, b"GET /metrics HTTP/1.1\r\n\r\n")
        tap.equal((status, body.splitlines()[2:]), (200, ["mptcpd_up 0"]), "without mptcpd")
        prometheus.parse(body)
        daemon.ctl("metrics", code=3)


@tap.test("/metrics/http/who-is-slow-or-says-too-much-is-hung-up-on", waits=True)
def bounds():
    with running(links=1) as (_, daemon):
        slow, silent, quiet = Scrape(daemon), Scrape(daemon), Scrape(daemon)
        begin = time.monotonic()
        status, _, _ = get(daemon, b"GET /metrics HTTP/1.1\r\n" + b"a: b\r\n" * 2000)
        tap.equal(status, 431, "a request of 12 kB")
        quiet.ours.close()
        tap.equal(quiet.child.wait(timeout=10 * tap.SLOW), 0, "exit status of one without a word")
        with contextlib.suppress(OSError):
            while time.monotonic() - begin < 12 * tap.SLOW and slow.child.poll() is None:
                slow.say(b"x")
                time.sleep(0.1)
        tap.equal(slow.hear()[0], 408, "a byte each 100 ms")
        tap.equal(silent.hear()[0], 408, "nothing at all")
        tap.at_most(time.monotonic() - begin, 12 * tap.SLOW, "seconds")
        # One who does not read the answer: it does not fit where nobody reads.
        deaf = Scrape(daemon)
        deaf.ours.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        begin = time.monotonic()
        deaf.say(b"GET /metrics HTTP/1.1\r\n\r\n")
        tap.equal(deaf.child.wait(timeout=20 * tap.SLOW), 0, "exit status")
        tap.at_most(time.monotonic() - begin, 12 * tap.SLOW, "seconds")
        daemon.ctl("metrics", "serve", "x", code=2)
        daemon.ctl("metrics", "serve", code=2)  # its standard input is no socket


@tap.test("/metrics/alerts/name-only-metrics-and-labels-that-there-are")
def alerts():
    with running(links=2) as (net, daemon):
        Traffic(net.client, "client", "10.0.1.2", 5000)
        await_subflows(daemon, 2)
        text = RULES.read_text(encoding="utf-8")
        prometheus.promtool("check", "rules", RULES)
        families = read(daemon)
        known = prometheus.names(families) | {"mptcpd_link_health"}  # nobody has looked at a link yet
        named = set(re.findall(r"\bmptcpd?_[a-z_]+", re.sub(r"#.*", "", text)))
        tap.true(len(named) > 8, f"{named}")
        tap.equal(named - known, set(), "metrics that there are not")
        counters = {dict(labels)["counter"] for _, labels in families["mptcp_kernel_total"].samples}
        for expression in re.findall(r'counter=~"([^"]+)"', text):
            tap.true(set(expression.split("|")) & counters, f"{expression}: none of them is known")
        words = {dict(labels)["reason"] for _, labels in families["mptcpd_missing_paths"].samples}
        for expression in re.findall(r'reason=~"([^"]+)"', text):
            tap.equal(set(expression.split("|")) - words, set(), "reasons that there are not")


@tap.test("/metrics/cost/a-scrape-among-ten-thousand-connections", 180)
def cost():
    with crowd(N) as (_, daemon):
        took = []
        for _ in range(9):
            begin = time.monotonic()
            _, _, body = get(daemon, b"GET /metrics HTTP/1.1\r\n\r\n")
            took.append((time.monotonic() - begin) * 1000)
        tap.equal(total(prometheus.parse(body), "mptcpd_connections"), N, "connections")
        tap.equal(total(prometheus.parse(body), "mptcpd_subflows", state="established"), 2 * N, "subflows")
        tap.note(f"a scrape takes {min(took):.1f} to {max(took):.1f} ms, {statistics.median(took):.1f} as a median")
        tap.at_most(min(took), SCRAPE_MS * tap.SLOW, "ms of a scrape, at best")


if __name__ == "__main__":
    sandbox.run(tap.main)
