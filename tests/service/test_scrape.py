# SPDX-License-Identifier: LGPL-2.1-or-later
"""Metrics over HTTP as they are installed, under a real systemd. A real Prometheus scrapes them where
it is installed: ./dev scrape."""

import contextlib
import json
import pathlib
import re
import shutil
import socket
import subprocess
import sys
import time

sys.path[1:1] = [str(pathlib.Path(__file__).resolve().parents[1]),
                 str(pathlib.Path(__file__).resolve().parents[1] / "netns")]

import container
import prometheus
import tap
from hosts import wait_until
from prometheus import total
from service import UNIT, Connection, Service, properties, run

SOCKET = "mptcpd-metrics.socket"
PORT = 8684
URL = f"http://127.0.0.1:{PORT}/metrics"
MOST = 8  # at once
EXPOSURE_MAX = 1.5
RULES = "share/mptcpd/mptcpd.rules.yml"  # below the prefix
BINARY = shutil.which("prometheus")
DIRECTORY = pathlib.Path("/run/prometheus-test")
CONFIG = """\
global: {{scrape_interval: 200ms, scrape_timeout: 200ms, evaluation_interval: 200ms}}
rule_files: [{rules}]
scrape_configs:
  - job_name: mptcpd
    static_configs: [{{targets: ['localhost:8684']}}]
"""


def curl(url=URL, code=0):
    return run("curl", "--silent", "--fail", "--max-time", "10", url, code=code)


def scrapes():
    """The processes that answer now."""
    lines = run("systemctl", "list-units", "--no-legend", "--plain", "mptcpd-metrics@*").splitlines()
    return [line.split()[0] for line in lines]


@contextlib.contextmanager
def served():
    with Service():
        run("systemctl", "start", SOCKET)
        try:
            yield
        finally:
            run("systemctl", "stop", SOCKET)


def silent(stack):
    return stack.enter_context(socket.create_connection(("127.0.0.1", PORT), timeout=10))


@tap.test("/scrape/socket/is-off-until-somebody-wants-it", 30)
def off():
    tap.equal(properties("UnitFileState", "ActiveState", unit=SOCKET), ["disabled", "inactive"], "socket")
    tap.equal(run("ss", "--no-header", "-tln", "sport", "=", f":{PORT}"), "", "who listens")
    done = subprocess.run(["systemd-analyze", "verify", "--man=no", SOCKET, "mptcpd-metrics@1.service"],
                          text=True, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    tap.equal([line for line in done.stdout.splitlines() if "mptcpd" in line], [], "faults of the units")
    exposure = run("systemd-analyze", "security", "--no-pager", "mptcpd-metrics@1.service")
    level = re.search(r"exposure level for \S+: ([0-9.]+)", exposure)
    tap.note(f"exposure level: {level[1]}")
    tap.at_most(float(level[1]), EXPOSURE_MAX, "exposure level")


@tap.test("/scrape/process/lives-for-one-scrape", 60)
def once():
    with served(), Connection():
        since = time.time()
        took = []
        for _ in range(5):
            begin = time.monotonic()
            families = prometheus.parse(curl())
            took.append((time.monotonic() - begin) * 1000)
        tap.note(f"a scrape takes {min(took):.0f} to {max(took):.0f} ms, with curl")
        tap.equal(total(families, "mptcpd_connections", state="established"), 2, "connections")
        curl(URL.replace("metrics", "other"), code=22)
        wait_until(lambda: not scrapes(), 10, "no process is left", scrapes)
        tap.equal(run("ss", "--no-header", "-tln", "sport", "=", f":{PORT}").split()[3],
                  f"127.0.0.1:{PORT}", "where it listens")
        run("systemctl", "stop", UNIT)
        tap.equal(curl().splitlines()[-1], "mptcpd_up 0", "without mptcpd")
        run("systemctl", "start", UNIT)
        tap.equal(total(prometheus.parse(curl()), "mptcpd_up"), 1, "after its start")
        wait_until(lambda: not scrapes(), 10, "no process is left", scrapes)
        run("journalctl", "--sync")
        told = run("journalctl", "--quiet", f"--since=@{since:.6f}", "--output=json").splitlines()
        tap.equal([line for line in told if "mptcpd-metrics@" in line], [], "what the journal has of it")


@tap.test("/scrape/bounds/many-who-say-nothing-keep-nobody-out-for-long", 90)
def bounds():
    with served():
        with contextlib.ExitStack() as stack:
            for _ in range(MOST - 2):
                silent(stack)
            wait_until(lambda: len(scrapes()) == MOST - 2, 10, "they are served", scrapes)
            tap.equal(total(prometheus.parse(curl()), "mptcpd_up"), 1, "another one")
            for _ in range(5 * MOST):
                silent(stack)
            wait_until(lambda: int(properties("NRefused", unit=SOCKET)[0]) > 0, 10, "some are hung up on")
            tap.at_most(int(properties("NConnections", unit=SOCKET)[0]), MOST, "at once")
            # They are given up on, though they stay.
            wait_until(lambda: int(properties("NConnections", unit=SOCKET)[0]) == 0, 20, "the end of all",
                       scrapes)
            tap.equal(total(prometheus.parse(curl()), "mptcpd_up"), 1, "after them")
        for _ in range(300):  # more than a socket of systemd takes within two seconds by default
            with contextlib.ExitStack() as stack:
                silent(stack)
        wait_until(lambda: int(properties("NConnections", unit=SOCKET)[0]) == 0, 20, "the end of all")
        tap.equal(properties("ActiveState", unit=SOCKET), ["active"], "the socket")
        tap.equal(total(prometheus.parse(curl()), "mptcpd_up"), 1, "after a storm")


def ask(path):
    return json.loads(run("curl", "--silent", "--max-time", "5", "--get",
                          f"http://127.0.0.1:9090/api/v1/{path}"))["data"]


def query(expression):
    """{labels without those of the scrape: value}"""
    found = json.loads(run("curl", "--silent", "--max-time", "5", "--get", "--data-urlencode",
                           f"query={expression}", "http://127.0.0.1:9090/api/v1/query"))
    return [(row["metric"], float(row["value"][1])) for row in found["data"]["result"]]


@contextlib.contextmanager
def server():
    DIRECTORY.mkdir()
    config = DIRECTORY / "prometheus.yml"
    rules = pathlib.Path(shutil.which("mptcpctl")).parents[1] / RULES
    config.write_text(CONFIG.format(rules=rules), encoding="utf-8")
    prometheus.promtool("check", "config", config)
    with subprocess.Popen([BINARY, f"--config.file={config}", f"--storage.tsdb.path={DIRECTORY / 'data'}",
                           "--web.listen-address=127.0.0.1:9090", "--log.level=warn"],
                          stdin=subprocess.DEVNULL) as child:
        try:
            wait_until(lambda: subprocess.run(
                ["curl", "--silent", "--fail", "http://127.0.0.1:9090/-/ready"], check=False,
                stdout=subprocess.DEVNULL).returncode == 0, 30, "Prometheus is ready")
            yield
        finally:
            child.terminate()


def scraped():
    with served(), Connection(), server():
        # Where a scrape takes longer than Prometheus waits, nothing is known until the next one.
        for expression in ("mptcpd_up == 1", 'sum(mptcpd_connections{state="established"}) == 2',
                           'mptcp_kernel_total{counter="MPCapableSYNRX"} >= 1', "mptcp_kernel"):
            wait_until(lambda e=expression: query(e), 20, expression, lambda: ask("targets"))
        wait_until(lambda: [(t["health"], t["lastError"]) for t in ask("targets")["activeTargets"]]
                   == [("up", "")], 20, "the target is well", lambda: ask("targets"))
        kinds = json.loads(run("curl", "--silent", "http://127.0.0.1:9090/api/v1/metadata"))["data"]
        tap.equal({kinds[name][0]["type"] for name in ("mptcpd_events", "mptcpd_events_total")
                   if name in kinds}, {"counter"}, "what Prometheus takes counters for")
        tap.equal(kinds["mptcpd_join_delay_seconds"][0]["type"], "histogram", "and the histogram")
        groups = ask("rules")["groups"]
        bad = [(rule["name"], rule["lastError"]) for group in groups for rule in group["rules"]
               if rule["health"] == "err"]
        tap.equal((len(groups), bad), (1, []), "rules that cannot be evaluated")
        run("systemctl", "stop", UNIT)
        wait_until(lambda: query("mptcpd_up == 0"), 20, "it is seen to be down")
        wait_until(lambda: "MptcpdDown" in {a["labels"]["alertname"] for a in ask("alerts")["alerts"]}, 20,
                   "the alert", lambda: ask("alerts"))
        run("systemctl", "start", UNIT)


if BINARY:
    tap.test("/scrape/prometheus/reads-all-of-it-and-evaluates-every-rule", 120)(scraped)


if __name__ == "__main__":
    if "--inside" in sys.argv:
        sys.argv.remove("--inside")
    elif "--list" not in sys.argv:
        container.test(pathlib.Path(__file__).resolve(), sys.argv[1:])
    tap.main()
