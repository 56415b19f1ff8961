# SPDX-License-Identifier: LGPL-2.1-or-later
"""What README.md tells its readers to type, typed as printed into a minimal Debian: to install, to see,
for a laptop, a router and a server, to uninstall.

Nothing is installed there but what the README says; that needs a download, see minimal.py. Of our own are
two things alone: whoever types is root, so that `sudo` does nothing, and says yes to apt.
"""

import contextlib
import pathlib
import re
import socket
import subprocess
import sys

sys.path[1:1] = [str(pathlib.Path(__file__).resolve().parents[1]),
                 str(pathlib.Path(__file__).resolve().parents[1] / "netns")]

import container
import minimal
import readme
import tap
from hosts import wait_until
from packages import apt, await_running, everything
from service import CONFIG, UNIT, listing, path_manager, properties, run

SOURCE = pathlib.Path("/root/mptcpd")
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
PORT = 4711
BARE_MAX = 80


def copy(root):
    """Outside: have the sources there, as a clone has them."""
    minimal.add_repository(root)
    tree = root / str(SOURCE)[1:]
    tree.mkdir()
    names = subprocess.run(["git", "-C", minimal.TREE, "ls-files", "-z"], check=True, stdout=subprocess.PIPE)
    subprocess.run(["tar", "-C", minimal.TREE, "--null", "--files-from=-", "-cf", root / "sources.tar"],
                   input=names.stdout, check=True)
    subprocess.run(["tar", "-C", tree, "-xf", root / "sources.tar"], check=True)
    (root / "sources.tar").unlink()
    (root / "etc/apt/apt.conf.d/90yes").write_text('APT::Get::Assume-Yes "true";\n', encoding="utf-8")


def blocks(heading):
    return readme.blocks((SOURCE / "README.md").read_text(encoding="utf-8"))[heading]


def type_in(text):
    """Type it into a shell in the sources; what that says."""
    done = subprocess.run(["bash", "-e", "-o", "pipefail", "-c", 'sudo() { "$@"; }\n' + text], cwd=SOURCE,
                          env={"PATH": PATH, "HOME": "/root", "DEBIAN_FRONTEND": "noninteractive"},
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, check=False)
    if done.returncode != 0:
        raise AssertionError(f"exit {done.returncode} of:\n{text}\n{done.stdout[-4000:]}")
    return done.stdout


def installed():
    return run("dpkg-query", "--show", "--showformat=${db:Status-Status}\\n").count("installed")


def has_mptcp():
    """What no package has brought, such as <linux/mptcp.h>."""
    brought = {line for file in pathlib.Path("/var/lib/dpkg/info").glob("*.list")
               for line in file.read_text(encoding="utf-8").splitlines()}
    return {path for path in everything() if "mptcp" in path} - brought


@tap.test("/readme/source/one-block-installs-it-and-another-removes-it", 900)
def source():
    apt("update")
    before, files = installed(), has_mptcp()
    install, remove = blocks("From source")
    type_in(install)
    new = installed() - before
    tap.note(f"{new} packages")
    tap.true(new < BARE_MAX, f"{new} packages are needed")
    said = re.search(r"Debian 12 (\d+) packages", (SOURCE / "README.md").read_text(encoding="utf-8"))[1]
    tap.equal(int(said), new, "as the README says")
    await_running()
    tap.equal(run("systemctl", "is-enabled", UNIT).strip(), "enabled", "at boot")
    type_in("mptcpctl; mptcpctl interface; man=/usr/local/share/man/man8/mptcpd.8; test -s $man")
    type_in(remove)
    tap.equal(sorted(has_mptcp() - files), [], "what is left")


@tap.test("/readme/package/two-commands-install-it", 900)
def package():
    lines, = blocks("Install")
    tap.equal(len(lines.splitlines()), 2, "commands")
    told = type_in(lines)
    tap.true(re.search(r"dev: installing .*\(\d+ packages with what they need, .* unpacked\)", told),
             f"what it installs and how much: {told[:500]}")
    await_running()
    seen, = blocks("See it work")
    tap.true("kernel" in type_in(seen), "it says who decides")


@contextlib.contextmanager
def lines(*names):
    """mptcpd, and links to a host in a namespace of its own, "far", with a network behind it: 10.9.0.0/24."""
    apt("update")
    apt("install", "mptcpd", "mptcpize", "libmptcp0", "libmptcpctl0")
    with contextlib.ExitStack() as undo:
        for name in ("far", "behind"):
            run("ip", "netns", "add", name)
            undo.callback(run, "ip", "netns", "delete", name)
        wire("far", "behind", "inward", "outward", "10.9.0")
        run("ip", "-n", "behind", "route", "add", "default", "via", "10.9.0.1")
        run("ip", "-n", "behind", "mptcp", "limits", "set", "subflow", "8", "add_addr_accepted", "8")
        run("ip", "netns", "exec", "far", "sh", "-c", "echo 1 >/proc/sys/net/ipv4/ip_forward")
        for i, name in enumerate(names):
            wire(None, "far", name, f"to-{name}", f"10.1.{i}")
            undo.callback(run, "ip", "link", "delete", name)
        yield


def wire(here, there, name, peer, network):
    """A link from one namespace (None: this one), which is .1 there, to another, .2."""
    where = ("-n", here) if here else ()
    run("ip", *where, "link", "add", name, "type", "veth", "peer", "name", peer, "netns", there)
    run("ip", *where, "address", "add", f"{network}.1/24", "dev", name)
    run("ip", "-n", there, "address", "add", f"{network}.2/24", "dev", peer)
    run("ip", *where, "link", "set", name, "up")
    run("ip", "-n", there, "link", "set", peer, "up")


def routes(*names):
    for i, name in enumerate(names):
        run("ip", "route", "replace", "default", "via", f"10.1.{i}.2", "dev", name, "metric", 100 + i)


@contextlib.contextmanager
def network_manager(*names):
    """Have NetworkManager do all that is done to a link after it is plugged in."""
    apt("install", "network-manager")
    for name in names:
        run("ip", "address", "flush", "dev", name)
    run("systemctl", "start", "dbus", "NetworkManager")
    wait_until(lambda: "running" in run("nmcli", "-t", "-f", "RUNNING", "general"), 20, "NetworkManager runs")
    for i, name in enumerate(names):
        run("nmcli", "device", "set", name, "managed", "yes")
        run("nmcli", "connection", "add", "type", "ethernet", "con-name", f"by {name}", "ifname", name,
            "ipv4.method", "manual", "ipv4.addresses", f"10.1.{i}.1/24", "ipv4.gateway", f"10.1.{i}.2",
            "ipv6.method", "disabled")
        run("nmcli", "--wait", "30", "connection", "up", f"by {name}")
    try:
        yield
    finally:
        run("systemctl", "stop", "NetworkManager")


@contextlib.contextmanager
def serving(*where):
    """Have a server there."""
    with subprocess.Popen([*where, *minimal.python(), __file__, "--serve"],
                          stdout=subprocess.PIPE, stdin=subprocess.PIPE, text=True) as child:
        try:
            tap.equal(child.stdout.readline(), "ready\n", "what the server says")
            yield
        finally:
            child.kill()


def serve():
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_MPTCP) as listener:
        listener.bind(("0.0.0.0", PORT))
        listener.listen()
        print("ready", flush=True)
        kept = []
        while True:
            kept.append(listener.accept()[0])
            kept[-1].sendall(kept[-1].recv(1))


def dial(address):
    client = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_MPTCP)
    client.connect((address, PORT))
    client.sendall(b"x")
    client.recv(1)
    return client


def subflows():
    """{interface: is it a backup} of the one connection there is."""
    connections = listing("connection")
    return {flow["interface"]: flow["backup"] for flow in connections[0]["subflows"]
            if flow["state"] == "established"} if len(connections) == 1 else connections


def await_subflows(wanted):
    wait_until(lambda: subflows() == wanted, 15, f"subflows {wanted}", lambda: (subflows(), listing("interface")))


@tap.test("/readme/laptop/works-as-printed", 120)
def laptop():
    text, = blocks("A laptop with NetworkManager")
    with lines("wlan0", "wwan0"):
        with network_manager("wlan0", "wwan0"):
            told = type_in(text)
            tap.true("wlan0" in told and "wwan0" in told, told)
            wait_until(lambda: run("ip", "route").count("default") == 2, 10, "its routes", lambda: run("ip", "route"))
            with serving("ip", "netns", "exec", "behind"), dial("10.9.0.2"):
                await_subflows({"wlan0": False, "wwan0": True})


@tap.test("/readme/router/works-as-printed", 120)
def router():
    text, = blocks("A router with two lines")
    with lines("dsl0", "dsl1", "lan0"):
        routes("dsl0", "dsl1", "lan0")
        type_in(text)
        with serving("ip", "netns", "exec", "behind"), dial("10.9.0.2"):
            await_subflows({"dsl0": False, "dsl1": False})
        tap.true("10.1.0.1" in run("ip", "rule"), "rules of the address")
    tap.equal(path_manager(), "userspace", "path manager")


@tap.test("/readme/server/works-as-printed", 120)
def server():
    text, = blocks("A server with two uplinks")
    with lines("eth0", "eth1"):
        routes("eth0", "eth1")
        type_in(text)
        with serving(), subprocess.Popen(
                ["ip", "netns", "exec", "behind", *minimal.python(), __file__,
                 "--dial", "10.1.0.1"], stdin=subprocess.PIPE) as client:
            await_subflows({"eth0": False, "eth1": False})
            client.stdin.close()


@tap.test("/readme/uninstall/leaves-nothing", 120)
def uninstall():
    text, = blocks("Uninstall")
    type_in(text)
    tap.equal((path_manager(), CONFIG.parent.exists()), ("kernel", False), "path manager, configuration")
    tap.equal(properties("LoadState"), ["not-found"], "unit")
    left = [path for path in has_mptcp() if not path.startswith("/etc/systemd/system/mptcpd-test.")]
    tap.equal(sorted(left), [], "what is left")


if __name__ == "__main__":
    if "--serve" in sys.argv:
        serve()
    elif "--dial" in sys.argv:
        with dial(sys.argv[-1]):
            sys.stdin.read()
    elif "--inside" in sys.argv:
        sys.argv.remove("--inside")
        tap.main()
    elif "--list" in sys.argv:
        tap.main()
    else:
        container.test(pathlib.Path(__file__).resolve(), sys.argv[1:], copy)
