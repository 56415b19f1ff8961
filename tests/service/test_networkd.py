# SPDX-License-Identifier: LGPL-2.1-or-later
"""Source routing beside systemd-networkd, which deletes what it does not know."""

import pathlib
import shutil
import subprocess
import sys
import time

sys.path[1:1] = [str(pathlib.Path(__file__).resolve().parents[1]),
                 str(pathlib.Path(__file__).resolve().parents[1] / "netns")]

import container
import tap
from hosts import wait_until
from service import USERSPACE, Service, properties, run, sysctl

NETWORKD = "systemd-networkd.service"
NETWORKS = pathlib.Path("/run/systemd/network")
# Takes the place of the drop-in that is installed.
MASK = pathlib.Path("/etc/systemd/networkd.conf.d/50-mptcpd.conf")
CONFIG = USERSPACE.replace("[core]\n", "[core]\nsource-routing = yes\n")
NETWORK = """\
[Match]
Name={name}
[Network]
Address=10.1.{i}.1/24
LinkLocalAddressing=no
IPv6AcceptRA=no
[Route]
Gateway=10.1.{i}.2
Metric={metric}
"""


def ours():
    """How many rules and routes there are of ours."""
    rules = run("ip", "-N", "rule").count("proto 184")
    shown = subprocess.run(["ip", "route", "show", "table", "all", "proto", "184"], text=True,
                           capture_output=True, check=False).stdout
    return rules, len(shown.splitlines())


class Networkd:
    """Two links that it configures."""

    def __enter__(self):
        NETWORKS.mkdir(parents=True, exist_ok=True)
        for i, name in enumerate(("left", "right")):
            (NETWORKS / f"10-{name}.network").write_text(
                NETWORK.format(name=name, i=i, metric=100 + i), encoding="ascii")
        run("ip", "link", "add", "left", "type", "veth", "peer", "name", "right")
        sysctl("net.ipv4.conf.all.rp_filter", 0)
        run("systemctl", "restart", NETWORKD)
        wait_until(lambda: run("ip", "route").count("default") == 2, 20, "networkd's routes",
                   lambda: run("networkctl", "--no-pager"))

    def __exit__(self, *exception):
        run("systemctl", "stop", NETWORKD, "systemd-networkd.socket")
        run("ip", "link", "delete", "left")


def play(deletes):
    with Networkd(), Service(CONFIG) as service:
        wait_until(lambda: ours() == (4, 4), 5, "rules and routes", ours)
        for _ in range(3):
            run("networkctl", "reconfigure", "left")
            wait_until(lambda: run("ip", "route").count("default") == 2, 10, "its routes")
            wait_until(lambda: ours() == (4, 4), 1, "rules and routes again", ours,
                       by_the_clock=True)
        run("networkctl", "reload")
        run("systemctl", "restart", NETWORKD)
        wait_until(lambda: ours() == (4, 4) and run("ip", "route").count("default") == 2, 10,
                   "rules and routes after its restart", ours)
        said = [text for _, text in service.journal.entries() if "somebody else deletes" in text]
        tap.equal(len(said), int(deletes), f"what is said of it: {said}")
    tap.equal(ours(), (0, 0), "what is left")


@tap.test("/service/networkd/leaves-ours-alone", 60)
def with_drop_in():
    if properties("LoadState", unit=NETWORKD) != ["loaded"]:
        raise tap.Skip("systemd-networkd is not installed")
    text = run("systemd-analyze", "cat-config", "systemd/networkd.conf")
    tap.true("ManageForeignRoutingPolicyRules=no" in text, f"the drop-in is read: {text}")
    play(deletes=False)


@tap.test("/service/networkd/what-it-deletes-is-made-again", 60)
def without_drop_in():
    if properties("LoadState", unit=NETWORKD) != ["loaded"]:
        raise tap.Skip("systemd-networkd is not installed")
    MASK.parent.mkdir(parents=True, exist_ok=True)
    MASK.symlink_to("/dev/null")
    try:
        play(deletes=True)
    finally:
        MASK.unlink()


@tap.test("/service/networkd/takes-the-drop-in-for-a-link", 60)
def for_a_link():
    if properties("LoadState", unit=NETWORKD) != ["loaded"]:
        raise tap.Skip("systemd-networkd is not installed")
    drop_in = next(pathlib.Path("/usr").glob("**/mptcpd/neighbours/systemd-networkd/mptcpd.conf"))
    directory = NETWORKS / "10-left.network.d"
    directory.mkdir(parents=True, exist_ok=True)
    # What networkd does not know it names: this line, which shows that it reads the file, and no other.
    (directory / drop_in.name).write_text(drop_in.read_text(encoding="utf-8") + "Unheard-Of=1\n",
                                          encoding="utf-8")
    since = f"--since=@{time.time():.6f}"
    try:
        with Networkd():
            run("journalctl", "--sync")
            said = run("journalctl", since, f"--unit={NETWORKD}", "--output=cat", "--priority=warning")
            about = {line for line in said.splitlines() if drop_in.name in line}
            tap.equal(len(about), 1, f"what networkd does not like in it: {said}")
            tap.true("Unheard-Of" in about.pop(), said)
    finally:
        shutil.rmtree(directory)


if __name__ == "__main__":
    if "--inside" in sys.argv:
        sys.argv.remove("--inside")
    elif "--list" not in sys.argv:
        container.test(pathlib.Path(__file__).resolve(), sys.argv[1:])
    tap.main()
